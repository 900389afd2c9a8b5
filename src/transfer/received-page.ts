// Keeps the beginning of a body that is not the file, such as an error page, to describe it in a failure. In memory
// only.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { pageTitle } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import { statusError } from '#http/status-error.ts';

/** Bytes of a page that are searched for its title. */
const PAGE_BYTES = 65_536;

export class ReceivedPage {
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  /** Keeps a copy of the chunk as far as there is room. Returns false if there is none. */
  take(chunk: Uint8Array): boolean {
    const room = PAGE_BYTES - this.#bytes;
    if (room <= 0) return false;
    this.#parts.push(chunk.slice(0, room));
    this.#bytes += Math.min(room, chunk.length);
    return true;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get content(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

interface PageResponse {
  readonly head: ResponseInfo | null;
  /** The status is not a success. */
  readonly isRefused: boolean;
  /** Bytes of the body. */
  readonly bytes: number;
  /** Bytes of the file; null if that is unknown. */
  readonly expected: number | null;
}

/** The failure of a response that was a page instead of the file. */
export function pageFailure(
  { content: page }: ReceivedPage,
  { head, isRefused, bytes, expected }: PageResponse,
  from: { readonly url: URL; readonly hop: Hop; readonly proxy: string | null; readonly nowMs: number },
): CodedError {
  const { url, hop, proxy, nowMs } = from;
  if (isRefused && head !== null) return statusError(head, url, { nowMs, page, proxy });
  return coded('NOT-THE-PACKAGE', {
    expected,
    type: head?.header('content-type') ?? 'no type',
    bytes: head?.contentLength ?? bytes,
    title: pageTitle(page),
    hop,
  });
}
