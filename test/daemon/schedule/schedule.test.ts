import { describe, expect, it } from 'vitest';
import { fixedDelay } from '#daemon/schedule/decide-round.ts';
import { coded } from '#errors/coded-error.ts';
import { recordOf, ScheduleRig } from '#test/support/schedule-rig.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const YEAR = 365 * DAY;
const DELAY = fixedDelay('agent', 900);

describe('schedule', () => {
  it('runs once at each slot, after the delay of this host', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z', jitterSeconds: 900 });
    rig.start();
    await rig.pass(DAY);

    const base = Date.parse('2026-11-20T00:00:00Z');
    expect(rig.runs.map(({ wall }) => wall)).toEqual([6, 12, 18, 24].map((hour) => base + hour * HOUR + DELAY));
    expect(rig.told('slot-overdue')).toEqual([]);
  });

  it('checks immediately at the first start, but not at later starts', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z', jitterSeconds: 900, record: null });
    rig.start();
    await rig.pass(0);
    expect(rig.ranAt()).toEqual(['2026-11-20T01:00:00']);

    await rig.pass(10 * MINUTE);
    rig.restart();
    await rig.pass(4 * HOUR);
    expect(rig.ranAt()).toHaveLength(1);
    expect(rig.told('next-round').at(-1)).toMatchObject({ at: Date.parse('2026-11-20T06:00:00Z') + DELAY });
  });

  it('checks immediately if the configured feed was never checked', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z', jitterSeconds: 900 });
    rig.isFirst = true;
    rig.start();
    await rig.pass(0);

    expect(rig.ranAt()).toEqual(['2026-11-20T01:00:00']);
  });

  it('runs once, within the delay, for all slots missed while it was down', async () => {
    const rig = new ScheduleRig({
      at: '2026-11-20T13:00:00Z',
      jitterSeconds: 900,
      record: recordOf(Date.parse('2026-11-17T01:00:00Z')),
    });
    rig.start();
    await rig.pass(4 * HOUR);

    expect(rig.runs.map(({ mono }) => mono)).toEqual([DELAY]);
    expect(rig.told('slot-overdue')).toEqual([
      {
        name: 'slot-overdue',
        slot: Date.parse('2026-11-17T06:00:00Z'),
        at: Date.parse('2026-11-20T13:00:00Z') + DELAY,
      },
    ]);
  });

  it('keeps the time of the next slot if it starts shortly before it', async () => {
    const before = Date.parse('2026-11-20T06:00:00Z') + DELAY - 1_000;
    const rig = new ScheduleRig({ at: '2026-11-20T05:00:00Z', jitterSeconds: 900 });
    rig.clock.stepWall(before - rig.clock.now());
    rig.start();
    await rig.pass(2_000);

    expect(rig.runs.map(({ mono }) => mono)).toEqual([1_000]);
  });

  it('treats a slot as done if it falls into a running round', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'hold';
    rig.start();
    await rig.pass(8 * HOUR);
    expect(rig.runs).toHaveLength(1);
    rig.outcome = 'well';
    rig.end();
    await rig.pass(3 * HOUR);

    expect(rig.runs).toHaveLength(1);
    await rig.pass(2 * HOUR);
    expect(rig.ranAt().at(-1)).toBe('2026-11-20T18:00:00');
  });

  it('records a round before it starts', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'hold';
    rig.start();
    const saves = rig.saves;
    await rig.pass(MINUTE);

    expect(rig.record).toMatchObject({ open: true, last_run_at: Date.parse('2026-11-20T06:00:00Z') });
    expect(rig.saves).toBe(saves + 1);
  });

  it('retries an interrupted round a minute after the next start', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z', jitterSeconds: 0 });
    rig.outcome = 'hold';
    rig.start();
    await rig.pass(2 * MINUTE);
    rig.outcome = 'well';
    rig.restart();
    await rig.pass(2 * MINUTE);

    expect(rig.ranAt()).toEqual(['2026-11-20T06:00:00', '2026-11-20T06:02:00']);
    expect(rig.record).toMatchObject({ open: false });
  });

  it('retries an interrupted manual check a minute after the next start', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z' });
    rig.start();
    await rig.schedule.began();
    expect(rig.record?.open).toBe(true);
    rig.restart();
    await rig.pass(2 * MINUTE);

    expect(rig.ranAt()).toEqual(['2026-11-20T01:01:00']);
  });

  it('does not repeat a manual check that ended', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z' });
    rig.start();
    await rig.schedule.began();
    rig.end();
    rig.restart();
    await rig.pass(2 * HOUR);

    expect(rig.ranAt()).toEqual([]);
  });

  it('reports the exact time of the next slot for any fraction of a millisecond', () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z', expression: '0 3 * * *' });
    // Each reading of the monotonic clock is a little later than the previous one, as on a real machine.
    let fraction = 0;
    const { clock } = rig;
    const monotonic = clock.monotonic.bind(clock);
    clock.monotonic = () => {
      fraction += 0.0007;
      return monotonic() + fraction;
    };
    rig.start();

    expect(rig.told('next-round')).toMatchObject([{ at: Date.parse('2026-11-20T03:00:00Z') }]);
  });

  it('does not loop rapidly if every round kills the process', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T04:00:00Z', record: null });
    rig.outcome = 'hold';
    rig.start();
    for (let count = 0; count < 60; count += 1) {
      await rig.pass(10_000);
      rig.restart();
    }

    expect(rig.runs).toHaveLength(1);
  });

  it('reports a schedule that never has a slot', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z', expression: '0 0 1 * 5#5' });
    rig.start();
    await rig.pass(DAY);

    expect(rig.runs).toEqual([]);
    expect(rig.schedule.nextAt()).toBeNull();
  });

  it('is silent after it was stopped', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.start();
    rig.schedule.stop();
    await rig.pass(DAY);

    expect(rig.runs).toEqual([]);
    expect(rig.clock.pending).toBe(0);
  });
});

