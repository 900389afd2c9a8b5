import { beforeEach, describe, expect, it } from 'vitest';
import { type CheckHealth, classifyHealth, HealthWatch } from '#daemon/answers/health.ts';
import { classifyQueues } from '#daemon/answers/health-of-queues.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const HOUR = 3_600_000;
const DAY = 86_400_000;
const YEAR = 365 * DAY;
const START = Date.UTC(2026, 10, 20);
const FAILURE = coded('TCP-REFUSED', { host: 'h', port: 1, elapsed: 3, hop: 'proxy corp (h:1)' });

let clock: FakeClock;
let events: SallyportEvent[];
let limit: number | null;
beforeEach(() => {
  clock = new FakeClock(START);
  events = [];
  limit = 72 * HOUR;
});

function watch(succeededMs: number | null = START, firstMs = START, interrupted = false): HealthWatch {
  const before = { firstMs, succeededMs, failures: 0, interrupted };
  const health = new HealthWatch({ clock, report: (event) => void events.push(event), limitMs: () => limit, before });
  health.start();
  return health;
}

function told(): string[] {
  return events.map(({ name }) => name);
}

/** A check each hour with this result. */
function checks(health: HealthWatch, hours: number, error: CodedError | null): void {
  for (let hour = 0; hour < hours; hour += 1) {
    clock.advance(HOUR);
    health.ended(error);
  }
}

describe('health: failing checks', () => {
  it('health: failing checks give one error a day after updates.stale_after_hours', () => {
    const health = watch();
    checks(health, 71, FAILURE);
    expect(told()).toEqual([]);
    checks(health, 1, FAILURE);
    expect(told()).toEqual(['checks-overdue']);
    expect(String(events[0]?.['error'])).toContain('for 72 h. Last failure: TCP-REFUSED at proxy corp (h:1).');
    checks(health, 23, FAILURE);
    expect(told()).toHaveLength(1);
    checks(health, 48, FAILURE);
    expect(told()).toHaveLength(3);
  });

  it('end with the first success, which is logged once', () => {
    const health = watch();
    checks(health, 80, FAILURE);
    checks(health, 5, null);

    expect(told()).toEqual(['checks-overdue', 'checks-recovered']);
    expect(health.current).toMatchObject({ failures: 0, error: null, overdue: null, ageMs: 0 });
    checks(health, 72, FAILURE);
    expect(told()).toEqual(['checks-overdue', 'checks-recovered', 'checks-overdue']);
  });

  it('are an error also if none has succeeded since the first start', () => {
    const health = watch(null);
    checks(health, 72, FAILURE);

    expect(told()).toEqual(['checks-overdue']);
    expect(health.current.succeededMs).toBeNull();
  });

  it('are not reported if no feed is set', () => {
    limit = null;
    checks(watch(), 200, FAILURE);

    expect(told()).toEqual([]);
  });

  it('are reported after an hour even if no check ran', () => {
    watch(START - 5 * DAY);
    clock.advance(HOUR - 1_000);
    expect(told()).toEqual([]);
    clock.advance(11 * 60_000);

    expect(told()).toEqual(['checks-overdue']);
    expect(String(events[0]?.['error'])).toContain('none, because no check has run since the start');
  });
});

describe('health: a clock step', () => {
  it('does not make a host late that wakes after a week and checks', () => {
    const health = watch();
    clock.stepWall(7 * DAY);
    health.stepped();
    clock.advance(20 * 60_000);
    health.ended(null);
    clock.advance(2 * HOUR);

    expect(told()).toEqual([]);
  });

  it('health: a host that wakes after a week is late only when a check has failed', () => {
    const health = watch();
    clock.stepWall(7 * DAY);
    health.stepped();
    clock.advance(60_000);
    health.ended(FAILURE);

    expect(told()).toEqual(['checks-overdue']);
  });

  it('a step back by a year hides no outage', () => {
    const health = watch();
    clock.stepWall(-YEAR);
    health.stepped();
    checks(health, 71, FAILURE);
    expect(told()).toEqual([]);
    checks(health, 1, FAILURE);

    expect(told()).toEqual(['checks-overdue']);
  });

  it('health: a clock step of a year in an outage still gives one error a day', () => {
    const health = watch();
    checks(health, 72, FAILURE);
    clock.stepWall(-YEAR);
    health.stepped();
    checks(health, 12, FAILURE);

    expect(told()).toEqual(['checks-overdue']);
  });

  it('a success dated in the future counts as one of the present', () => {
    const health = watch(START + YEAR);
    expect(health.current.ageMs).toBe(0);
    checks(health, 72, FAILURE);

    expect(told()).toEqual(['checks-overdue']);
  });
});

