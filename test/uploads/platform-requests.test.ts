import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { type LogsRequest, logsRequestSchema, PlatformRequests } from '#uploads/platform-requests.ts';

const HOUR_MS = 3_600_000;
const request: LogsRequest = { id: 'r-1', case: '4711' };

async function rig(section: Record<string, unknown>, over: { files?: CrashingFiles; clock?: FakeClock } = {}) {
  const { files = new CrashingFiles(), clock = new FakeClock(Date.UTC(2026, 10, 30, 12)) } = over;
  if (over.files === undefined) files.plantFolder('/state');
  const events: SallyportEvent[] = [];
  const started: LogsRequest[] = [];
  const requests = await PlatformRequests.open({
    files,
    stateDir: '/state',
    clock,
    report: reportOf('support_logs', (event) => void events.push(event)),
    settings: () => testSettings('/', { support_logs: section, time_zone: 'Europe/Berlin' }),
    start: async (given) => {
      started.push(given);
      return await Promise.resolve(`20261130-aaaaa${started.length + 1}`);
    },
  });
  return { files, clock, events, started, requests };
}

describe('requests of the platform', () => {
  it('are denied by default: answered and logged, and nothing is collected', async () => {
    const { requests, started, events } = await rig({});

    expect(await requests.receive(request)).toMatchObject({
      state: 'denied',
      decided_by: 'the configuration',
      job: null,
    });
    expect(started).toEqual([]);
    expect(events.map(({ name }) => name)).toEqual(['logs-request-denied']);
  });

  it('carry an id and a case, and nothing else', () => {
    expect(logsRequestSchema.safeParse(request).success).toBe(true);
    expect(logsRequestSchema.safeParse({ ...request, sources: ['/etc/shadow'] }).success).toBe(false);
    expect(logsRequestSchema.safeParse({ id: '../x', case: null }).success).toBe(false);
  });

  it('with ask wait for a person, also after a restart', async () => {
    const first = await rig({ on_platform_request: 'ask' });
    expect(await first.requests.receive(request)).toMatchObject({ state: 'waiting' });
    expect([first.started.length, first.requests.waiting]).toEqual([0, 1]);

    const { requests, started } = await rig(
      { on_platform_request: 'ask' },
      { files: first.files.afterCrash('power-lost') },
    );
    expect(await requests.receive(request)).toMatchObject({ state: 'waiting' });
    expect(await requests.decide('r-1', { approve: true, by: 'root' })).toMatchObject({
      state: 'approved',
      decided_by: 'root',
      job: '20261130-aaaaa2',
    });
    expect(started).toEqual([request]);
    await expect(requests.decide('r-1', { approve: false, by: 'root' })).rejects.toMatchObject({
      code: 'REQUEST-UNKNOWN',
    });
  });

  it('without a decision are denied after 72 hours', async () => {
    const { requests, clock, started } = await rig({ on_platform_request: 'ask' });
    await requests.receive(request);
    clock.advance(72 * HOUR_MS);
    await requests.list();
    clock.advance(HOUR_MS);

    await expect(requests.decide('r-1', { approve: true, by: 'root' })).rejects.toMatchObject({
      code: 'REQUEST-UNKNOWN',
    });
    expect(requests.waiting).toBe(0);
    expect(await requests.list()).toMatchObject([{ state: 'denied', decided_by: 'the time limit of 72 hours' }]);
    expect(started).toEqual([]);
  });

  it('are kept when the clock is wrong for less than an hour, twice', async () => {
    const { requests, clock, events } = await rig({ on_platform_request: 'ask' });
    await requests.receive(request);
    for (const wrongMs of [80 * HOUR_MS, 70 * 365 * 24 * HOUR_MS]) {
      clock.stepWall(wrongMs);
      await requests.list();
      clock.advance(0.9 * HOUR_MS);
      await requests.list();
      clock.stepWall(-wrongMs);
      await requests.list();
      clock.advance(HOUR_MS);
    }

    expect([requests.waiting, events.map(({ name }) => name)]).toEqual([1, ['logs-request-waits']]);
    expect(await requests.decide('r-1', { approve: true, by: 'root' })).toMatchObject({ state: 'approved' });
  });

  it('that are overdue after a restart are kept for an hour', async () => {
    const first = await rig({ on_platform_request: 'ask' });
    await first.requests.receive(request);
    const clock = new FakeClock(first.clock.now() + 100 * HOUR_MS);
    const { requests } = await rig({ on_platform_request: 'ask' }, { files: first.files, clock });

    expect(await requests.list()).toMatchObject([{ state: 'waiting' }]);
    clock.advance(HOUR_MS);
    expect(await requests.list()).toMatchObject([{ state: 'denied' }]);
  });

  it('with allow start a job once for each id', async () => {
    const { requests, started } = await rig({ on_platform_request: 'allow' });
    await requests.receive(request);
    await requests.receive(request);

    expect(started).toEqual([request]);
  });

  it('with allow_until are allowed until that day ends in time_zone', async () => {
    const clock = new FakeClock(Date.UTC(2026, 10, 30, 22, 59));
    const { requests } = await rig({ on_platform_request: 'allow', allow_until: '2026-11-30' }, { clock });
    expect(await requests.receive(request)).toMatchObject({ state: 'approved' });
    clock.advance(2 * 60_000);

    expect(await requests.receive({ id: 'r-2', case: null })).toMatchObject({ state: 'waiting' });
  });

  it('that cannot start their job can be repeated', async () => {
    const { files, clock, events } = await rig({});
    const tooSoon = coded('JOB-TOO-SOON', { wait: 1 });
    const requests = await PlatformRequests.open({
      files,
      stateDir: '/state',
      clock,
      report: reportOf('support_logs', (event) => void events.push(event)),
      settings: () => testSettings('/', { support_logs: { on_platform_request: 'allow' } }),
      start: () => Promise.reject(tooSoon),
    });

    await expect(requests.receive(request)).rejects.toBe(tooSoon);
    expect(await requests.list()).toEqual([]);
  });
});
