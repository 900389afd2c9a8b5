// Metrics over a state that a test chooses, with every feature in use, so that every series exists.

import type { Status } from '#control/control.ts';
import { Metrics } from '#daemon/metrics/metrics.ts';
import type { StateFacts } from '#daemon/metrics/state-metrics.ts';
import type { Code } from '#errors/catalogue.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import { FakeClock } from './fake-clock.ts';
import { anExplanation, anUpload, aStatus, aTrust } from './fake-control.ts';

const LATER = '2027-11-20T00:00:00.000Z';

/** A status in which every part of Sallyport is in use. */
export function aBusyStatus(over: Partial<Status> = {}): Status {
  const status = aStatus();
  const queue = (kind: string) => ({
    kind,
    unit: 'entries',
    waiting: { items: 3, bytes: 300 },
    quota: { items: 100, bytes: 1_000 },
    oldest: '2026-11-20T00:00:00.000Z',
    held: 1,
    rejected: 0,
    quarantined: 0,
    next_try: null,
  });
  const role = (name: string, expires = LATER) => ({ role: name, version: 1, expires, threshold: 1, signers: [] });
  return {
    ...status,
    routes: status.routes.map((route) => ({ ...route, enabled: true, last_success: '2026-11-20T00:05:00.000Z' })),
    credentials: [
      {
        proxy: 'corp',
        user: 'svc',
        used: true,
        why: 'rejected',
        entered_for: [],
        since: null,
        worked_until: null,
        next_try: null,
      },
    ],
    trust: aTrust({
      kind: 'tuf',
      roles: ['root', 'timestamp', 'snapshot', 'targets', 'team-a'].map((name) => role(name)),
    }),
    platform: { ...status.platform, enabled: true, state: 'connected' },
    uploads: [
      anUpload({ purpose: 'support_logs', queue: queue('bundle') }),
      anUpload({ purpose: 'exposure_analytics', queue: queue('batch') }),
    ],
    ...over,
  };
}

export interface MetricsRig {
  readonly metrics: Metrics;
  readonly clock: Clock & { advance?: unknown };
  /** What the next reading shows. */
  readonly facts: { current: StateFacts };
}

/** The clock stands still: the same reading is returned until a test advances it. */
export function openMetrics(profiles: readonly string[] = ['corp', 'backup']): MetricsRig {
  const certificates = [{ of: { kind: 'purpose', name: 'updates' }, use: 'ca', endsMs: Date.parse(LATER) } as const];
  const facts: MetricsRig['facts'] = {
    current: {
      status: aBusyStatus(),
      explanation: anExplanation(),
      certificates,
      proxyNames: new Map([['http://proxy.example.com:3128', 'corp']]),
    },
  };
  const clock = new FakeClock();
  const metrics = new Metrics({
    clock,
    profiles: () => profiles.map((name) => ({ name })),
    facts: () => Promise.resolve(facts.current),
  });
  return { metrics, clock, facts };
}

/** A day of work in which everything happened once. */
export function aDayOfEvents(proxy = 'corp'): SallyportEvent[] {
  const scope = { purpose: 'support_logs', thread: 'Support logs' };
  const failure = (code: Code) => new CodedError(code, {});
  const events: unknown[] = [
    { name: 'connected', purpose: 'updates', thread: 'Updater', host: 'h', port: 443, proxy, how: 'tunnel' },
    { name: 'waiting', id: '1', limit: 30_000, size: 100, explanation: 'x', proxy, scans: false },
    { name: 'downloading', id: '1' },
    { name: 'progress', id: '1', received: 40, length: 100 },
    { name: 'downloaded', id: '1', length: 100, elapsed: 2_000, silence: 300 },
    { name: 'published', id: '1', path: '/p/1.jar' },
    { name: 'failed-over', ...scope, proxy, rest: 1_000, next: 'x', error: failure('TCP-REFUSED') },
    { name: 'uploaded', ...scope, job: 'j', length: 500, elapsed: 4_000 },
    { name: 'batch-sent', ...scope, batch: 'b', documents: 1, bytes: 900, wireBytes: 90 },
    { name: 'round-ended', published: 1, failed: 0, pruned: 0 },
  ];
  return events as SallyportEvent[];
}