describe('health: an interrupted check', () => {
  it('is reported as interrupted until the next check has ended', () => {
    const health = watch(START, START, true);
    expect(health.current.interrupted).toBe(true);
    health.ended(FAILURE);

    expect(health.current.interrupted).toBe(false);
  });
});

const FULL_QUEUE = {
  kind: 'receipt',
  title: 'receipts',
  unit: 'receipts',
  items: 96,
  bytes: 1_000,
  limit: { items: 100, bytes: 10_000_000 },
  oldestMs: HOUR,
  held: 0,
};

const HOLD = { until: Date.UTC(2026, 10, 27, 6), by: 'user 1000 (anna)', reason: 'change freeze', ready: 2 };

describe('health: the verdict', () => {
  const well: CheckHealth = {
    ageMs: 2 * HOUR,
    succeededMs: START,
    interrupted: false,
    failures: 0,
    error: null,
    overdue: null,
  };
  const facts = {
    checks: well,
    hasFeed: true,
    isPaused: false,
    isConfigRefused: false,
    isFileHeld: false,
    failing: 0,
    hookFailed: 0,
    keptBack: [],
    waitingRequests: 0,
    hold: null,
    expiring: null,
    trustWarning: null,
    unactivated: null,
    platformWarning: null,
    queues: [],
    nextCheckMs: Date.UTC(2026, 10, 20, 6, 7),
  };

  it.each([
    ['ok', {}, 'The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00Z.'],
    [
      'ok',
      { checks: { ...well, interrupted: true } },
      'The last check was interrupted. The next is at 2026-11-20T06:07:00Z.',
    ],
    ['ok', { checks: { ...well, succeededMs: null }, nextCheckMs: null }, 'No check has ended yet.'],
    [
      'ok',
      { hold: HOLD },
      'The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00Z. Updates are on hold until 2026-11-27T06:00:00Z by user 1000 (anna): "change freeze" (2 ready).',
    ],
    [
      'warning',
      { hold: HOLD, hookFailed: 1 },
      'Number of updates for which the hook failed: 1. Updates are on hold until 2026-11-27T06:00:00Z by user 1000 (anna): "change freeze" (2 ready).',
    ],
    [
      'warning',
      { hasFeed: false },
      'No feed is configured (updates.feed_url or updates.tuf), so no updates are fetched.',
    ],
    ['warning', { isPaused: true }, 'The disk is full; downloads are paused until there is space.'],
    [
      'warning',
      { checks: { ...well, failures: 3, error: FAILURE } },
      `3 checks in a row failed; no success for 2 h. ${FAILURE.message} Next try at 2026-11-20T06:07:00Z.`,
    ],
    [
      'warning',
      { checks: { ...well, failures: 1 } },
      '1 check in a row failed; no success for 2 h. Next try at 2026-11-20T06:07:00Z.',
    ],
    ['warning', { isConfigRefused: true }, 'The configuration file was rejected; the previous settings are in effect.'],
    [
      'warning',
      { isFileHeld: true },
      'The changed configuration file is not confirmed, so the previous settings are in effect. See: sallyport status.',
    ],
    ['warning', { failing: 2 }, 'Number of updates that could not be downloaded: 2.'],
    [
      'warning',
      { keptBack: ['corp', 'far'] },
      'The password for corp, far is on hold and not sent. See: sallyport status.',
    ],
    [
      'warning',
      { expiring: { authority: 'CN=Inspect', key: 'updates.allow_interception_by', at: Date.UTC(2026, 11, 1) } },
      'The CA CN=Inspect in updates.allow_interception_by expires at 2026-12-01T00:00:00Z. Add its successor to the file.',
    ],
    ['warning', { hookFailed: 1 }, 'Number of updates for which the hook failed: 1.'],
    [
      'warning',
      { waitingRequests: 2 },
      'Number of requests of the platform for support logs that wait for a decision: 2. See: sallyport send-logs requests.',
    ],
    [
      'warning',
      { waitingRequests: null },
      'The requests of the platform cannot be read. See: sallyport send-logs requests.',
    ],
    ['critical', { checks: null }, 'No daemon is running, so nothing is checked.'],
    [
      'critical',
      {
        checks: { ...well, overdue: coded('FEED-OVERDUE', { age: 73 * HOUR, cause: 'DNS-PROXY at proxy corp (h:1)' }) },
      },
      '[FEED-OVERDUE] No check for updates has succeeded for 73 h. Last failure: DNS-PROXY at proxy corp (h:1).',
    ],
    [
      'critical',
      { queues: [FULL_QUEUE] },
      'The queue of receipts is 96 % full (96 of 100 receipts, 1.0 KB of 10.0 MB); a full queue refuses new ones. See sallyport queue ls.',
    ],
    ['warning', { trustWarning: 'The signed role root expires.' }, 'The signed role root expires.'],
    ['warning', { platformWarning: 'The link is down.' }, 'The link is down.'],
    [
      'warning',
      { queues: [{ ...FULL_QUEUE, items: 90 }], isPaused: true },
      'The disk is full; downloads are paused until there is space.',
    ],
  ] as const)('is %s for %j', (level, over, sentence) => {
    expect(classifyHealth({ ...facts, ...over })).toEqual({ level, sentence });
  });

  it('is a single line whatever a failure contains', () => {
    const error = coded('TCP-REFUSED', { host: 'x\ny', port: 1, elapsed: 3, hop: 'this host' });
    const { sentence } = classifyHealth({ ...facts, checks: { ...well, failures: 1, error } });
    expect(sentence).not.toMatch(/[\r\n]/);
  });
});

