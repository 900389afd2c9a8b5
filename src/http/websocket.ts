// Opens a WebSocket over a route: a tunnel, TLS, and the upgrade, with the package `ws` over a `ConnectionAgent`.
//
// Guarantees: the steps of the route have their own deadlines. The upgrade ends within `timeoutMs` after them, or at
// the abort. A failure leaves nothing open. A failure of the route keeps its own code. If the response to the upgrade
// is not 101, the code is WS-BLOCKED, and the failure shows the response. No extension is negotiated, so a message
// takes no more memory than bytes on the network. `ws` is loaded at the first use.

import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { Purpose } from '#config/purposes.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type Hop, originAt } from '#errors/hop.ts';
import { ConnectionAgent } from '#proxy/connection-agent.ts';
import { HEAD_LIMIT_BYTES } from '#proxy/opening/head-reader.ts';
import type { HopFacts, ResponseHead, Router } from '#proxy/route.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import { shownUrl } from './check-url.ts';

export interface WebSocketOptions {
  readonly router: Router;
  readonly purpose: Purpose;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest wait for the answer to the upgrade, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The subprotocol that the server has to speak (RFC 6455, 1.9); by default none is requested. */
  readonly protocol?: string;
  /** Largest message in bytes; a larger one ends the WebSocket with 1009. By default 100 MiB. */
  readonly maxPayloadBytes?: number;
  /** See `OpenOptions`. */
  readonly isRoutine?: boolean;
  /** Called when the route is open and the upgrade is requested. */
  readonly onOpened?: (facts: HopFacts) => void;
  /** The failure for an answer that says more than that WebSocket does not work; null for WS-BLOCKED. */
  readonly refusal?: (head: ResponseHead) => CodedError | null;
}

/**
 * A WebSocket that is open; `close` ends it and its connection at once. It is paused, so that no message is lost before
 * the caller listens: call `socket.resume()` then.
 */
export interface OpenWebSocket {
  readonly socket: WebSocket;
  readonly facts: HopFacts;
  close(): void;
}

/** Whether a server or a device answered the upgrade. False if there was no answer. */
export function isAnsweredUpgrade({ code, facts }: CodedError): boolean {
  return code === 'WS-BLOCKED' && facts['isAnswer'] === true;
}

/**
 * Opens a WebSocket.
 * @throws CodedError WS-BLOCKED, and everything of the route; the reason of `signal` once it is aborted
 */
export async function openWebSocket(url: URL, options: WebSocketOptions): Promise<OpenWebSocket> {
  const { router, purpose, headers, clock, signal, protocol, isRoutine = false, maxPayloadBytes } = options;
  const { WebSocket: Client } = await import('ws');
  signal.throwIfAborted();
  const upgrade = new Upgrade(url, options);
  const onConnection = ({ facts }: { readonly facts: HopFacts }) => upgrade.requested(facts);
  const agent = new ConnectionAgent(url, { router, purpose, clock, signal, isRoutine, onConnection });
  const socket = new Client(url, protocol === undefined ? [] : [protocol], {
    agent,
    headers: { ...headers },
    perMessageDeflate: false,
    followRedirects: false,
    maxHeaderSize: HEAD_LIMIT_BYTES,
    ...(maxPayloadBytes === undefined ? {} : { maxPayload: maxPayloadBytes }),
  });
  const close = () => {
    socket.terminate();
    agent.destroy();
  };
  try {
    const facts = await upgrade.answered(socket);
    return { socket, facts, close };
  } catch (thrown) {
    close();
    throw thrown;
  }
}

/** The answer to one upgrade. */
class Upgrade {
  readonly #url: URL;
  readonly #options: WebSocketOptions;
  readonly #result = Promise.withResolvers<HopFacts>();
  #facts: HopFacts | null = null;
  /** Whether the answer was 101, even if it then proves wrong. */
  #isSwitched = false;
  #endWait: () => void = () => undefined;

  constructor(url: URL, options: WebSocketOptions) {
    this.#url = url;
    this.#options = options;
  }

  /** The route is open. */
  requested(facts: HopFacts): void {
    const { timeoutMs, clock, onOpened } = this.#options;
    this.#facts = facts;
    const timer = clock.after(timeoutMs, () => this.#fail(`no answer in ${Math.round(timeoutMs / 1_000)} s`, null));
    this.#endWait = () => timer.cancel();
    onOpened?.(facts);
  }

  async answered(socket: WebSocket): Promise<HopFacts> {
    const { signal } = this.#options;
    const { promise, resolve, reject } = this.#result;
    socket.once('open', () => {
      // The first message may be in the same segment as the 101.
      socket.pause();
      if (this.#facts !== null) resolve(this.#facts);
    });
    socket.once('upgrade', () => {
      this.#isSwitched = true;
    });
    socket.once('unexpected-response', (_request, response) => {
      this.#refused(response);
      response.destroy();
    });
    // The listener stays: ending a socket early also emits an error.
    socket.on('error', (error) => {
      if (error instanceof CodedError) reject(error);
      else this.#fail(error.message, null, { cause: error, isAnswer: this.#isSwitched });
    });
    const stopListening = onAbort(signal, () => reject(signal.reason as Error));
    try {
      return await promise;
    } finally {
      this.#endWait();
      stopListening();
    }
  }

  #refused({ statusCode: status = 0, statusMessage: reason = '', rawHeaders }: IncomingMessage): void {
    const failure = this.#options.refusal?.({ status, reason, rawHeaders }) ?? null;
    if (failure === null) this.#fail(`${status} ${reason}`.trim(), originAt(this.#url.host), { isAnswer: true });
    else this.#result.reject(failure);
  }

  #fail(
    answer: string,
    hop: Hop | null,
    { cause, isAnswer = false }: { cause?: unknown; isAnswer?: boolean } = {},
  ): void {
    const url = this.#url;
    const facts = { host: url.hostname, target: url.host, url: shownUrl(url), answer, isAnswer, hop };
    this.#result.reject(coded('WS-BLOCKED', facts, cause));
  }
}
