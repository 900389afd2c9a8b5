// Records when the bytes of one transfer arrive, so that `kind.ts` can classify its path. The caller passes the times
// and numbers of bytes; no clock is read here.

import type { TransferShape } from './kind.ts';

const EARLY_SHARE = 0.1;
const LATE_SHARE = 0.9;

/** The marks of one transfer of which `expected` bytes were requested. */
export class ShapeWatch {
  readonly #startMs: number;
  readonly #expected: number;
  #firstMs: number | null = null;
  #earlyMs: number | null = null;
  #lateMs: number | null = null;
  #cached = false;

  constructor(startMs: number, expected: number) {
    this.#startMs = startMs;
    this.#expected = expected;
  }

  responded(cached: boolean): void {
    this.#cached = cached;
  }

  /** Records the number of requested bytes that have arrived. */
  received(atMs: number, bytes: number): void {
    if (bytes <= 0) return;
    this.#firstMs ??= atMs;
    if (bytes >= this.#expected * EARLY_SHARE) this.#earlyMs ??= atMs;
    if (bytes >= this.#expected * LATE_SHARE) this.#lateMs ??= atMs;
  }

  end(atMs: number, ended: Pick<TransferShape, 'whole' | 'timedOut' | 'throttled'>): TransferShape {
    const since = (ms: number | null) => (ms === null ? null : ms - this.#startMs);
    return {
      ...ended,
      endedMs: atMs - this.#startMs,
      firstByteMs: since(this.#firstMs),
      earlyMs: since(this.#earlyMs),
      lateMs: since(this.#lateMs),
      cached: this.#cached,
    };
  }
}
