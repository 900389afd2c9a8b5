// One request and its response over one lane: the only place where deadlines, 1xx, Via and framing live.
//
import type { CodedError } from '#errors/coded-error.ts';
import type { Lane, ResponseHead } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { Deadlines } from './deadlines.ts';

/** A response head with the questions that callers ask of it. */
export interface ResponseInfo extends ResponseHead {
  /** All values of a field joined with commas (RFC 9110, 5.2); undefined when it is absent. */
  header(name: string): string | undefined;
  readonly via: string | null;
  readonly contentLength: number | null;
}

/** Who takes the body. A throw ends the exchange with that error. */
export interface BodySink {
  /** The chunk is valid only during the call. */
  write(chunk: Uint8Array): void;
}

/** What an exchange showed, on the monotonic clock. */
export interface Measured {
  /** From the end of the request to the first body byte, or to the end of a response without a body. */
  readonly firstByteMs: number | null;
  /** The longest silence after the first body byte; null before it. */
  readonly longestSilenceMs: number | null;
  readonly totalMs: number;
  readonly timedOut: 'first_byte' | 'silence' | 'total' | null;
}

export interface ExchangeRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  /** User-Agent belongs here; Host, Connection, Accept-Encoding and the hop's own headers are added. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ExchangeOptions {
  readonly lane: Lane;
  readonly request: ExchangeRequest;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Bytes that the caller expects, for failures; null when unknown. */
  readonly expectedBytes: number | null;
  /** Called once, with the final head; null discards the body and ends the lane. */
  onHead(head: ResponseInfo): BodySink | null;
}

export type ExchangeResult =
  | {
      readonly ended: 'complete' | 'dropped';
      readonly head: ResponseInfo;
      readonly bytes: number;
      readonly measured: Measured;
    }
  | {
      readonly ended: 'failed';
      readonly error: CodedError;
      readonly head: ResponseInfo | null;
      readonly bytes: number;
      readonly measured: Measured;
    };
