// Writes one log line for several sent batches: immediately for the first batches, then at most every ten minutes.
//
// Programs submit documents all day, so a line for each batch would hide other lines. At level debug, the log has a line
// for each batch.

import type { ScopedReport } from '#logging/scoped.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { SentFacts } from '#uploads/analytics/batch-sender.ts';

const EVERY_MS = 600_000;

/** What was sent to one URL over one path since the last line. */
interface Sum {
  documents: number;
  batches: number;
  bytes: number;
  wireBytes: number;
  elapsedMs: number;
}

export class SentSummary {
  readonly #clock: Clock;
  readonly #report: ScopedReport;
  readonly #sums = new Map<string, { readonly url: string; readonly via: string; readonly sum: Sum }>();
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  #via: string | null = null;

  constructor(clock: Clock, report: ScopedReport) {
    this.#clock = clock;
    this.#report = report;
  }

  /** A batch was sent, in this time. */
  add({ url, via, proxy, documents, bytes, wireBytes }: SentFacts, elapsedMs: number): void {
    if (via !== null && via !== this.#via) this.#report({ name: 'response-via', via });
    this.#via = via;
    const words = viaWords(proxy);
    const key = `${url}\n${words}`;
    const none = { documents: 0, batches: 0, bytes: 0, wireBytes: 0, elapsedMs: 0 };
    const line = this.#sums.get(key) ?? { url, via: words, sum: none };
    this.#sums.set(key, line);
    const { sum } = line;
    sum.documents += documents;
    sum.batches += 1;
    sum.bytes += bytes;
    sum.wireBytes += wireBytes;
    sum.elapsedMs += elapsedMs;
  }

  /** A delivery ended. */
  ended(): void {
    if (this.#sums.size === 0 || this.#timer !== null) return;
    const waitMs = this.#reportedAtMs + EVERY_MS - this.#clock.monotonic();
    if (waitMs <= 0) this.#reportAll();
    else this.#timer = this.#clock.after(waitMs, () => this.#reportAll());
  }

  /** Reports what is left. */
  stop(): void {
    this.#reportAll();
  }

  #reportAll(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#reportedAtMs = this.#clock.monotonic();
    for (const { url, via, sum } of this.#sums.values()) {
      const { wireBytes, bytes, elapsedMs, ...rest } = sum;
      const ratio = Math.round((100 * wireBytes) / Math.max(1, bytes));
      this.#report({ name: 'batches-sent', url, via, bytes, ratio, elapsed: Math.round(elapsedMs), ...rest });
    }
    this.#sums.clear();
  }
}

/** The path of a batch in words, as for bundles: `proxy corp`, or `no proxy`. */
export function viaWords(proxy: string | null): string {
  return proxy === null ? 'no proxy' : `proxy ${proxy}`;
}
