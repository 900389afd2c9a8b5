// What `diagnose` sends to the purposes that upload: test objects, and only where the purpose may send.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Diagnosis, DiagnosisRequest } from '#control/control.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { yamlOf } from '#test/support/yaml-of.ts';

const NEVER = new AbortController().signal;
const REQUEST: DiagnosisRequest = {
  purposes: ['support_logs', 'exposure_analytics'],
  shell: {},
  candidate: null,
  through: null,
};
const BATCH_BYTES = 65_536;

let dir: string;
let origin: Origin;
let composed: Composed | undefined;
let scripted: ScriptedOrigin | undefined;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-test-uploads-'));
  origin = await startOrigin({ dir });
});
afterAll(async () => {
  await origin.close();
  await rm(dir, { recursive: true });
});
afterEach(async () => {
  await composed?.remove();
  await scripted?.close();
  composed = undefined;
  scripted = undefined;
});

function sections(over: { readonly enabled?: boolean; readonly url?: string; readonly others?: object } = {}) {
  const { enabled = true, url, others = {} } = over;
  return {
    support_logs: { enabled, url: url ?? origin.supportLogsUrl },
    exposure_analytics: { enabled, url: url ?? origin.analyticsUrl, batch_max_bytes: BATCH_BYTES },
    ...others,
  };
}

async function diagnose(
  given: Readonly<Record<string, unknown>>,
  request: Partial<DiagnosisRequest> = {},
): Promise<Diagnosis> {
  composed = await composeIn(given);
  return await composed.agent.diagnose({ ...REQUEST, ...request }, NEVER);
}

const uploadsIn = ({ purposes }: Diagnosis) =>
  purposes.flatMap(({ purpose, stages }) =>
    stages
      .filter(({ name }) => name === 'upload')
      .map(({ facts, outcome, says }) => ({ purpose, outcome, says, ...facts })),
  );
const posts = (from: number) => origin.record.requests.slice(from).filter(({ method }) => method === 'POST');

describe('test uploads', () => {
  it('test uploads: enabled purposes send two objects each, and the server keeps none', async () => {
    const found = await diagnose(sections());

    expect(found.verdict.outcome).toBe('ok');
    expect(uploadsIn(found)).toMatchObject([
      { purpose: 'support_logs', bytes: 1_024, works: true, says: 'sent 1.0 KB; the server discarded it' },
      { purpose: 'support_logs', bytes: 8_388_608, works: true, says: 'sent 8.4 MB; the server discarded it' },
      { purpose: 'exposure_analytics', bytes: 1_024, works: true },
      { purpose: 'exposure_analytics', bytes: BATCH_BYTES, works: true },
    ]);
    expect([origin.record.batches, origin.record.bundles]).toEqual([[], []]);
  });

  it('test uploads: the large object of support logs has the chunk size that uploads learned', async () => {
    composed = await composeIn(sections());
    const { paths } = await composed.parts.uploads.bundles.require();
    const path = { proxy: 'direct', origin: new URL(origin.supportLogsUrl).origin };
    paths.setChunk(path, { bytes: 1_048_576, passed: 0, failedAt: 2_097_152, failures: 0 });
    const found = await composed.agent.diagnose({ ...REQUEST, purposes: ['support_logs'] }, NEVER);

    expect(uploadsIn(found)).toMatchObject([{ bytes: 1_024 }, { bytes: 1_048_576 }]);
  });

  it.each([
    ['enabled: false', () => sections({ enabled: false })],
    ['uploads_allowed: false', () => sections({ others: { uploads_allowed: false } })],
  ])('test uploads: with %s none is sent', async (_name, given) => {
    const before = origin.record.requests.length;
    expect(uploadsIn(await diagnose(given()))).toEqual([]);
    expect(posts(before)).toEqual([]);
  });

  it('test uploads: settings that are not active send none, even if they enable the purpose', async () => {
    const before = origin.record.requests.length;
    const text = yamlOf({ version: 2, retry: { attempts: 1 }, ...sections() });
    expect(uploadsIn(await diagnose(sections(), { candidate: { text, typed: [] } }))).toEqual([]);
    expect(posts(before)).toEqual([]);
  });
});

describe('test uploads that do not arrive', () => {
  /** Diagnoses against a server that answers each POST like this. */
  const against = async (status: number, headers: Record<string, string>, body: string) => {
    const server = await startScriptedOrigin();
    scripted = server;
    server.on('/in', (request, response) => {
      request.resume();
      request.on('end', () => {
        if (request.method === 'POST') response.writeHead(status, headers).end(body);
        else response.writeHead(405).end();
      });
    });
    return await diagnose(sections({ url: `${server.url}/in` }), { purposes: ['exposure_analytics'] });
  };

  it('test uploads: a page of a scanner is named, and not sent again', async () => {
    const page = '<html><title>Data loss prevention: upload blocked</title></html>';
    const { verdict } = await against(200, { 'content-type': 'text/html' }, page);

    expect(verdict).toMatchObject({ outcome: 'failed', finding: { code: 'CONTENT-BLOCKED', class: 'content' } });
    expect(verdict.finding?.message).toContain('Data loss prevention');
    expect(verdict.finding?.check).toContain('The upload is not sent again, because it was only a test.');
    expect(scripted?.asked.filter((one) => one === 'POST /in')).toHaveLength(1);
  });

  it('test uploads: a 413 has the size that did not pass, and the hop', async () => {
    const { verdict, purposes } = await against(413, {}, '');

    expect(verdict.finding).toMatchObject({ code: 'UPLOAD-TOO-LARGE', hop: expect.any(String) as string });
    expect(verdict.finding?.message).toContain('1.0 KB');
    expect(purposes[0]?.stages.at(-1)).toMatchObject({ name: 'upload', outcome: 'failed' });
  });

  it('test uploads: a server that does not know them is named in the stage, and all is well', async () => {
    const found = await against(404, { 'content-type': 'text/plain' }, 'no such thing');

    expect(found.verdict.outcome).toBe('ok');
    expect(uploadsIn(found)[0]).toMatchObject({
      works: false,
      says: 'sent 1.0 KB; the server answered 404: it does not know test objects',
    });
  });
});
