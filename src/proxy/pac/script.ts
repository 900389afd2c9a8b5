// The text of one PAC file, from a file of this host or from a URL. It is read only when it is needed.
//
// Guarantees: at most 1 MiB. A file is read again each time, and a URL is requested again after ten minutes, with its
// ETag. If the new text cannot be read, the old text is returned together with the failure.

import { createHash } from 'node:crypto';
import { readBounded } from '#config/reading/read-bounded.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { CandidateRequest } from '#proxy/hop.ts';
import type { Clock } from '#system/clock.ts';

/** The location; exactly one of the two. */
export interface PacPlace {
  readonly url?: string | undefined;
  readonly file?: string | undefined;
}

/**
 * Fetches over the router's direct connection, because no proxy is known yet. `unchanged` only if an ETag was given.
 */
export type PacFetch = (
  url: URL,
  request: CandidateRequest & { readonly etag: string | null; readonly limitBytes: number },
) => Promise<
  { readonly kind: 'unchanged' } | { readonly kind: 'text'; readonly body: Uint8Array; readonly etag: string | null }
>;

export interface PacText {
  readonly text: string;
  readonly digest: string;
}

/** The text, and why it is not current; null when it is. */
export interface PacReading extends PacText {
  readonly stale: CodedError | null;
}

/** PAC files of large companies have about 100 KB. */
export const MAX_PAC_BYTES = 1_048_576;
/** How long a fetched text is used before the next request, and the wait after a failed one, in milliseconds. */
export const REFRESH_MS = 600_000;
export const RETRY_MS = 60_000;

export class PacScript {
  readonly where: string;
  readonly #place: PacPlace;
  readonly #clock: Clock;
  readonly #ask: PacFetch;
  #kept: (PacText & { readonly etag: string | null }) | null = null;
  #stale: CodedError | null = null;
  #askAgainMs = Number.NEGATIVE_INFINITY;

  constructor(place: PacPlace, parts: { readonly clock: Clock; readonly fetch: PacFetch }) {
    this.#place = place;
    this.where = place.url ?? place.file ?? '';
    this.#clock = parts.clock;
    this.#ask = parts.fetch;
  }

  /** @throws CodedError PAC-UNAVAILABLE when no text was ever read; the reason of the signal */
  async read(proxy: string, request: CandidateRequest): Promise<PacReading> {
    const isFetched = this.#place.url !== undefined;
    if (!isFetched || this.#clock.monotonic() >= this.#askAgainMs) await this.#renew(proxy, request);
    if (this.#kept === null) throw this.#stale ?? coded('INTERNAL', { reason: 'a PAC file without a text' });
    const { text, digest } = this.#kept;
    return { text, digest, stale: this.#stale };
  }

  async #renew(proxy: string, request: CandidateRequest): Promise<void> {
    try {
      const { url, file = '' } = this.#place;
      await (url === undefined ? this.#readFile(file) : this.#fetchUrl(new URL(url), request));
      this.#stale = null;
      this.#askAgainMs = this.#clock.monotonic() + REFRESH_MS;
    } catch (thrown) {
      request.signal.throwIfAborted();
      this.#stale = unavailable(this.where, proxy, thrown);
      this.#askAgainMs = this.#clock.monotonic() + RETRY_MS;
    }
  }

  async #readFile(path: string): Promise<void> {
    const read = await readBounded(path, MAX_PAC_BYTES);
    if (!read.ok) throw new Error(read.reason);
    this.#keep(read.bytes, null);
  }

  async #fetchUrl(url: URL, request: CandidateRequest): Promise<void> {
    const etag = this.#kept?.etag ?? null;
    const answer = await this.#ask(url, { ...request, etag, limitBytes: MAX_PAC_BYTES });
    if (answer.kind === 'text') this.#keep(answer.body, answer.etag);
  }

  #keep(bytes: Uint8Array, etag: string | null): void {
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.#kept = { text: new TextDecoder().decode(bytes), digest, etag };
  }
}

function unavailable(where: string, proxy: string, thrown: unknown): CodedError {
  const error = asCoded(thrown);
  const reason = error.code === 'INTERNAL' && thrown instanceof Error ? thrown.message : error;
  return coded('PAC-UNAVAILABLE', { where, proxy, reason, hop: error.place }, thrown);
}
