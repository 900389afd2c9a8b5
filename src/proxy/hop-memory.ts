// Remembers two facts about each proxy and server (hop) since the start of the daemon: the time in the Date header of
// its responses, and whether a tunnel to port 443 was opened. They affect only the words of a failure.

import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import type { ResponseHead } from './route.ts';
import { type ObservedTime, observedTimeIn } from './tls/observed-time.ts';

export class HopMemory {
  readonly #clock: Clock;
  readonly #by: string;
  #observedTime: ObservedTime | null = null;
  #passes443 = false;

  /** `by` names the sender of the responses in words. */
  constructor(clock: Clock, by: string) {
    this.#clock = clock;
    this.#by = by;
  }

  /** The most recent time that a response showed; null before the first one. */
  get observedTime(): ObservedTime | null {
    return this.#observedTime;
  }

  /** Whether a tunnel to port 443 has been opened. */
  get passes443(): boolean {
    return this.#passes443;
  }

  noteHead(head: ResponseHead): void {
    this.#observedTime = observedTimeIn(head, this.#by, this.#clock.monotonic()) ?? this.#observedTime;
  }

  /** `authority` is `host:port`. */
  noteTunnel(authority: string): void {
    if (authority.endsWith(':443')) this.#passes443 = true;
  }
}

/** More hops and targets than a configuration has. The limit is needed because redirects may name any number. */
const MAX_HOPS = 256;

/** The memory of each hop by its URL, and of each target by its `host:port`; the least recently used is dropped. */
export class HopMemories {
  readonly #clock: Clock;
  readonly #hops = new NewestMap<string, HopMemory>(MAX_HOPS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(url: string, by: string): HopMemory {
    const known = this.#hops.get(url) ?? new HopMemory(this.#clock, by);
    this.#hops.set(url, known);
    return known;
  }

  /** The most recent time that any of these hops showed; null when none did. */
  latest(hops: readonly string[]): ObservedTime | null {
    const times = hops.flatMap((hop) => this.#hops.get(hop)?.observedTime ?? []);
    return times.sort((a, b) => b.monotonicMs - a.monotonicMs)[0] ?? null;
  }
}