describe('a withheld feed', () => {
  it('is suspected in the third slot, even after a restart', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'starved';
    rig.start();
    await rig.pass(7 * HOUR);
    rig.restart();
    await rig.pass(4 * HOUR);
    expect(rig.told('feed-starved')).toEqual([]);
    await rig.pass(2 * HOUR);
    expect(rig.told('feed-starved')).toMatchObject([{ error: { code: 'FREEZE-SUSPECT', facts: { schedules: 3 } } }]);

    rig.outcome = 'well';
    await rig.pass(6 * HOUR);
    rig.outcome = 'starved';
    await rig.pass(12 * HOUR);
    expect(rig.told('feed-starved')).toHaveLength(1);
  });
});

describe('a failed check', () => {
  it('is retried at increasing intervals until the slot; each retry is logged', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'fails';
    rig.start();
    await rig.pass(3 * HOUR);

    const gaps = rig.runs.slice(1).map(({ mono }, index) => (mono - (rig.runs[index]?.mono ?? 0)) / MINUTE);
    expect(gaps).toEqual([1, 2, 4, 8, 16, 32, 60]);
    expect(rig.told('check-next-try').slice(0, 3)).toEqual([
      { name: 'check-next-try', at: Date.parse('2026-11-20T06:01:00Z'), failures: 1 },
      { name: 'check-next-try', at: Date.parse('2026-11-20T06:03:00Z'), failures: 2 },
      { name: 'check-next-try', at: Date.parse('2026-11-20T06:07:00Z'), failures: 3 },
    ]);
  });

  it('without a network at boot is retried, and succeeds when the network is up', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z', record: null });
    rig.outcome = 'fails';
    rig.start();
    await rig.pass(5 * MINUTE);
    rig.outcome = 'well';
    await rig.pass(20 * MINUTE);

    expect(rig.ranAt()).toEqual([
      '2026-11-20T01:00:00',
      '2026-11-20T01:01:00',
      '2026-11-20T01:03:00',
      '2026-11-20T01:07:00',
    ]);
    expect(rig.record).toMatchObject({ failures: 0 });
    expect(rig.told('next-round').at(-1)).toMatchObject({ at: Date.parse('2026-11-20T06:00:00Z') });
  });

  it('waits for its slot if the admin has to change something', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'refused';
    rig.start();
    await rig.pass(5 * HOUR);

    expect(rig.runs).toHaveLength(1);
    expect(rig.told('check-next-try')).toEqual([]);
  });

  it('is retried when settings change, but never twice within a minute', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'refused';
    rig.start();
    await rig.pass(10 * MINUTE);
    rig.schedule.refresh();
    await rig.pass(0);
    expect(rig.ranAt()).toEqual(['2026-11-20T06:00:00', '2026-11-20T06:09:00']);
    for (let count = 0; count < 20; count += 1) {
      rig.schedule.refresh();
      await rig.pass(1_000);
    }

    expect(rig.runs).toHaveLength(2);
    rig.outcome = 'well';
    await rig.pass(MINUTE);
    expect(rig.ranAt().at(-1)).toBe('2026-11-20T06:10:00');
    rig.schedule.refresh();
    await rig.pass(HOUR);
    expect(rig.runs).toHaveLength(3);
  });

  it('waits longer if the server asked for a later retry', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'hold';
    rig.start();
    await rig.pass(MINUTE);
    rig.outcome = 'well';
    rig.end(
      coded('TCP-REFUSED', { host: 'a', port: 1, elapsed: 3, hop: 'this host' }),
      Date.parse('2026-11-20T06:40:00Z'),
    );
    await rig.pass(HOUR);

    expect(rig.ranAt()).toEqual(['2026-11-20T06:00:00', '2026-11-20T06:40:00']);
  });

  it('schedule: a successful round that asked for a retry gets an extra round', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.start();
    await rig.pass(2 * MINUTE);
    rig.end(null, rig.clock.now() + 5 * MINUTE);
    await rig.pass(HOUR);

    expect(rig.ranAt()).toEqual(['2026-11-20T06:00:00', '2026-11-20T06:06:00']);
  });

  it('is retried after a restart within the delay, not sooner than a minute', async () => {
    const at = '2026-11-20T01:00:00Z';
    const record = recordOf(Date.parse(at), { failures: 7 });
    const rig = new ScheduleRig({ at, jitterSeconds: 900, record });
    rig.start();
    await rig.pass(30 * MINUTE);

    expect(rig.runs.map(({ mono }) => mono)).toEqual([Math.max(MINUTE, DELAY)]);
  });
});

