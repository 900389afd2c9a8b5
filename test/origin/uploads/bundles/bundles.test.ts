import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Origin, type OriginOptions, startOrigin } from '#origin/server.ts';
import {
  complete,
  create,
  head,
  patch,
  put,
  send,
  sha256,
  type TestBundle,
  uploadByTus,
  uploadUrl,
} from '#test/support/upload-client.ts';

const opened: { readonly origin: Origin; readonly dir: string }[] = [];
afterEach(async () => {
  for (const { origin, dir } of opened.splice(0)) {
    await origin.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

async function start(options: Partial<OriginOptions> = {}): Promise<Origin> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'sallyport-bundles-'));
  const origin = await startOrigin({ limits: { lingerMs: 200 }, ...options, dir });
  opened.push({ origin, dir });
  return origin;
}

const bytesOf = (length: number, seed = 1) => Buffer.from(Array.from({ length }, (_, at) => (at * 7 + seed) % 251));
const BUNDLE: TestBundle = { job: '20261130-ab12cd', bytes: bytesOf(350_000) };
const OTHER: TestBundle = { ...BUNDLE, bytes: bytesOf(350_000, 2) };
const stored = (origin: Origin, path = `${BUNDLE.job}/${BUNDLE.job}.tar.zst`) =>
  readFileSync(join(origin.bundlesDir, path));
const unfinishedIn = (origin: Origin) => readdirSync(join(origin.bundlesDir, '../unfinished'));

async function receive(origin: Origin, bundle = BUNDLE): Promise<{ url: string; receipt: Record<string, unknown> }> {
  const url = uploadUrl(origin, await create(origin, bundle));
  await uploadByTus(url, bundle.bytes);
  return { url, receipt: (await complete(url, bundle)).body };
}

