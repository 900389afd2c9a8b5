// A response head with functions that read its fields, and the timing of the response. Types only.

import type { ResponseHead } from '#proxy/route.ts';

/** A response head with accessors for what callers need. */
export interface ResponseInfo extends ResponseHead {
  /** All values of a field joined with commas (RFC 9110, 5.2); undefined when it is absent. */
  header(name: string): string | undefined;
  readonly via: string | null;
  readonly contentLength: number | null;
}

/** What an exchange measured, on the monotonic clock. Time during which reading was paused is only in `pausedMs`. */
export interface ResponseTiming {
  /** From the end of the request to the first body byte, or to the end of a response without a body. */
  readonly firstByteMs: number | null;
  /** The longest silence after the first body byte; null before it. */
  readonly longestSilenceMs: number | null;
  readonly totalMs: number;
  readonly pausedMs: number;
  readonly timedOut: 'first_byte' | 'silence' | 'total' | null;
}
