// Bundles from the spool to a real tus server over TLS, with a disk in memory that can crash.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCa } from '#test/support/certificates.ts';
import { CrashError, CrashingFiles } from '#test/support/crashing-files.ts';
import { bytesOf, type JobsRig, jobsRig, order, STATE } from '#test/support/jobs-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { testRouter } from '#test/support/test-router.ts';
import { startUploadServer, type UploadServer } from '#test/support/upload-server.ts';

const ca = createCa();
const router = testRouter({ trust: { ca: { key: 'support_logs.ca_file', path: '/ca.pem', pem: ca.cert } } });
const PAGE = '<html><head><title>Upload blocked by DLP</title></head></html>';

let server: UploadServer;
beforeAll(async () => {
  server = await startUploadServer(ca.issue());
});
afterAll(() => server.close());
beforeEach(() => {
  server.requests.length = 0;
  server.intercept = () => false;
});

function machine(): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFolder(STATE);
  return files;
}

async function rig(files = machine(), over: { readonly keepSentDays?: number } = {}): Promise<JobsRig> {
  const target = { router, url: new URL(`https://localhost:${server.port}/files`) };
  return await jobsRig({ files, clock: scaledClock(50), target, ...over });
}

/** A later start on what is left. */
async function restarted(files: CrashingFiles): Promise<JobsRig> {
  const later = await rig(files);
  await later.jobs.resume();
  for (const { id } of later.store.all) await later.jobs.built(id);
  return later;
}

function blocks(): void {
  server.intercept = (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    return true;
  };
}

const held = ({ spool }: JobsRig) => spool.list().map(({ head }) => head.held);

async function afterAnHour({ spool }: JobsRig, job: string): Promise<void> {
  const head = spool.find(job);
  if (head === null) throw new Error('it has left the spool');
  await spool.postpone(head, { notBefore: 0, error: 'CONTENT-BLOCKED' });
}