describe('tus', () => {
  it('tus: a bundle from tus-js-client is stored by its job, with a record and a receipt', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    expect(url).toMatch(/\/support-logs\/[0-9a-f]{32}$/);
    await uploadByTus(url, BUNDLE.bytes);
    const { status, body } = await complete(url, BUNDLE, { note: 'as on the phone' });
    expect([status, body]).toEqual([
      201,
      {
        job: BUNDLE.job,
        sha256: sha256(BUNDLE.bytes),
        length: 350_000,
        durable: true,
        receipt: expect.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/) as string,
      },
    ]);
    expect(stored(origin).equals(BUNDLE.bytes)).toBe(true);
    const record = { job: BUNDLE.job, agent: 'agent-1', case: 'C-17', note: 'as on the phone', by: 'tus' };
    expect(JSON.parse(stored(origin, `${BUNDLE.job}/${BUNDLE.job}.json`).toString())).toMatchObject(record);
    expect(origin.record.bundles).toMatchObject([record]);
    expect([unfinishedIn(origin), statSync(join(origin.bundlesDir, BUNDLE.job)).mode & 0o777]).toEqual([[], 0o700]);
  });

  it('tus: a creation and a completion that are repeated get the same upload and receipt', async () => {
    const origin = await start();
    const both = await Promise.all([create(origin, BUNDLE), create(origin, BUNDLE)]);
    expect(both.map(({ status }) => status)).toEqual([201, 201]);
    const { url, receipt } = await receive(origin);
    expect(both.map((one) => uploadUrl(origin, one))).toEqual([url, url]);
    expect(uploadUrl(origin, await create(origin, BUNDLE))).toBe(url);
    // A client that resumes a complete upload finds nothing to send.
    await uploadByTus(url, BUNDLE.bytes);
    expect(await complete(url, BUNDLE)).toMatchObject({ status: 200, body: receipt });
    await origin.close();
    const again = await start({ dir: opened[0]?.dir ?? '' });
    expect(await complete(uploadUrl(again, await create(again, BUNDLE)), BUNDLE)).toMatchObject({
      status: 200,
      body: receipt,
    });
    expect(again.record.bundles).toHaveLength(1);
  });

  it('tus: POST with X-HTTP-Method-Override replaces a PATCH that a proxy refuses', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    await uploadByTus(url, BUNDLE.bytes, { overridePatch: true });
    expect((await complete(url, BUNDLE)).status).toBe(201);
    expect(origin.record.requests.some(({ method }) => method === 'PATCH')).toBe(false);
  });

  it('tus: an upload resumes where a broken connection ended, and at once', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    // The connection stays open and brings no more bytes: the network has lost it.
    const lost = request(url, {
      method: 'PATCH',
      headers: {
        'tus-resumable': '1.0.0',
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
        'content-length': String(BUNDLE.bytes.length),
      },
    });
    lost.on('error', () => undefined).write(BUNDLE.bytes.subarray(0, 120_000));
    const file = join(origin.bundlesDir, '../unfinished', new URL(url).pathname.split('/').at(-1) ?? '');
    await expect.poll(() => statSync(file).size).toBe(120_000);
    const before = performance.now();
    expect((await head(url)).headers.get('upload-offset')).toBe('120000');
    expect(performance.now() - before).toBeLessThan(2_000);
    await uploadByTus(url, BUNDLE.bytes);
    expect((await complete(url, BUNDLE)).status).toBe(201);
    lost.destroy();
  });

  it('tus: a completion with bytes missing gets 409 and the offset', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    await patch(url, BUNDLE.bytes.subarray(0, 1_000), 0);
    const { status, headers, body } = await complete(url, BUNDLE);
    expect([status, headers.get('upload-offset'), body['job']]).toEqual([409, '1000', BUNDLE.job]);
    expect((await patch(url, BUNDLE.bytes, 0)).status).toBe(409);
  });

  it('tus: wrong bytes get 422 once, and the job starts a new upload', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    await uploadByTus(url, OTHER.bytes);
    expect(await complete(url, BUNDLE)).toMatchObject({ status: 422, body: { job: BUNDLE.job } });
    expect([(await head(url)).status, unfinishedIn(origin)]).toEqual([404, []]);
    expect((await complete(url, BUNDLE)).status).toBe(404);
    const { url: second, receipt } = await receive(origin);
    expect([second === url, receipt['durable']]).toEqual([false, true]);
    // The receipt is for these bytes alone.
    expect((await complete(second, OTHER)).status).toBe(422);
  });

  it('tus: a job that is packed again replaces its unfinished upload, not its finished bundle', async () => {
    const origin = await start();
    const first = uploadUrl(origin, await create(origin, OTHER));
    const { url } = await receive(origin);
    expect([(await head(first)).status, (await head(url)).status]).toEqual([404, 200]);
    expect(await create(origin, OTHER)).toMatchObject({ status: 409, body: { job: BUNDLE.job } });
    expect((await patch(url, OTHER.bytes, 0)).status).toBe(409);
    expect(stored(origin).equals(BUNDLE.bytes)).toBe(true);
  });

  it('tus: two agents with the same job id have a bundle each', async () => {
    const origin = await start();
    await receive(origin);
    await receive(origin, { ...OTHER, agent: 'agent-2' });
    const folders = readdirSync(origin.bundlesDir);
    expect(folders).toEqual([BUNDLE.job, expect.stringMatching(`^${BUNDLE.job}~[0-9a-f]{16}$`)]);
    expect(stored(origin, `${folders[1]}/${BUNDLE.job}.tar.zst`).equals(OTHER.bytes)).toBe(true);
  });

  it('tus: a chunk without its checksum is discarded with 460', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    const chunk = BUNDLE.bytes.subarray(0, 1_000);
    const checksum = { 'upload-checksum': `sha256 ${Buffer.from(sha256(chunk), 'hex').toString('base64')}` };
    expect((await patch(url, OTHER.bytes.subarray(0, 1_000), 0, checksum)).status).toBe(460);
    expect((await head(url)).headers.get('upload-offset')).toBe('0');
    expect((await patch(url, chunk, 0, checksum)).status).toBe(204);
    expect((await patch(url, chunk, 1_000, { 'upload-checksum': 'md5 AAAA' })).status).toBe(400);
    const options = await send(origin.supportLogsUrl, { method: 'OPTIONS' });
    expect(options.headers.get('tus-extension')).toContain('checksum');
    expect(options.headers.get('tus-checksum-algorithm')).toBe('sha1,sha256');
  });

  it.each([
    ['a job that is a path', { ...BUNDLE, job: '../../etc' }, {}],
    ['a file name that is a path', { ...BUNDLE, filename: '../x.tar.zst' }, {}],
    ['a file name of a record', { ...BUNDLE, filename: `${BUNDLE.job}.json` }, {}],
    ['no metadata', BUNDLE, { 'upload-metadata': 'job' }],
    ['another key', BUNDLE, { 'idempotency-key': 'other' }],
    ['no length', BUNDLE, { 'upload-length': '', 'upload-defer-length': '1' }],
  ])('tus: a creation with %s is refused', async (_what, bundle, headers) => {
    const origin = await start();
    const { status, headers: answered } = await create(origin, bundle, headers);
    expect([status, answered.get('content-type')]).toEqual([400, 'application/problem+json']);
    expect([readdirSync(origin.bundlesDir), unfinishedIn(origin)]).toEqual([[], []]);
  });

  it.each([
    [413, 'larger than one may be', { bundleBytes: 349_999 }],
    [507, 'beyond the quota of unfinished bytes', { unfinishedBytes: 600_000 }],
    [507, 'beyond the quota of all bytes', { bundlesBytes: 600_000 }],
  ])('tus: %i for a bundle %s', async (expected, _what, limits) => {
    const origin = await start({ uploads: { limits } });
    await create(origin, { ...BUNDLE, job: 'first' });
    const { status, headers, body } = await create(origin, BUNDLE);
    expect([status, body['job']]).toEqual([expected, BUNDLE.job]);
    expect(headers.get('retry-after')).toBe(expected === 507 ? '3600' : null);
  });

  it('tus: an unfinished upload expires and frees its quota', async () => {
    const origin = await start({ uploads: { limits: { unfinishedMs: 100, unfinishedBytes: 400_000 } } });
    const created = await create(origin, BUNDLE);
    expect(Date.parse(created.headers.get('upload-expires') ?? '')).not.toBeNaN();
    const url = uploadUrl(origin, created);
    await expect.poll(async () => (await head(url)).status, { timeout: 5_000 }).toBe(410);
    const next = await create(origin, { ...BUNDLE, job: 'next' });
    expect([next.status, (await head(url)).status]).toEqual([201, 404]);
    expect(unfinishedIn(origin)).toHaveLength(2);
  });

  it('tus: an upload can be given up, a complete one cannot, and none can be read', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    const terminate = { method: 'DELETE', headers: { 'tus-resumable': '1.0.0' } };
    expect((await send(url, { method: 'GET' })).status).toBe(405);
    expect([(await send(url, terminate)).status, unfinishedIn(origin)]).toEqual([204, []]);
    const { url: done } = await receive(origin);
    expect([(await send(done, terminate)).status, (await send(done, { method: 'GET' })).status]).toEqual([409, 405]);
    for (const path of [`support-logs/${BUNDLE.job}`, `received/support-logs/${BUNDLE.job}/${BUNDLE.job}.json`]) {
      expect((await fetch(`${origin.url}/${path}`)).ok).toBe(false);
    }
  });
});

