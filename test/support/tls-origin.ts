/** An HTTPS origin on loopback that records what it received, and a pipe for the proxies of tests. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { KeyPair } from './certificates.ts';
import { listenOnLoopback } from './loopback.ts';

export interface TlsOrigin {
  readonly port: number;
  readonly url: URL;
  /** Request lines with the proxy headers that reached it: there must be none. */
  readonly requests: { method: string; url: string; proxyHeaders: string[] }[];
  /** Handshakes that were finished, with the subject of the client's certificate where it sent one. */
  readonly clients: (string | null)[];
  close(): Promise<void>;
}

/** Takes a request for another protocol; without one it is answered like any other. */
type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** An origin over TLS; answers `hello from the origin` by default. */
export async function startTlsOrigin(
  pair: KeyPair,
  options: { tls?: TlsOptions; answer?: RequestListener; upgrade?: UpgradeListener } = {},
): Promise<TlsOrigin> {
  const requests: TlsOrigin['requests'] = [];
  const clients: (string | null)[] = [];
  const http = createServer((request, response) => {
    const proxyHeaders = request.rawHeaders.filter((_, at) => at % 2 === 0).filter((name) => /^proxy-/i.test(name));
    requests.push({ method: request.method ?? '', url: request.url ?? '', proxyHeaders });
    if (options.answer === undefined) response.end('hello from the origin');
    else options.answer(request, response);
  });
  if (options.upgrade !== undefined) http.on('upgrade', options.upgrade);
  const server = createTlsServer({ ...pair, ...options.tls }, (socket) => {
    const subject = socket.getPeerCertificate().subject;
    clients.push(subject === undefined ? null : String(subject.CN));
    http.emit('connection', socket);
  });
  server.on('tlsClientError', () => {});
  const { port, close } = await listenOnLoopback(server);
  return {
    port,
    url: new URL(`https://localhost:${port}/`),
    requests,
    clients,
    close,
  };
}

/** A pipe to 127.0.0.1, for proxies of tests. */
export function pipeTo(client: Socket, port: number): void {
  const upstream = connectTcp({ port, host: '127.0.0.1', noDelay: true });
  upstream.on('error', () => client.destroy());
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.pipe(client);
  client.pipe(upstream);
}
