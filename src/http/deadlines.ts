// The time limits of an exchange as plain numbers, and the words of the failure when one of them expires.

import { canLookInside, type HopFacts, type ResponseHead } from '#proxy/route.ts';
import { headerValue } from './headers.ts';
import type { ResponseTiming } from './response-info.ts';

/** Limits of one exchange, in milliseconds. */
export interface Deadlines {
  /**
   * Longest pause while a large request body is sent, and the configuration key that sets it. If absent, `firstByteMs`
   * and `key` apply.
   */
  readonly sending?: { readonly ms: number; readonly key: string };
  /** From the last byte of the request to the first byte of the body; headers and 1xx do not count. */
  readonly firstByteMs: number;
  /** Longest silence after that. */
  readonly silenceMs: number;
  /** The whole exchange; 2147483647 when there is no limit. */
  readonly totalMs: number;
  /** The configuration key that a failure names, such as `response_timeout.base_ms`. */
  readonly key: string;
  /** Phrases for the failure: what this route has shown before, and what to do. */
  readonly words?: DeadlineWords;
  /**
   * Called at the total deadline: returns the new one, in ms since the start, or 0 to end the exchange. Without it the
   * first deadline is final.
   */
  readonly extend?: (elapsedMs: number, bytes: number) => number;
  /**
   * Called with the limit that expired, at most once. If it returns a promise, the exchange waits for it. Null if there
   * is nothing to ask.
   */
  readonly askForMore?: (expired: NonNullable<ResponseTiming['timedOut']>) => Promise<MoreTime> | null;
}

/** How much longer an exchange may last. */
export interface MoreTime {
  /** All limits become this many times longer than planned. 1 ends the exchange. */
  readonly times: number;
  /** While this has not settled, the limits are longer: `times` of `while` instead. It must not reject. */
  readonly longer?: { readonly times: number; readonly while: Promise<unknown> } | undefined;
}

interface DeadlineWords {
  readonly observed: string;
  readonly advice: string;
}

/** The facts of a failure about the deadline that expired. */
export function deadlineFacts(
  { firstByteMs, silenceMs, key, words }: Deadlines,
  which: 'first_byte' | 'silence',
  factor = 1,
): { readonly limit: number; readonly key: string; readonly seen: string; readonly advice: string } {
  return {
    limit: factor * (which === 'first_byte' ? firstByteMs : silenceMs),
    key,
    seen: words?.observed ?? 'nothing is known of this route',
    advice: words?.advice ?? `raise ${key} (300000 is generally sufficient)`,
  };
}

/** Describes what may hold a response back. A proxy cannot scan inside TLS that ends at the server. */
export function holderOf(connection: Pick<HopFacts, 'how' | 'decryptedBy'>, url: URL): string {
  return canLookInside(connection, url) ? 'a scanning proxy, or a slow server or network' : 'a slow server or network';
}

/** What happens to the bytes after a failure, as far as the head shows whether the server supports ranges. */
export function nextAttempt(head: ResponseHead | null): string {
  if (head === null) return 'it is tried again';
  const ranges = headerValue(head, 'accept-ranges') ?? '';
  if (/^none$/i.test(ranges)) return 'the server does not support range requests, so the next attempt starts over';
  const resumes = head.status === 206 || /\bbytes\b/i.test(ranges);
  return `the bytes are kept, and the next attempt ${resumes ? 'continues' : 'tries to continue'} from there`;
}
