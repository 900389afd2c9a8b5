// A thousand links or polling hosts with the real state machine, on a simulated clock, and one platform that restarts.
// The peak of attempts in any second stays under a tenth of the fleet, however long the platform is away.

import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { LinkEvent, LinkMode, Machine } from '#platform/link/machine.ts';
import { OFF, step } from '#platform/link/state.ts';
import { seeded } from '#test/support/crashing-files.ts';

const FLEET = 1_000;
const HOST = 'platform.example.com';
const lost = coded('LINK-LOST', { host: HOST, elapsed: 1, hop: null });
const closed = coded('LINK-CLOSED', { host: HOST, elapsed: 1, why: '1012 restart', hop: null });
const refused = coded('TCP-REFUSED', { host: HOST, port: 443, elapsed: 1, hop: null });
const busy = coded('ORIGIN-STATUS', { url: HOST, status: 503, reason: 'busy', hop: null });
/** From the first byte of an attempt to its result. */
const OPENING_MS = 200;
/** How long the platform holds a poll that is not the first. */
const HELD_MS = 60_000;
/** Longer than a run, so that no ping is sent: pings open no connection. */
const PING_MS = 1e9;

/** How a platform goes away, and what it says while it is away. */
interface Restart {
  readonly name: string;
  readonly awayMs: number;
  readonly ending: LinkEvent & { kind: 'ended' | 'failed' };
  /** The failure of attempts while it is away. */
  readonly refusing: LinkEvent & { kind: 'failed' };
  /** How long each link had lasted. */
  readonly ageMs?: number;
  readonly delayMs?: number;
  readonly mode?: LinkMode;
}

interface Link {
  machine: Machine;
  /** When its attempt, or its poll, gets its result. */
  resultAtMs: number | null;
  attempts: number;
}

class FleetOnClock {
  readonly #random: () => number;
  readonly links: Link[] = Array.from({ length: FLEET }, () => ({ machine: OFF, resultAtMs: null, attempts: 0 }));
  /** Attempts in each second. */
  readonly seconds = new Map<number, number>();
  nowMs = 0;
  isAway = false;
  refusing: LinkEvent & { kind: 'failed' } = { kind: 'failed', error: refused };

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  feed(link: Link, event: LinkEvent): void {
    const silent = () => coded('LINK-SILENT', { host: HOST, elapsed: 1, hop: null });
    const { machine, effects } = step(link.machine, event, { nowMs: this.nowMs, random: this.#random(), silent });
    link.machine = machine;
    if (machine.phase === 'waiting') link.resultAtMs = null;
    for (const effect of effects) {
      if (effect.do !== 'open' && effect.do !== 'poll') continue;
      const isAttempt = effect.do === 'open' || effect.isFirst;
      link.resultAtMs = this.nowMs + (isAttempt ? OPENING_MS : HELD_MS);
      if (!isAttempt) continue;
      link.attempts += 1;
      const second = Math.floor(this.nowMs / 1_000);
      this.seconds.set(second, (this.seconds.get(second) ?? 0) + 1);
    }
  }

  /** Lets time pass, from one event of the fleet to the next. */
  runTo(endMs: number): void {
    for (let next = this.#next(); next.atMs < endMs; next = this.#next()) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#happen(next.link);
    }
    this.nowMs = endMs;
  }

  #next(): { readonly link: Link; readonly atMs: number } {
    const [first] = this.links as [Link];
    let next = { link: first, atMs: Number.POSITIVE_INFINITY };
    for (const link of this.links) {
      const atMs = link.resultAtMs ?? link.machine.wakeAtMs ?? Number.POSITIVE_INFINITY;
      if (atMs < next.atMs) next = { link, atMs };
    }
    return next;
  }

  #happen(link: Link): void {
    if (link.resultAtMs === null) {
      this.feed(link, { kind: 'time' });
      return;
    }
    link.resultAtMs = null;
    if (this.isAway) {
      if (this.refusing.error === busy) this.feed(link, { kind: 'opened' });
      this.feed(link, this.refusing);
      return;
    }
    if (link.machine.phase === 'polling') {
      this.feed(link, { kind: 'answered', elapsedMs: link.machine.isProven ? HELD_MS : OPENING_MS, messages: 0 });
      return;
    }
    this.feed(link, { kind: 'opened' });
    this.feed(link, { kind: 'upgraded' });
    this.feed(link, { kind: 'heard', isMessage: true });
  }

  get connected(): number {
    return this.links.filter(({ machine: { phase, isProven } }) => {
      return phase === 'connected' || (phase === 'polling' && isProven);
    }).length;
  }
}

/** The most attempts within any second from the restart to an hour later. */
function peakOf(one: Restart, seed: number): number {
  const { awayMs, ending, refusing, ageMs = 120_000, delayMs = 0, mode = 'websocket' } = one;
  const fleet = new FleetOnClock(seed);
  for (const link of fleet.links) fleet.feed(link, { kind: 'start', mode, pingMs: PING_MS });
  fleet.runTo(ageMs);
  expect(fleet.connected).toBe(FLEET);
  fleet.seconds.clear();
  fleet.isAway = true;
  fleet.refusing = refusing;
  for (const link of fleet.links) {
    if (delayMs > 0) fleet.feed(link, { kind: 'delay', ms: delayMs });
    fleet.feed(link, ending);
  }
  fleet.runTo(ageMs + awayMs);
  fleet.isAway = false;
  fleet.runTo(ageMs + awayMs + 1_000_000);
  expect(fleet.connected).toBe(FLEET);
  return Math.max(...fleet.seconds.values());
}

const cut = { kind: 'ended', error: lost, isOrderly: false } as const;
const restart = { kind: 'ended', error: closed, isOrderly: true } as const;
const noPort = { kind: 'failed', error: refused } as const;
const overloaded = { kind: 'failed', error: busy, retryAfterMs: 10_000 } as const;

describe('a fleet of links and a platform that restarts', () => {
  it.each<Restart>([
    { name: 'killed, back at once', awayMs: 0, ending: cut, refusing: noPort },
    { name: 'killed, back after 5 s', awayMs: 5_000, ending: cut, refusing: noPort },
    { name: 'killed, back after 30 s', awayMs: 30_000, ending: cut, refusing: noPort },
    { name: 'killed, back after 2 min', awayMs: 120_000, ending: cut, refusing: noPort },
    { name: 'killed, back after 15 min', awayMs: 900_000, ending: cut, refusing: noPort },
    { name: 'killed while links were new', awayMs: 5_000, ending: cut, refusing: noPort, ageMs: 10_000 },
    { name: 'closed with 1012, back after 10 s', awayMs: 10_000, ending: restart, refusing: noPort },
    { name: 'closed with a delay of a minute', awayMs: 30_000, ending: restart, refusing: noPort, delayMs: 60_000 },
    { name: '503 with Retry-After for a minute', awayMs: 60_000, ending: restart, refusing: overloaded },
    { name: 'polls refused, back after 5 s', awayMs: 5_000, ending: noPort, refusing: noPort, mode: 'poll' },
    { name: 'polls refused, back after 2 min', awayMs: 120_000, ending: noPort, refusing: noPort, mode: 'poll' },
    { name: 'polls get 503 for a minute', awayMs: 60_000, ending: overloaded, refusing: overloaded, mode: 'poll' },
  ])('fleet: $name, peak below 10 % in any second', (one) => {
    const peaks = [1, 2, 3].map((seed) => peakOf(one, seed));
    expect(Math.max(...peaks)).toBeLessThan(FLEET / 10);
    expect(Math.min(...peaks)).toBeGreaterThan(0);
  });
});
