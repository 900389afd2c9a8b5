// 1,000 hosts after an outage of an hour: when they come back, computed with the real decision about retries. Pure, from seeds.

import { expect, it } from 'vitest';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { nextDelay, parseRetryAfter } from '#http/retry-delay.ts';
import { seeded } from '#test/support/crashing-files.ts';

const HOSTS = 1_000;
const OUTAGE_MS = 3_600_000;
/** A host tries for the first time when its next batch is full. */
const BATCH_MS = 10_000;
const MAX_PER_SECOND = 0.05 * HOSTS;
const START_MS = Date.UTC(2026, 10, 30, 3);
/** The defaults of the daemon. */
const RETRY = { maxDelaySeconds: 21_600, baseMs: 600_000 };

/** What a host gets at a moment, in ms from the start of the outage; null if its batch is accepted. */
type Server = (atMs: number) => { readonly retryAfter: string | undefined } | null;

interface Attempt {
  readonly atMs: number;
  /** The earliest time that Retry-After of the previous response allowed. */
  readonly notBeforeMs: number;
}

const failed = (retryAfterMs: number | null): CodedError =>
  coded('CONNECTION-LOST', { received: 0, expected: 1, reason: 'x', retryAfterMs });

function attemptsOf(server: Server, random: () => number): readonly Attempt[] {
  const attempts: Attempt[] = [];
  let next: Attempt = { atMs: random() * BATCH_MS, notBeforeMs: 0 };
  for (;;) {
    attempts.push(next);
    const { atMs } = next;
    const refused = server(atMs);
    if (refused === null) return attempts;
    const retryAfterMs = parseRetryAfter(refused.retryAfter, START_MS + atMs);
    const waitMs = nextDelay(failed(retryAfterMs), attempts.length, { ...RETRY, random: random() });
    next = { atMs: atMs + waitMs, notBeforeMs: atMs + (retryAfterMs ?? 0) };
  }
}

/** The most attempts of all hosts in one second after the outage. */
function peakOf(attempts: readonly Attempt[]): number {
  const seconds = new Map<number, number>();
  for (const { atMs } of attempts.filter((one) => one.atMs >= OUTAGE_MS)) {
    const second = Math.floor(atMs / 1_000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  return Math.max(...seconds.values());
}

const isOut = (atMs: number) => atMs < OUTAGE_MS;
const isBusy = (atMs: number) => atMs < OUTAGE_MS + 300_000;
const END = new Date(START_MS + OUTAGE_MS).toUTCString();

const SERVERS: readonly (readonly [string, Server])[] = [
  ['a server that is gone, then accepts', (at) => (isOut(at) ? { retryAfter: undefined } : null)],
  ['a server that is busy afterwards, with Retry-After', (at) => (isBusy(at) ? { retryAfter: '120' } : null)],
  ['a server that names the end of the outage in Retry-After', (at) => (isOut(at) ? { retryAfter: END } : null)],
];

it.each(SERVERS)('after an outage: under 5 %% of the hosts come in one second, to %s', (_, server) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = seeded(seed);
    const attempts = Array.from({ length: HOSTS }, () => attemptsOf(server, random)).flat();
    expect(peakOf(attempts)).toBeLessThan(MAX_PER_SECOND);
    expect(attempts.filter(({ atMs, notBeforeMs }) => atMs < notBeforeMs)).toEqual([]);
  }
});