describe('a bundle', () => {
  it('ends with the receipt, durable with its job and in the record of what was sent', async () => {
    const { jobs, store, spool, sent, files, settled, deliver } = await rig();
    const { job } = await jobs.request(order({ case: '4711' }));
    const { built } = await settled(job.id);
    await deliver();

    const after = store.known(job.id);
    expect(after).toMatchObject({ state: 'sent', receipt: { id: `r-${job.id}`, via: 'no proxy' }, failure: null });
    expect(spool.size).toBe(0);
    expect(await sent.read(9)).toMatchObject([
      { job: job.id, case: '4711', sha256: built?.sha256, receipt: `r-${job.id}`, masked: { authorization: 2 } },
    ]);
    expect((await server.content(after.upload.location ?? '')).equals(bytesOf(job.id))).toBe(true);
    expect(await files.list(store.workOf(job.id))).toEqual([`${job.id}.tar.zst`]);
  });

  it('is deleted at the receipt with keep_sent_days 0, and its job is still listed', async () => {
    const { jobs, store, files, settled, deliver } = await rig(machine(), { keepSentDays: 0 });
    const { job } = await jobs.request(order());
    await settled(job.id);
    await deliver();

    expect(store.known(job.id)).toMatchObject({ state: 'sent', file_deleted: true });
    expect(await files.list(store.workOf(job.id))).toEqual([]);
  });

  it('bundle: after a crash at each operation it arrives once, with one creation and one line', async () => {
    const rehearsal = await rig();
    const first = await rehearsal.jobs.request(order());
    await rehearsal.settled(first.job.id);
    rehearsal.files.arm({});
    await rehearsal.deliver();
    const steps = rehearsal.files.trace.filter(({ operation }) =>
      ['write', 'sync', 'rename', 'remove'].includes(operation),
    );
    expect(steps.length).toBeGreaterThan(10);

    for (const { n } of steps) {
      const before = await rig();
      const { job } = await before.jobs.request(order());
      await before.settled(job.id);
      before.files.arm({ crashAfter: n });
      await before.deliver().catch((thrown: unknown) => {
        if (!before.files.crashed) throw thrown;
      });
      const created = server.requests.filter((kind) => kind === 'POST').length;
      const { store, spool, sent, deliver } = await restarted(before.files.afterCrash('power-lost'));
      await deliver();

      const creations = server.requests.splice(0).filter((kind) => kind === 'POST').length;
      expect([n, store.known(job.id).state, spool.size]).toEqual([n, 'sent', 0]);
      expect((await sent.read(9)).map((line) => line.kind === 'bundle' && line.job)).toEqual([job.id]);
      // A crash before the location is durable creates again; the server knows the job by its Idempotency-Key.
      expect(creations, `after operation ${n}`).toBeLessThanOrEqual(isLocationLost(before, n) ? created + 1 : 1);
    }
  });

  it('bundle: blocked by a scanner twice is held until an admin retries it', async () => {
    const blocked = await rig();
    const { job } = await blocked.jobs.request(order());
    await blocked.settled(job.id);
    blocks();
    await blocked.deliver();
    expect(blocked.store.known(job.id)).toMatchObject({ state: 'queued', failure: { code: 'CONTENT-BLOCKED' } });
    await afterAnHour(blocked, job.id);
    await blocked.deliver();
    expect(blocked.store.known(job.id).state).toBe('held');
    const requests = server.requests.length;

    const again = await restarted(blocked.files.afterCrash('power-lost'));
    await again.deliver();
    expect([server.requests.length, held(again)]).toEqual([requests, [true]]);
    server.intercept = () => false;
    const waiting = again.spool.find(job.id);
    if (waiting !== null) await again.spool.retry(waiting);
    await again.deliver();
    expect(again.store.known(job.id)).toMatchObject({ state: 'sent', upload: { block: null } });
  });

  it('bundle: is not sent again when a crash lost the hold of its entry', async () => {
    const { jobs, store, spool, settled, deliver } = await rig();
    const { job } = await jobs.request(order());
    await settled(job.id);
    await store.update(job.id, ({ upload }) => ({
      state: 'held',
      upload: { ...upload, block: { route: 'corp', times: 2 } },
    }));
    const head = spool.find(job.id);
    if (head !== null) await spool.postpone(head, { notBefore: 0, error: 'CONTENT-BLOCKED' });
    await deliver();

    expect([server.requests, spool.find(job.id)?.held]).toEqual([[], true]);
  });

  it('bundle: whose file changed after it was packed is never sent', async () => {
    const { jobs, store, spool, files, settled, deliver } = await rig();
    const { job } = await jobs.request(order());
    await settled(job.id);
    files.plantFile(`${store.workOf(job.id)}/${job.id}.tar.zst`, 'x'.repeat(bytesOf(job.id).length));
    await deliver();

    expect(server.requests).toEqual([]);
    expect(store.known(job.id)).toMatchObject({ state: 'failed', failure: { code: 'BUNDLE-CHANGED' } });
    expect([spool.size, spool.quarantined]).toEqual([0, 1]);
  });

  it('bundle: a failure is kept with the job, and counted until it succeeds', async () => {
    const { jobs, store, spool, events, settled, deliver } = await rig();
    const { job } = await jobs.request(order());
    await settled(job.id);
    server.intercept = (request, response) => {
      request.resume();
      response.writeHead(403, { 'content-type': 'application/json' }).end('{}');
      return true;
    };
    await deliver();
    expect(store.known(job.id)).toMatchObject({ state: 'queued', upload: { failures: 1 } });
    expect(store.known(job.id).failure?.message).toMatch(/403/);
    server.intercept = () => false;
    const head = spool.find(job.id);
    if (head !== null) await spool.retry(head);
    await deliver();

    expect(store.known(job.id)).toMatchObject({ state: 'sent', failure: null });
    expect(events.map(({ name }) => name)).toContain('upload-recovered');
  });
});

function isLocationLost({ files }: JobsRig, n: number): boolean {
  if (!files.crashed) throw new CrashError();
  const firstRename = files.trace.find(({ operation }) => operation === 'syncDirectory')?.n ?? Number.POSITIVE_INFINITY;
  return n <= firstRename;
}
