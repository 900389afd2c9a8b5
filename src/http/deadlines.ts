// What bounds an exchange, as `src/http` knows it: plain numbers and what to say when one of them ends it.

/** Limits of one response, in milliseconds. */
export interface Deadlines {
  /** From the last byte of the request to the first byte of the body; headers and 1xx do not count. */
  readonly firstByteMs: number;
  /** Longest silence after that. */
  readonly silenceMs: number;
  /** The whole exchange; 2147483647 when there is no limit. */
  readonly totalMs: number;
  /** The configuration key that a failure names, such as `response_timeout.base_ms`. */
  readonly key: string;
  /** For a failure: what this way has shown before, and what to do, as phrases inside a sentence. */
  readonly words?: DeadlineWords;
  /** Asked at the total deadline: the new one, in ms since the beginning, or 0 to end it. Without it the first one holds. */
  readonly extend?: (elapsedMs: number, bytes: number) => number;
}

export interface DeadlineWords {
  readonly seen: string;
  readonly advice: string;
}

/** What a failure says of the deadline that ended it. */
export function factsOf(
  { firstByteMs, silenceMs, key, words }: Deadlines,
  which: 'first_byte' | 'silence',
): DeadlineWords & { readonly limit: number; readonly key: string } {
  return {
    limit: which === 'first_byte' ? firstByteMs : silenceMs,
    key,
    seen: words?.seen ?? 'nothing is known of this way',
    advice: words?.advice ?? `raise ${key}, 300000 is generally sufficient`,
  };
}