describe('failed packages', () => {
  const at = '2026-11-20T01:00:00Z';
  const now = Date.parse(at);

  it('get an extra round before the next slot, which still runs', async () => {
    const rig = new ScheduleRig({ at });
    rig.outcome = 'hold';
    rig.start();
    rig.end(null, null, now + 4 * MINUTE);
    await rig.pass(10 * MINUTE);
    rig.end();
    await rig.pass(6 * HOUR);

    expect(rig.ranAt()).toEqual(['2026-11-20T01:04:00', '2026-11-20T06:00:00']);
    expect(rig.scopes).toEqual(['due', 'all']);
  });

  it('wait at least a minute, and for the feed while it cannot be read', async () => {
    const rig = new ScheduleRig({ at });
    rig.outcome = 'hold';
    rig.start();
    rig.end(null, null, now);
    await rig.pass(MINUTE);
    expect(rig.ranAt()).toEqual(['2026-11-20T01:01:00']);

    rig.end(coded('DNS-TARGET', { host: 'x', reason: 'ENOTFOUND', hop: 'this host' }));
    await rig.pass(MINUTE);
    expect(rig.scopes).toEqual(['due', 'all']);
  });

  it('are remembered after a restart', async () => {
    const rig = new ScheduleRig({ at });
    rig.packageRetryAt = now + 8 * MINUTE;
    rig.start();
    await rig.pass(HOUR);
    expect(rig.ranAt()).toEqual(['2026-11-20T01:08:00']);
  });

  it('are all retried immediately when the settings change', async () => {
    const rig = new ScheduleRig({ at });
    rig.outcome = 'hold';
    rig.start();
    rig.end(null, null, now + HOUR);
    await rig.pass(2 * MINUTE);
    rig.schedule.refresh();
    await rig.pass(0);
    expect([rig.ranAt(), rig.scopes]).toEqual([['2026-11-20T01:02:00'], ['all']]);
  });

  it('do not delay a retry that was due at another time', async () => {
    const rig = new ScheduleRig({ at });
    rig.outcome = 'hold';
    rig.start();
    rig.end(null, now + 10 * MINUTE, now + 2 * MINUTE);
    await rig.pass(2 * MINUTE);
    rig.end(null, now + 10 * MINUTE);
    await rig.pass(HOUR);
    expect(rig.ranAt()).toEqual(['2026-11-20T01:02:00', '2026-11-20T01:10:00']);
  });
});

describe('schedule: summer time', () => {
  it.each([
    ['Europe/Berlin', '30 2 * * *', '2026-03-28T12:00:00Z', ['2026-03-29T01:00:00', '2026-03-30T00:30:00']],
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00', '2026-10-26T01:30:00']],
    ['America/Santiago', '0 0 * * *', '2026-09-05T12:00:00Z', ['2026-09-06T04:00:00', '2026-09-07T03:00:00']],
    ['America/Santiago', '0 0 * * *', '2026-04-04T12:00:00Z', ['2026-04-05T04:00:00', '2026-04-06T04:00:00']],
  ])('runs once each day around the change in %s (%s from %s)', async (zone, expression, at, expected) => {
    const rig = new ScheduleRig({ at, zone, expression });
    rig.start();
    await rig.pass(1.7 * DAY);

    expect(rig.ranAt()).toEqual(expected);
  });

  it('schedule: a slot skipped by summer time runs once if the host was down over it', async () => {
    const rig = new ScheduleRig({
      at: '2026-03-29T07:00:00Z',
      zone: 'Europe/Berlin',
      expression: '30 2 * * *',
      record: recordOf(Date.parse('2026-03-28T01:30:00Z')),
    });
    rig.start();
    await rig.pass(DAY);

    expect(rig.ranAt()).toEqual(['2026-03-29T07:00:00', '2026-03-30T00:30:00']);
  });
});

