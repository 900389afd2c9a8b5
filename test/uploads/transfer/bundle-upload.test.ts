// Uploads to a real tus server over TLS, through a proxy.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { startByteRelay } from '#test/support/byte-relay.ts';
import { createCa } from '#test/support/certificates.ts';
import { CrashError } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { startLoginProxy } from '#test/support/login-proxy.ts';
import { profile, testRouter } from '#test/support/test-router.ts';
import { bundleOf, factsOf, type UploadRigOptions, uploadRig } from '#test/support/upload-rig.ts';
import { startUploadServer } from '#test/support/upload-server.ts';
import { MAX_CHUNK_BYTES } from '#uploads/transfer/chunk-size.ts';

const ca = createCa();
const pair = ca.issue();
const trust = { ca: { key: 'support_logs.ca_file', path: '/ca.pem', pem: ca.cert } };
const MB = 1_000_000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function server() {
  const started = await startUploadServer(pair);
  closing.push(() => started.close());
  return started;
}

/** A rig whose proxy leads to this port, whatever the URL names. */
async function rigBehindProxy(port: number, options: Omit<UploadRigOptions, 'router'> = {}) {
  const proxy = await startFaultProxy(honest(port));
  closing.push(() => proxy.close());
  const rig = await uploadRig({ router: testRouter({ trust, proxies: [profile(proxy.port)] }), ...options });
  closing.push(() => rig.session.close());
  return { ...rig, proxy };
}

describe('an upload', () => {
  it('has a durable location before its first byte', async () => {
    const target = await server();
    const rig = await rigBehindProxy(target.port);
    const bundle = bundleOf(700_000);
    const facts = factsOf();
    let opsAtFirstChunk: readonly string[] = [];
    target.intercept = (_request, _response, kind) => {
      if (kind === 'PATCH') opsAtFirstChunk = [...facts.ops];
      return false;
    };

    const outcome = await rig.upload(target.url, bundle, facts);

    expect(outcome).toMatchObject({ ended: 'receipt', receipt: `r-${bundle.job}` });
    expect(target.requests).toEqual(['POST', 'HEAD', 'PATCH', 'complete']);
    expect(opsAtFirstChunk).toEqual(['save']);
    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
    expect(target.completions).toEqual([{ job: bundle.job, sha256: bundle.sha256, length: 700_000, case: 'C-7' }]);
    expect(facts.confirmed).toEqual([0, 700_000]);
  });

  it('over a path that cuts every connection arrives whole, and little is sent twice', async () => {
    const target = await server();
    const relay = await startByteRelay(target.port, { cutsAfter: 5 * MB });
    closing.push(() => relay.close());
    const rig = await rigBehindProxy(relay.port);
    const bundle = bundleOf(24 * MB);
    const facts = factsOf();

    const outcome = await rig.upload(target.url, bundle, facts);

    expect(outcome).toMatchObject({ ended: 'receipt' });
    expect(target.requests.filter((kind) => kind === 'POST')).toHaveLength(1);
    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
    expect(relay.connections).toBeGreaterThanOrEqual(5);
    // Of each connection that is cut, the server drops what it has read and not written yet.
    expect(relay.passed).toBeLessThan(bundle.bytes.length * 1.05 + 5 * 500_000);
    expect(rig.named('upload-started')).toHaveLength(1);
    expect(rig.named('uploaded')).toMatchObject([{ length: 24 * MB, ratio: 'compressed to 20%', via: 'proxy corp' }]);
    expect(rig.paths.latest(target.url.origin, rig.ports.clock.now()).chunk.bytes).toBeLessThan(MAX_CHUNK_BYTES);
  });

  it('over a path that stalls continues with smaller chunks', async () => {
    const target = await server();
    const relay = await startByteRelay(target.port, { stallsAfter: 400_000, times: 2 });
    closing.push(() => relay.close());
    const url = new URL(`https://localhost:${relay.port}/files`);
    const settings = { response_timeout: { mode: 'fixed', base_ms: 60_000 } };
    const rig = await uploadRig({ router: testRouter({ trust }), factor: 100, settings });
    closing.push(() => rig.session.close());
    const bundle = bundleOf(3 * MB);
    const facts = factsOf();

    const outcome = await rig.upload(url, bundle, facts);

    expect(outcome).toMatchObject({ ended: 'receipt' });
    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
    expect(rig.named('upload-chunk-size').length).toBeGreaterThan(0);
    expect(relay.connections).toBeGreaterThanOrEqual(3);
  });

  it('over a slow path has no limit for its whole duration', async () => {
    const target = await server();
    // Time passes only with the bytes, 50 s for each MB, so a pause of a busy machine is none.
    const clock = new FakeClock();
    const relay = await startByteRelay(target.port, { onPassed: (bytes) => clock.advance((bytes / MB) * 50_000) });
    closing.push(() => relay.close());
    const settings = { response_timeout: { mode: 'fixed', base_ms: 30_000 } };
    const rig = await rigBehindProxy(relay.port, { clock, settings });

    const outcome = await rig.upload(target.url, bundleOf(3 * MB), factsOf());

    expect(outcome).toMatchObject({ ended: 'receipt' });
    expect(target.requests).toEqual(['POST', 'HEAD', 'PATCH', 'complete']);
    // Five times the limit for a pause.
    expect(clock.monotonic()).toBeGreaterThanOrEqual(150_000);
  });

  it('sends a wrong password for the proxy once', async () => {
    const target = await server();
    const user = { user: 'svc', domain: '', password: 'right' };
    const proxy = await startLoginProxy('basic', user, target.port);
    closing.push(() => proxy.close());
    const router = testRouter({ trust, proxies: [profile(proxy.port, { user: 'svc', password: 'wrong' })] });
    const rig = await uploadRig({ router });
    closing.push(() => rig.session.close());

    const first = await rig.upload(target.url, bundleOf(1_000), factsOf());
    const second = await rig.upload(target.url, bundleOf(1_000), factsOf());

    expect([first, second]).toMatchObject([
      { ended: 'postponed', failure: { code: 'AUTH-REJECTED' }, holds: true },
      { ended: 'postponed', holds: true },
    ]);
    expect([proxy.counted.refused, target.requests]).toEqual([1, []]);
  });

  it('that is aborted ends with the reason and leaves the location', async () => {
    const target = await server();
    const rig = await rigBehindProxy(target.port);
    const facts = factsOf();
    const stop = new AbortController();
    target.intercept = (_request, _response, kind) => {
      if (kind === 'PATCH') stop.abort(new Error('enough'));
      return kind === 'PATCH';
    };

    await expect(rig.upload(target.url, bundleOf(1_000), facts, { signal: stop.signal })).rejects.toThrow('enough');
    expect(facts.location).not.toBeNull();
  });

  it('reports that it succeeded after failures', async () => {
    const target = await server();
    const rig = await rigBehindProxy(target.port);

    await rig.upload(target.url, bundleOf(1_000), factsOf({ failures: 3 }));

    expect(rig.named('upload-started')).toEqual([]);
    expect(rig.named('upload-recovered')).toMatchObject([{ failures: 3 }]);
  });

  it('without tus puts the whole file, and its response is the receipt', async () => {
    const target = await server();
    const rig = await rigBehindProxy(target.port);
    const bundle = bundleOf(300_000);

    const outcome = await rig.upload(target.url, bundle, factsOf(), { protocol: 'put' });

    expect(outcome).toMatchObject({ ended: 'receipt', receipt: `r-${bundle.job}` });
    expect(target.requests).toEqual(['PUT']);
    expect(target.files.get(`/files/${bundle.fileName}`)?.equals(bundle.bytes)).toBe(true);
    const digest = Buffer.from(bundle.sha256, 'hex').toString('base64');
    expect(target.headers[0]).toMatchObject({
      'content-length': '300000',
      'repr-digest': `sha-256=:${digest}:`,
      'idempotency-key': bundle.job,
      'sallyport-case': 'C-7',
    });
  });
});

