// What bounds an exchange, as `src/http` knows it: plain numbers and the keys to name when one of them ends it.

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
}
