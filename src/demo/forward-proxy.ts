// The forward proxy of the demo. It accepts absolute-form requests and CONNECT, and connects only to the demo's server.
//
// Guarantees: it listens on loopback only and has only one target, so it is not an open proxy. It adds Via to requests
// and responses (RFC 9110, 7.6.3). Like a scanning proxy, it holds a package back for a while, and then relays it at a
// limited rate, with back-pressure and bounded memory. It cannot read inside a tunnel, so there it adds and delays
// nothing.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  request as sendRequest,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, systemClock, wait } from '#system/clock.ts';
import { endToEndHeaders } from './end-to-end-headers.ts';

export interface ForwardProxyOptions {
  /** The only server that it forwards to, such as `http://127.0.0.1:8080`. */
  readonly originUrl: string;
  readonly holdMs?: number;
  readonly bytesPerSecond?: number;
  readonly clock?: Clock;
}

export interface ForwardProxy {
  readonly host: string;
  readonly port: number;
  /** Closes every connection and the port. */
  close(): Promise<void>;
}

export const PROXY_VIA = '1.1 proxy.example.com';

const HOST = '127.0.0.1';
/** Long enough to be noticed, and well below any response timeout. */
const HOLD_MS = 3_000;
const BYTES_PER_SECOND = 10_000_000;
/** Smaller responses are not packages and are not delayed. */
const SCANNED_BYTES = 1_000_000;
const UPSTREAM_SILENCE_MS = 30_000;
const MAX_CONNECTIONS = 64;

/** Starts the proxy, which runs until it is closed. */
export async function startForwardProxy(options: ForwardProxyOptions): Promise<ForwardProxy> {
  const forwarder = new Forwarder(options);
  const server = createServer({ headersTimeout: 10_000, connectionsCheckingInterval: 1_000 });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request, response) => void forwarder.forward(request, response));
  server.on('connect', (request, socket, head) => void forwarder.tunnel(request, socket, head));
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return { host: HOST, port, close: () => close(server, forwarder) };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, HOST, resolve);
  });
}

async function close(server: Server, forwarder: Forwarder): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  forwarder.stop();
  server.closeAllConnections();
  await closed;
}

class Forwarder {
  readonly #origin: URL;
  readonly #holdMs: number;
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  /** Sockets that the HTTP server no longer manages. */
  readonly #tunnels = new Set<Duplex>();

  constructor(options: ForwardProxyOptions) {
    this.#origin = new URL(options.originUrl);
    this.#holdMs = options.holdMs ?? HOLD_MS;
    this.#bytesPerMs = (options.bytesPerSecond ?? BYTES_PER_SECOND) / 1_000;
    this.#clock = options.clock ?? systemClock;
  }

  stop(): void {
    this.#stopping.abort();
    for (const socket of this.#tunnels) socket.destroy();
  }

  /** Forwards a request in absolute-form. Never rejects. */
  async forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = parseTarget(request.url ?? '');
    if (target === null)
      return answer(response, 400, 'This is a forward proxy: send the whole http URL in the request line.');
    if (target.origin !== this.#origin.origin)
      return answer(response, 403, 'This proxy only connects to the update server of the demo.');
    try {
      await this.#relay(await this.#ask(request, response, target), response);
    } catch {
      if (response.headersSent) response.destroy();
      else answer(response, 502, 'The update server of the demo does not respond.');
    }
  }

  /** Handles CONNECT. Never rejects. */
  async tunnel(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    client.on('error', () => client.destroy());
    if (request.url !== this.#origin.host) {
      client.end(`HTTP/1.1 403 Forbidden\r\nVia: ${PROXY_VIA}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    const upstream = connect(Number(this.#origin.port), this.#origin.hostname);
    for (const socket of [client, upstream]) {
      this.#tunnels.add(socket);
      socket.once('close', () => this.#tunnels.delete(socket));
    }
    try {
      await connected(upstream);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      await Promise.all([pipeline(client, upstream), pipeline(upstream, client)]);
    } catch {
      // One side failed, so the other is closed as well.
      client.destroy();
      upstream.destroy();
    }
  }

  #ask(request: IncomingMessage, response: ServerResponse, target: URL): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { Host: _replaced, ...headers } = withVia(request.rawHeaders);
      const upstream = sendRequest(target, {
        method: request.method ?? 'GET',
        headers: { ...headers, Host: target.host },
        agent: false,
        signal: this.#stopping.signal,
      });
      upstream.setTimeout(UPSTREAM_SILENCE_MS, () => upstream.destroy(new Error('silent')));
      upstream.on('response', resolve).on('error', reject);
      // The client may leave before there is a response.
      response.once('close', () => upstream.destroy());
      pipeline(request, upstream).catch(reject);
    });
  }

  async #relay(upstream: IncomingMessage, response: ServerResponse): Promise<void> {
    const scanned = response.req.method === 'GET' && Number(upstream.headers['content-length'] ?? 0) >= SCANNED_BYTES;
    try {
      // The head is delayed as well: a scanning proxy sends nothing before it has scanned the body.
      if (scanned) await wait(this.#clock, this.#holdMs, this.#stopping.signal);
      response.writeHead(upstream.statusCode ?? 502, upstream.statusMessage, withVia(upstream.rawHeaders));
      await pipeline(upstream, (source: AsyncIterable<Buffer>) => this.#pace(source), response);
    } finally {
      upstream.destroy();
    }
  }

  async *#pace(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let dueMs = this.#clock.monotonic();
    for await (const chunk of source) {
      const nowMs = this.#clock.monotonic();
      dueMs = Math.max(dueMs, nowMs) + chunk.length / this.#bytesPerMs;
      if (dueMs - nowMs >= 1) await wait(this.#clock, dueMs - nowMs, this.#stopping.signal);
      yield chunk;
    }
  }
}

function withVia(rawHeaders: readonly string[]): Record<string, string[]> {
  const headers = endToEndHeaders(rawHeaders);
  return { ...headers, Via: [...(headers['Via'] ?? []), PROXY_VIA] };
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
}

function parseTarget(target: string): URL | null {
  return /^http:\/\//i.test(target) ? URL.parse(target) : null;
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Via: PROXY_VIA, Connection: 'close' });
  response.end(`${text}\n`);
}
