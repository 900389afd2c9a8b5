// Opens a WebSocket over a route: a tunnel, TLS, and the upgrade, with the package `ws` over a `ConnectionAgent`.
//
// Guarantees: it ends within `timeoutMs` or at the abort, and then only the returned WebSocket is open. A failure of
// the route keeps its own code. If the upgrade has any result other than 101, the code is WS-BLOCKED, and the failure
// shows the result. `ws` is loaded at the first use.

import type { WebSocket } from 'ws';
import type { Purpose } from '#config/purposes.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type Hop, originAt } from '#errors/hop.ts';
import { ConnectionAgent } from '#proxy/connection-agent.ts';
import { HEAD_LIMIT_BYTES } from '#proxy/opening/head-reader.ts';
import type { Router } from '#proxy/route.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import { shownUrl } from './check-url.ts';

export interface WebSocketOptions {
  readonly router: Router;
  readonly purpose: Purpose;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A WebSocket that is open; `close` ends it and its connection at once. */
export interface OpenWebSocket {
  readonly socket: WebSocket;
  close(): void;
}

/**
 * Opens a WebSocket.
 * @throws CodedError WS-BLOCKED, and everything of the route; the reason of `signal` once it is aborted
 */
export async function openWebSocket(url: URL, options: WebSocketOptions): Promise<OpenWebSocket> {
  const { router, purpose, headers, timeoutMs, clock, signal } = options;
  const { WebSocket: Client } = await import('ws');
  signal.throwIfAborted();
  const agent = new ConnectionAgent(url, { router, purpose, clock, signal });
  const socket = new Client(url, {
    agent,
    headers: { ...headers },
    perMessageDeflate: false,
    followRedirects: false,
    maxHeaderSize: HEAD_LIMIT_BYTES,
  });
  const close = () => {
    socket.terminate();
    agent.destroy();
  };
  try {
    await opened(socket, { url, timeoutMs, clock, signal });
    return { socket, close };
  } catch (thrown) {
    close();
    throw thrown;
  }
}

async function opened(
  socket: WebSocket,
  { url, timeoutMs, clock, signal }: Pick<WebSocketOptions, 'timeoutMs' | 'clock' | 'signal'> & { readonly url: URL },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (answer: string, hop: Hop | null, cause?: unknown) => {
    const facts = { host: url.hostname, target: url.host, url: shownUrl(url), answer, hop };
    reject(coded('WS-BLOCKED', facts, cause));
  };
  socket.once('open', resolve);
  socket.once('unexpected-response', (_request, response) => {
    fail(`${response.statusCode} ${response.statusMessage}`.trim(), originAt(url.host));
    response.destroy();
  });
  // The listener stays: ending a socket early also emits an error.
  socket.on('error', (error) => {
    if (error instanceof CodedError) reject(error);
    else fail(error.message, null, error);
  });
  const timer = clock.after(timeoutMs, () => fail(`no answer in ${Math.round(timeoutMs / 1_000)} s`, null));
  const stopListening = onAbort(signal, () => reject(signal.reason as Error));
  try {
    await promise;
  } finally {
    timer.cancel();
    stopListening();
  }
}
