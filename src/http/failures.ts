// Creates the failures of an exchange, each with the hop where it happened, for packages and small requests alike.
// Pure, except that the connection is asked to classify bytes that are not HTTP.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { ConnectPhase } from '#errors/connect-trace.ts';
import type { Hop } from '#errors/hop.ts';
import { answersFrom, type Connection, cutBy } from '#proxy/route.ts';
import { shownUrl } from './check-url.ts';
import { type Deadlines, deadlineFacts, holderOf } from './deadlines.ts';

/** Interim (1xx) responses that are accepted before the final one. */
export const INTERIM_LIMIT = 32;

/** The progress of an exchange. */
export interface ResponseProgress {
  readonly received: number;
  /** Bytes of the whole body; null when unknown. */
  readonly expected: number | null | undefined;
  readonly elapsed: number;
}

export class Failures {
  readonly #connection: Connection;
  readonly #url: URL;
  readonly #deadlines: Deadlines;

  constructor(about: { readonly connection: Connection; readonly url: URL; readonly deadlines: Deadlines }) {
    this.#connection = about.connection;
    this.#url = about.url;
    this.#deadlines = about.deadlines;
  }

  /** Facts of every failure of a response. */
  get facts(): { readonly url: string; readonly hop: Hop } {
    return { url: shownUrl(this.#url), hop: answersFrom(this.#connection.facts) };
  }

  /** Facts of every lost connection. The hop is null if it is unknown which hop was silent or closed the connection. */
  get cut(): { readonly url: string; readonly hop: Hop | null } {
    return { url: shownUrl(this.#url), hop: cutBy(this.#connection.facts) };
  }

  /** `factor`: how many times longer than planned the limit was. */
  silent(which: 'first_byte' | 'silence', progress: ResponseProgress, factor = 1): CodedError {
    const holder = holderOf(this.#connection.facts, this.#url);
    return coded('RESPONSE-TIMEOUT', {
      ...this.cut,
      ...progress,
      holder,
      ...deadlineFacts(this.#deadlines, which, factor),
    });
  }

  lost(reason: string, { received, expected }: ResponseProgress, next: string): CodedError {
    return coded('CONNECTION-LOST', { ...this.cut, received, expected, reason, next });
  }

  bad(reason: string): CodedError {
    return coded('BAD-RESPONSE', { ...this.facts, reason });
  }

  tooManyInterim(): CodedError {
    return coded('TOO-MANY-INTERIM', { ...this.facts, limit: INTERIM_LIMIT });
  }

  /** The failure for first bytes that are not HTTP: that of the hop, or of the response. */
  noise(firstBytes: Uint8Array, reason: string): CodedError {
    return this.#connection.classifyNoise(firstBytes) ?? this.bad(reason);
  }

  /** Adds to a failure the phase in which it happened. */
  during(phase: ConnectPhase, error: CodedError, elapsedMs: number): CodedError {
    return error.during({ phase, elapsedMs, proven: this.#connection.facts.passed });
  }
}
