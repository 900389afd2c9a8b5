import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type JobsRigOptions, jobsRig, order } from '#test/support/jobs-rig.ts';

const DAY_MS = 86_400_000;
const scheduled = order({ requestedBy: { how: 'schedule', user: null, request: null } });
const fromPlatform = (request: string) => order({ requestedBy: { how: 'platform', user: null, request } });

async function rig(over: Partial<JobsRigOptions> = {}) {
  return await jobsRig({ clock: new FakeClock(Date.UTC(2026, 10, 30, 8)), ...over });
}

/** What a later start finds and does. */
async function restarted(files: CrashingFiles, over: Partial<JobsRigOptions> = {}) {
  const later = await rig({ ...over, files });
  await later.jobs.resume();
  for (const { id } of later.store.all) await later.jobs.built(id);
  return later;
}

describe('jobs of support logs', () => {
  it('have an id to read out, and wait in the spool once they are built', async () => {
    const { jobs, store, spool, settled } = await rig();
    const { job, joined } = await jobs.request(order({ case: '4711' }));

    expect(job.id).toMatch(/^20261130-[abcdefghjkmnpqrstuvwxyz23456789]{6}$/);
    expect([job.state, joined]).toEqual(['building', false]);
    const built = await settled(job.id);
    expect(built).toMatchObject({ state: 'queued', case: '4711', built: { name: `${job.id}.tar.zst` } });
    expect(spool.find(job.id)?.key).toBe(job.id);
    expect(store.all).toHaveLength(1);
  });

  it('jobs of support logs: nothing is made while uploads are refused', async () => {
    const refused = coded('UPLOADS-OFF', { title: 'support logs', key: 'support_logs.enabled', wanted: 'true' });
    const { jobs, store, built, files } = await rig({ refusal: () => refused });

    await expect(jobs.request(order())).rejects.toBe(refused);
    await expect(jobs.importFrom(order().requestedBy, order())).rejects.toBe(refused);
    expect([store.all, built, await files.list(store.dir)]).toEqual([[], [], []]);
  });

  it('jobs of support logs: one that is built when uploads become refused fails and is not sent', async () => {
    const answers = [null, coded('POLICY-UPLOADS', {})];
    const { jobs, spool, built, settled } = await rig({ refusal: () => answers.shift() ?? null });
    const { job } = await jobs.request(order());

    expect(await settled(job.id)).toMatchObject({ state: 'failed', failure: { code: 'POLICY-UPLOADS' } });
    expect([built, spool.size]).toEqual([[], 0]);
  });

  it('jobs of support logs: a crash anywhere loses no accepted job and queues each once', async () => {
    let accepted: string | null = null;
    await everyCrash({
      prepare: async () => {
        accepted = null;
        return (await rig()).files.afterCrash('power-lost');
      },
      act: async (files) => {
        const { jobs } = await rig({ files });
        const { job } = await jobs.request(order());
        accepted = job.id;
        await jobs.built(job.id);
      },
      check: async ({ files }) => {
        const { store, spool } = await restarted(files);
        const ids = store.all.map(({ id }) => id);
        if (accepted !== null) expect(ids).toEqual([accepted]);
        expect(store.all.every(({ state }) => state === 'queued')).toBe(true);
        expect(spool.list().map(({ head }) => head.key)).toEqual(ids);
        expect(await files.list(store.dir)).toEqual(ids);
      },
    });
  });

  it('jobs of support logs: by schedule and platform at most one starts within an hour', async () => {
    const clock = new FakeClock();
    const { jobs, settled } = await rig({ clock });
    const { job } = await jobs.request(scheduled);
    await settled(job.id);

    await expect(jobs.request(scheduled)).rejects.toMatchObject({ code: 'JOB-TOO-SOON' });
    await expect(jobs.request(fromPlatform('r-1'))).rejects.toMatchObject({ code: 'JOB-TOO-SOON' });
    expect((await jobs.request(order({ note: 'now' }))).joined).toBe(false);
    clock.advance(3_600_000);
    expect((await jobs.request(fromPlatform('r-1'))).joined).toBe(false);
  });

  it('jobs of support logs: each request of the platform has one job, also after a restart', async () => {
    const clock = new FakeClock();
    const first = await rig({ clock });
    const { job } = await first.jobs.request(fromPlatform('r-1'));
    await first.settled(job.id);
    clock.advance(2 * 3_600_000);
    const { jobs } = await restarted(first.files.afterCrash('power-lost'), { clock });

    expect(await jobs.request(fromPlatform('r-1'))).toMatchObject({ joined: true, job: { id: job.id } });
  });

  it('jobs of support logs: a person joins a running job that has what was requested', async () => {
    const clock = new FakeClock();
    const { jobs, settled } = await rig({ clock });
    const { job } = await jobs.request(order({ case: '1' }));

    expect(await jobs.request(order())).toMatchObject({ joined: true, job: { id: job.id } });
    expect((await jobs.request(order({ case: '2' }))).joined).toBe(false);
    expect((await jobs.request(order({ prepare: true }))).joined).toBe(false);
    await settled(job.id);
    clock.advance(700_000);
    expect((await jobs.request(order({ case: '1' }))).joined).toBe(false);
  });

  it('jobs of support logs: a prepared one is sent only after its digest was approved', async () => {
    const { jobs, spool, settled } = await rig();
    const { job } = await jobs.request(order({ prepare: true }));
    const { state, built } = await settled(job.id);
    expect([state, spool.size]).toEqual(['prepared', 0]);

    await expect(jobs.approve(job.id, { sha256: 'b'.repeat(64), by: 'root' })).rejects.toMatchObject({
      code: 'JOB-DIGEST',
    });
    await expect(jobs.approve('20261130-zzzzzz', { sha256: null, by: 'root' })).rejects.toMatchObject({
      code: 'JOB-UNKNOWN',
    });
    const approved = await jobs.approve(job.id, { sha256: built?.sha256 ?? null, by: 'user 1000' });
    expect(approved).toMatchObject({ state: 'queued', approved_by: 'user 1000' });
    expect(spool.find(job.id)).not.toBeNull();
    await expect(jobs.approve(job.id, { sha256: null, by: 'root' })).rejects.toMatchObject({ code: 'JOB-STATE' });
  });

  it('jobs of support logs: what fails while it is built is kept with its reason, without files', async () => {
    const full = coded('DISK-FULL', { operation: 'write', path: '/state/jobs', reason: 'no space left' });
    const { jobs, files, store, events, settled } = await rig({ building: () => Promise.reject(full) });
    const { job } = await jobs.request(order());

    expect(await settled(job.id)).toMatchObject({ state: 'failed', failure: { code: 'DISK-FULL', class: 'system' } });
    expect(await files.list(store.workOf(job.id))).toEqual([]);
    expect(events.map(({ name }) => name)).toContain('bundle-failed');
  });

  it('jobs of support logs: a stop while one is built lets the next start build it', async () => {
    const held = Promise.withResolvers<void>();
    const first = await rig({ building: () => held.promise });
    const { job } = await first.jobs.request(order());
    const stopped = first.jobs.stop(coded('INTERRUPTED', { reason: 'a test' }));
    held.reject(coded('INTERRUPTED', { reason: 'a test' }));
    await stopped;

    const { store } = await restarted(first.files.afterCrash('killed'));
    expect(store.known(job.id).state).toBe('queued');
  });

  it('jobs of support logs: sent ones make space; those that wait are kept and refuse others', async () => {
    const clock = new FakeClock();
    const { jobs, store, spool, settled } = await rig({ clock, maxBytes: 1_500 });
    const request = async (note: string) => {
      const { job } = await jobs.request(order({ note }));
      return await settled(job.id);
    };
    const sent = await request('first');
    await store.update(sent.id, () => ({ state: 'sent' }));
    await spool.drop(
      spool.find(sent.id) ??
        (() => {
          throw new Error('no entry');
        })(),
    );
    for (const note of ['a', 'b', 'c']) await request(note);

    expect(store.get(sent.id)).not.toBeNull();
    await request('d');
    expect(store.get(sent.id)).toBeNull();
    await expect(jobs.request(order({ note: 'e' }))).rejects.toMatchObject({ code: 'JOBS-FULL' });
    expect(store.all).toHaveLength(4);
  });

  it('jobs of support logs: one that is dropped from the spool is deleted', async () => {
    const { jobs, store, spool, files, settled } = await rig();
    const { job } = await jobs.request(order());
    await settled(job.id);
    const head = spool.find(job.id);
    if (head !== null) await spool.drop(head);

    expect(store.get(job.id)).toBeNull();
    expect(await files.list(store.dir)).toEqual([]);
  });

  it('jobs of support logs: ended and prepared ones are deleted when their time is over', async () => {
    const clock = new FakeClock();
    const { jobs, store, settled } = await rig({ clock, keepSentDays: 3 });
    const { job } = await jobs.request(order({ prepare: true }));
    await settled(job.id);
    clock.advance(29 * DAY_MS);
    await jobs.prune();
    expect(store.all).toHaveLength(1);
    clock.advance(DAY_MS);
    await jobs.prune();
    expect(store.all).toHaveLength(0);
  });
});