describe('PUT', () => {
  it('put: a bundle is stored as with tus, and a repetition gets the same receipt', async () => {
    const origin = await start();
    const first = await put(origin, BUNDLE, { 'sallyport-case': 'C-18' });
    expect([first.status, first.body['durable'], first.body['sha256']]).toEqual([201, true, sha256(BUNDLE.bytes)]);
    expect(await put(origin, BUNDLE)).toMatchObject({ status: 200, body: first.body });
    expect(origin.record.bundles).toMatchObject([{ job: BUNDLE.job, case: 'C-18', by: 'put' }]);
    expect(stored(origin, `${BUNDLE.job}/${BUNDLE.job}.zip`).equals(BUNDLE.bytes)).toBe(true);
    expect((await put(origin, OTHER)).status).toBe(409);
    // An agent that goes back to tus finds its bundle complete.
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    expect((await head(url)).headers.get('upload-offset')).toBe('350000');
  });

  it('put: the unfinished tus upload of the job is deleted', async () => {
    const origin = await start();
    const url = uploadUrl(origin, await create(origin, BUNDLE));
    await patch(url, BUNDLE.bytes.subarray(0, 1_000), 0);
    expect((await put(origin, BUNDLE)).status).toBe(201);
    expect([unfinishedIn(origin), (await head(url)).status]).toEqual([[], 404]);
  });

  it('put: wrong bytes get 422 and leave nothing', async () => {
    const origin = await start();
    const digest = `sha-256=:${Buffer.from(sha256(OTHER.bytes), 'hex').toString('base64')}:`;
    expect(await put(origin, BUNDLE, { 'repr-digest': digest })).toMatchObject({
      status: 422,
      body: { job: BUNDLE.job },
    });
    expect([readdirSync(origin.bundlesDir), unfinishedIn(origin)]).toEqual([[], []]);
    expect((await put(origin, BUNDLE)).status).toBe(201);
  });

  it('put: one without what it needs is refused before its body is read', async () => {
    const origin = await start({ uploads: { limits: { bundleBytes: 400_000, unfinishedBytes: 350_000 } } });
    const cases: [number, TestBundle, Record<string, string>][] = [
      [400, BUNDLE, { 'repr-digest': 'sha-512=:AAAA:' }],
      [400, BUNDLE, { 'idempotency-key': 'other' }],
      [400, BUNDLE, { 'content-range': 'bytes 0-9/10' }],
      [415, BUNDLE, { 'content-encoding': 'gzip' }],
      [413, { ...BUNDLE, bytes: bytesOf(400_001) }, {}],
      [507, { ...BUNDLE, bytes: bytesOf(350_001) }, {}],
      [400, { ...BUNDLE, filename: '..%2fx.zip' }, {}],
    ];
    const answers = await Promise.all(cases.map(([, bundle, headers]) => put(origin, bundle, headers)));
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 415, 413, 507, 404]);
    expect([readdirSync(origin.bundlesDir), unfinishedIn(origin)]).toEqual([[], []]);
  });

  it('put: a connection that breaks leaves nothing', async () => {
    const origin = await start();
    const cut = request(`${origin.supportLogsUrl}/${BUNDLE.job}.zip`, {
      method: 'PUT',
      headers: {
        'content-type': 'application/zip',
        'content-length': String(BUNDLE.bytes.length),
        'repr-digest': `sha-256=:${Buffer.from(sha256(BUNDLE.bytes), 'hex').toString('base64')}:`,
        'idempotency-key': BUNDLE.job,
      },
    });
    cut.on('error', () => undefined).write(BUNDLE.bytes.subarray(0, 100_000));
    await expect.poll(() => unfinishedIn(origin).length).toBe(1);
    cut.destroy();
    await expect.poll(() => unfinishedIn(origin)).toEqual([]);
  });
});

describe('test objects', () => {
  it('test object: one for support logs is read and discarded, by POST and by PUT', async () => {
    const origin = await start();
    const headers = { 'sallyport-test': '?1', 'content-type': 'application/offset+octet-stream' };
    const body = new Uint8Array(bytesOf(1_024));
    const answers = [
      await send(origin.supportLogsUrl, { method: 'POST', headers, body }),
      await send(`${origin.supportLogsUrl}/test.zip`, { method: 'PUT', headers, body }),
    ];
    expect(answers.map((one) => [one.status, one.body])).toEqual(Array(2).fill([200, { test: true, length: 1_024 }]));
    expect([origin.record.bundles, unfinishedIn(origin)]).toEqual([[], []]);
  });
});
