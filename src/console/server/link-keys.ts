// The keys of links, and the tokens of sessions. Both exist only in the memory of this process.
//
// Guarantees: a key works once and for ten minutes, by the monotonic clock. Keys and tokens have 256 random bits. They
// are found by their digest, so the time of a comparison reveals nothing about them.

import { createHash, randomBytes } from 'node:crypto';
import type { Clock, Timer } from '#system/clock.ts';

export const KEY_MINUTES = 10;
const KEY_MS = KEY_MINUTES * 60_000;
const BYTES = 32;
/** Links that are open at a time; a further one replaces the oldest. */
const MAX_KEYS = 16;
/** Used keys that are remembered, for a warning. */
const MAX_USED = 64;
/** A further session ends the oldest. */
const MAX_SESSIONS = 64;

/** `used`: another person may have seen the link. */
export type KeyVerdict = 'accepted' | 'used' | 'wrong';

export class LinkKeys {
  readonly #clock: Clock;
  readonly #open = new Map<string, Timer>();
  readonly #used = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new key. */
  make(): string {
    const key = randomText();
    const digest = digestOfText(key);
    this.#open.set(
      digest,
      this.#clock.after(KEY_MS, () => this.#close(digest)),
    );
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_KEYS && oldest !== undefined) this.#close(oldest);
    return key;
  }

  /** Uses up a key. */
  use(key: string): KeyVerdict {
    const digest = digestOfText(key);
    if (!this.#open.has(digest)) return this.#used.has(digest) ? 'used' : 'wrong';
    this.#close(digest);
    this.#used.add(digest);
    const [oldest] = this.#used;
    if (this.#used.size > MAX_USED && oldest !== undefined) this.#used.delete(oldest);
    return 'accepted';
  }

  /** Closes every link. */
  close(): void {
    for (const digest of [...this.#open.keys()]) this.#close(digest);
  }

  #close(digest: string): void {
    this.#open.get(digest)?.cancel();
    this.#open.delete(digest);
  }
}

/** What belongs to one token. */
export interface TokenSession {
  /** Streams that are open. */
  streams: number;
}

export class Tokens {
  readonly #sessions = new Map<string, TokenSession>();

  /** Begins a session; returns its token. */
  begin(): string {
    const token = randomText();
    this.#sessions.set(digestOfText(token), { streams: 0 });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    return token;
  }

  /** The session of an `Authorization` header; null without a valid token. */
  find(authorization: string | undefined): TokenSession | null {
    const [, token] = /^Bearer ([\w-]{1,128})$/.exec(authorization ?? '') ?? [];
    return token === undefined ? null : (this.#sessions.get(digestOfText(token)) ?? null);
  }

  /** Open streams of all sessions. */
  get streams(): number {
    return [...this.#sessions.values()].reduce((sum, { streams }) => sum + streams, 0);
  }
}

function randomText(): string {
  return randomBytes(BYTES).toString('base64url');
}

function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