describe('health: the queues', () => {
  const LIMIT = { items: 1_000_000, bytes: 1_073_741_824 };
  const half = {
    kind: 'batch',
    title: 'exposure analytics',
    unit: 'documents',
    items: 500_000,
    bytes: 400_000_000,
    limit: LIMIT,
    oldestMs: HOUR,
    held: 0,
  };
  const FULL = (percent: number, items: number, size: string) =>
    `The queue of exposure analytics is ${percent} % full (${items} of 1000000 documents, ${size} of 1.1 GB); ` +
    'a full queue refuses new ones. See sallyport queue ls.';

  it.each([
    [half, null, null],
    [{ ...half, items: 800_000 }, null, null],
    [{ ...half, items: 800_001 }, null, FULL(80, 800_001, '400.0 MB')],
    [{ ...half, items: 950_000 }, null, FULL(95, 950_000, '400.0 MB')],
    [{ ...half, items: 950_001 }, FULL(95, 950_001, '400.0 MB'), null],
    [{ ...half, bytes: 1_073_741_824 }, FULL(100, 500_000, '1.1 GB'), null],
    [{ ...half, oldestMs: DAY }, null, null],
    [
      { ...half, oldestMs: 26 * HOUR },
      null,
      'The oldest entry in the queue of exposure analytics has been waiting for 26 h. See sallyport queue ls.',
    ],
    [{ ...half, held: 2 }, null, 'Held in the queue of exposure analytics: 2. See sallyport queue ls --kind batch.'],
  ])('health: queue %# is classified by its fullness, its age and what is held', (queue, critical, warning) => {
    expect(classifyQueues([queue])).toEqual({ critical, warning });
  });

  it('health: the fullest queue decides, and an empty quota is not divided by', () => {
    const receipts = { ...half, title: 'receipts', items: 0, bytes: 0, limit: { items: 0, bytes: 0 }, oldestMs: null };
    const { critical } = classifyQueues([receipts, { ...half, items: 990_000 }]);
    expect(critical).toContain('99 % full');
  });
});