describe('a clock step', () => {
  it('causes one round after a suspend of 9 hours, within minutes and the delay', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z', jitterSeconds: 900 });
    rig.start();
    await rig.pass(HOUR);
    const woke = rig.clock.monotonic();
    rig.suspend(9 * HOUR);
    await rig.pass(30 * MINUTE);

    expect(rig.runs).toHaveLength(1);
    expect((rig.runs[0]?.mono ?? 0) - woke).toBeLessThanOrEqual(2 * MINUTE + DELAY);
    expect(rig.told('clock-stepped')).toMatchObject([{ direction: 'forward', by: 9 * HOUR }]);
    expect(rig.steps).toBe(1);
    await rig.pass(90 * MINUTE);
    expect(rig.ranAt().at(-1)).toBe(new Date(Date.parse('2026-11-20T12:00:00Z') + DELAY).toISOString().slice(0, 19));
  });

  it.each([1, -1])('of a year (%i) causes at most one round, then slots continue', async (sign) => {
    const rig = new ScheduleRig({ at: '2026-11-20T01:00:00Z' });
    rig.start();
    await rig.pass(6 * HOUR);
    expect(rig.runs).toHaveLength(1);
    rig.clock.stepWall(sign * YEAR);
    await rig.pass(3 * MINUTE);
    expect(rig.runs).toHaveLength(sign > 0 ? 2 : 1);
    await rig.pass(DAY);

    expect(rig.runs).toHaveLength(sign > 0 ? 6 : 5);
    expect(rig.ranAt().at(-1)).toContain(':00:00');
    expect(rig.told('next-round').at(-1)).toMatchObject({ at: rig.schedule.nextAt() ?? 0 });
    expect((rig.schedule.nextAt() ?? 0) - rig.clock.now()).toBeLessThanOrEqual(6 * HOUR);
  });

  it('forward and back within minutes runs no slot twice', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.start();
    await rig.pass(5 * MINUTE);
    rig.clock.stepWall(YEAR);
    await rig.pass(5 * MINUTE);
    rig.clock.stepWall(-YEAR);
    await rig.pass(5 * HOUR);

    expect(rig.ranAt()).toEqual(['2026-11-20T06:00:00', expect.stringContaining('2027-11-20T06:0')]);
  });

  it('that goes back over a slot by little does not run it again', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.start();
    await rig.pass(3 * MINUTE);
    rig.clock.stepWall(-10 * MINUTE);
    await rig.pass(HOUR);

    expect(rig.ranAt()).toEqual(['2026-11-20T06:00:00']);
  });

  it('that goes far back to just before a slot does not lose it', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T00:30:00Z' });
    rig.start();
    await rig.pass(6 * HOUR);
    rig.clock.stepWall(-3 * DAY - 31 * MINUTE);
    await rig.pass(5 * MINUTE);

    expect(rig.ranAt()).toEqual(['2026-11-20T06:00:00', expect.stringContaining('2026-11-17T06:0')]);
  });

  it('that leaves a record in the future does not delay a start', async () => {
    const at = '2026-11-20T01:00:00Z';
    const rig = new ScheduleRig({ at, jitterSeconds: 900, record: recordOf(Date.parse(at) + YEAR) });
    rig.start();
    await rig.pass(20 * MINUTE);

    expect(rig.runs.map(({ mono }) => mono)).toEqual([Math.max(MINUTE, DELAY)]);
  });

  it('does not change the delay before a retry', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z' });
    rig.outcome = 'fails';
    rig.start();
    await rig.pass(4.5 * MINUTE);
    expect(rig.runs).toHaveLength(3);
    rig.clock.stepWall(-YEAR);
    await rig.pass(4 * MINUTE);

    expect(rig.runs.map(({ mono }) => mono)).toEqual([1, 2, 4, 8].map((minute) => minute * MINUTE));
  });

  it('that repeats constantly does not cause a rapid loop', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T05:59:00Z', expression: '* * * * *' });
    rig.start();
    for (let count = 0; count < 600; count += 1) {
      rig.clock.stepWall(count % 2 === 0 ? YEAR : -YEAR + HOUR);
      await rig.pass(10_000);
    }

    expect(rig.runs.length).toBeLessThanOrEqual(101);
    const gaps = rig.runs.slice(1).map(({ mono }, index) => mono - (rig.runs[index]?.mono ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(MINUTE);
  });
});

