import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { Origin } from '#origin/server.ts';
import { type SallyportProcess, startSallyport } from '#test/support/sallyport-process.ts';
import {
  complete,
  create,
  head,
  sha256,
  type TestBundle,
  uploadByTus,
  uploadUrl,
} from '#test/support/upload-client.ts';

let dir = '';
let server: SallyportProcess | null = null;
afterEach(async () => {
  server?.child.kill('SIGKILL');
  await server?.ended;
  rmSync(dir, { recursive: true, force: true });
});

type Served = Pick<Origin, 'supportLogsUrl' | 'analyticsUrl'>;

async function serve(): Promise<Served> {
  const started = startSallyport(['serve', dir, '--port', '0']);
  server = started;
  const urlOf = async (key: string) => (await started.said(key)).replace(/^.*: /, '');
  return { analyticsUrl: await urlOf('exposure_analytics.url'), supportLogsUrl: await urlOf('support_logs.url') };
}

async function kill(): Promise<void> {
  server?.child.kill('SIGKILL');
  await server?.ended;
}

async function sendBatch(origin: Served, batch: string): Promise<{ status: number; body: unknown }> {
  const body = `{"id":"d-${batch}","received_at":"2026-11-30T00:00:00Z","document":1}\n`;
  const response = await fetch(origin.analyticsUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-ndjson',
      'idempotency-key': batch,
      'unencoded-digest': `sha-256=:${Buffer.from(sha256(body), 'hex').toString('base64')}:`,
      'sallyport-documents': '1',
    },
    body,
  });
  return { status: response.status, body: await response.json() };
}

it('sallyport serve: after kill -9 uploads resume, and receipts stay the same', async () => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-killed-'));
  const bundle: TestBundle = { job: '20261130-ab12cd', bytes: Buffer.alloc(3_000_000, 'support') };
  const first = await serve();
  const batch = await sendBatch(first, 'b1');
  const created = await create(first as Origin, bundle);
  const path = new URL(uploadUrl(first as Origin, created)).pathname;
  const cut = request(`${new URL(first.supportLogsUrl).origin}${path}`, {
    method: 'PATCH',
    headers: {
      'tus-resumable': '1.0.0',
      'upload-offset': '0',
      'content-type': 'application/offset+octet-stream',
      'content-length': '3000000',
    },
  });
  cut.on('error', () => undefined).write(bundle.bytes.subarray(0, 2_000_000));
  const file = join(dir, 'received/unfinished', path.split('/').at(-1) ?? '');
  await expect.poll(() => statSync(file).size).toBe(2_000_000);
  await kill();

  const second = (await serve()) as Origin;
  const url = uploadUrl(second, await create(second, bundle));
  expect([new URL(url).pathname, (await head(url)).headers.get('upload-offset')]).toEqual([path, '2000000']);
  await uploadByTus(url, bundle.bytes);
  const receipt = await complete(url, bundle);
  expect(receipt.status).toBe(201);
  await kill();

  const third = (await serve()) as Origin;
  expect(
    await complete(url.replace(/^.*(?=\/support-logs)/, new URL(third.supportLogsUrl).origin), bundle),
  ).toMatchObject({
    status: 200,
    body: receipt.body,
  });
  expect(await sendBatch(third, 'b1')).toEqual({ status: 200, body: batch.body });
  expect(batch.status).toBe(201);
  expect(
    readFileSync(join(dir, `received/support-logs/${bundle.job}/${bundle.job}.tar.zst`)).equals(bundle.bytes),
  ).toBe(true);
});