describe('an upload that crashes', () => {
  const STEPS = ['before save', 'after save', 'before receipt', 'before forget gone', 'after forget gone'];

  it.each(STEPS)('%s continues, and the server has the file once', async (step) => {
    const target = await server();
    const bundle = bundleOf(200_000);
    let crashes = 1;
    const facts = factsOf({}, (when, op) => {
      if (`${when} ${op}` === step && crashes-- > 0) throw new CrashError(step);
    });
    target.intercept = (_request, response, kind) => {
      const forgets = step.includes('forget') && target.requests.length === 2 && kind === 'HEAD';
      if (forgets) response.writeHead(404, { 'tus-resumable': '1.0.0' }).end();
      return forgets;
    };

    const first = await rigBehindProxy(target.port);
    const ended = await first.upload(target.url, bundle, facts).catch((thrown: unknown) => thrown);
    if (step !== 'before receipt') expect(ended).toBeInstanceOf(CrashError);
    const second = await rigBehindProxy(target.port);
    const outcome = await second.upload(target.url, bundle, facts);

    expect(outcome).toMatchObject({ ended: 'receipt' });
    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
    // Only a crash before the location is durable, or after it was forgotten, leads to a second one.
    const hasForgotten = step === 'before save' || step === 'after forget gone';
    expect(target.requests.filter((kind) => kind === 'POST')).toHaveLength(hasForgotten ? 2 : 1);
    const keys = target.headers.flatMap((headers) => headers['idempotency-key'] ?? []);
    expect(new Set(keys)).toEqual(new Set([bundle.job]));
  });

  it('during a chunk continues at the offset of the server', async () => {
    const target = await server();
    const relay = await startByteRelay(target.port, { cutsAfter: 2 * MB, times: 1 });
    closing.push(() => relay.close());
    const bundle = bundleOf(6 * MB);
    const facts = factsOf();
    const killed = new AbortController();
    const first = await rigBehindProxy(relay.port);
    const dying = first.upload(target.url, bundle, facts, { signal: killed.signal });
    dying.catch(() => undefined);
    await vi.waitFor(() => expect(relay.passed).toBeGreaterThan(MB));
    killed.abort(new Error('killed'));
    await expect(dying).rejects.toThrow('killed');

    const second = await rigBehindProxy(relay.port);
    const outcome = await second.upload(target.url, bundle, facts);

    expect(outcome).toMatchObject({ ended: 'receipt' });
    expect(facts.confirmed[1]).toBeGreaterThan(0);
    expect(target.requests.filter((kind) => kind === 'POST')).toHaveLength(1);
    expect((await target.content(facts.location ?? '')).equals(bundle.bytes)).toBe(true);
  });
});