describe('a changed schedule', () => {
  it('applies immediately and does not run slots from before the change', async () => {
    const rig = new ScheduleRig({ at: '2026-11-20T06:10:00Z' });
    rig.start();
    await rig.pass(2 * HOUR);
    rig.timetable = { ...rig.timetable, expression: '15 * * * *', timeZone: 'Europe/Berlin' };
    rig.schedule.refresh();
    await rig.pass(HOUR);

    expect(rig.ranAt()).toEqual(['2026-11-20T08:15:00']);
    expect(rig.told('next-round').map((event) => event['at'])).toContain(Date.parse('2026-11-20T08:15:00Z'));
  });
});

describe('schedule: waiting packages', () => {
  /** Checks at 18:00 and 00:00; the hours begin at 22:00. */
  function waiting(): ScheduleRig {
    const rig = new ScheduleRig({ at: '2026-11-20T17:00:00Z' });
    rig.waitsFor = ['download'];
    const begin = Date.parse('2026-11-20T22:00:00Z');
    rig.windowBeginsAt = (nowMs) => Math.max(nowMs, begin);
    return rig;
  }

  it('get a round when their hours begin', async () => {
    const rig = waiting();
    rig.start();
    await rig.pass(2 * HOUR);
    expect(rig.ranAt()).toEqual(['2026-11-20T18:00:00']);
    expect(rig.schedule.nextAt()).toBe(Date.parse('2026-11-20T22:00:00Z'));
    rig.waitsFor = [];
    await rig.pass(4 * HOUR);
    expect(rig.ranAt().slice(1)).toEqual(['2026-11-20T22:00:00']);
    expect(rig.scopes.at(-1)).toBe('all');
    expect(rig.record?.waits_for).toBeUndefined();
  });

  it('get it also after a restart and a failed check', async () => {
    const rig = waiting();
    rig.start();
    await rig.pass(2 * HOUR);
    rig.restart();
    expect(rig.schedule.nextAt()).toBe(Date.parse('2026-11-20T22:00:00Z'));
    rig.schedule.ended({ error: coded('ORIGIN-407', { url: 'https://updates.example.com/' }), retryAtMs: null });
    expect(rig.record?.waits_for).toEqual(['download']);
    rig.waitsFor = [];
    await rig.pass(4 * HOUR);
    expect(rig.ranAt().slice(1)).toEqual(['2026-11-20T22:00:00']);
  });

  it('get it soon after the clock or the settings change', async () => {
    const rig = waiting();
    rig.start();
    await rig.pass(1.5 * HOUR);
    rig.waitsFor = [];
    rig.clock.stepWall(4 * HOUR);
    await rig.pass(3 * MINUTE);
    expect(rig.runs).toHaveLength(2);

    const opened = waiting();
    opened.start();
    await opened.pass(2 * HOUR);
    opened.windowBeginsAt = (nowMs) => nowMs;
    opened.waitsFor = [];
    opened.schedule.refresh();
    await opened.pass(0);
    expect(opened.ranAt()).toEqual(['2026-11-20T18:00:00', '2026-11-20T19:00:00']);
  });

  it('cause at most one round a minute', async () => {
    const rig = waiting();
    rig.windowBeginsAt = (nowMs) => nowMs;
    rig.start();
    await rig.pass(HOUR + 5 * MINUTE);
    const gaps = rig.runs.slice(1).map(({ mono }, index) => mono - (rig.runs[index]?.mono ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(MINUTE);
  });

  it('get one after an import as well', async () => {
    const rig = waiting();
    rig.waitsFor = [];
    rig.windowBeginsAt = () => Date.parse('2026-11-20T17:30:00Z');
    rig.start();
    await rig.pass(0);
    rig.schedule.waitFor(['publish']);
    expect(rig.schedule.nextAt()).toBe(Date.parse('2026-11-20T17:30:00Z'));
    await rig.pass(2 * HOUR);
    expect(rig.ranAt()).toEqual(['2026-11-20T17:30:00', '2026-11-20T18:00:00']);
    expect(rig.record?.waits_for).toBeUndefined();
  });
});
