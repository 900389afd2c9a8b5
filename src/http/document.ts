// One small request over a lane: the feed, an acknowledgement.
//
import type { Lane } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { Measured, ResponseInfo } from './exchange.ts';

export interface DocumentRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface DocumentOptions {
  /** Opened without `bulk`. */
  readonly lane: Lane;
  readonly request: DocumentRequest;
  readonly deadlines: Deadlines;
  /** Most bytes that the answer may have. */
  readonly limitBytes: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A whole small answer. */
export interface DocumentResponse {
  readonly head: ResponseInfo;
  readonly body: Buffer;
  readonly measured: Measured;
}
