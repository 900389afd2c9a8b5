/** TLS in front of a plain server on loopback: turns any proxy of the tests into an HTTPS proxy. */
import { connect } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { KeyPair } from './certificates.ts';
import { type Loopback, listenOnLoopback } from './loopback.ts';

export interface TlsFront extends Loopback {
  /** Handshakes that were finished, with the name in the client's certificate where it showed one. */
  readonly clients: readonly (string | null)[];
}

export async function startTlsFront(pair: KeyPair, behind: number, options: TlsOptions = {}): Promise<TlsFront> {
  const clients: (string | null)[] = [];
  const server = createServer({ ...pair, noDelay: true, ...options }, (socket) => {
    const name: unknown = socket.getPeerCertificate().subject?.CN;
    clients.push(typeof name === 'string' ? name : null);
    pipeAll(socket, behind);
  });
  server.on('tlsClientError', () => {});
  return { clients, ...(await listenOnLoopback(server)) };
}

/** Whatever the server behind says before it closes still gets through; neither side outlives the other. */
function pipeAll(client: TLSSocket, port: number): void {
  const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
  upstream.on('error', () => client.destroy());
  upstream.on('close', () => client.destroySoon());
  client.on('error', () => {});
  client.on('close', () => upstream.destroy());
  upstream.pipe(client);
  client.pipe(upstream);
}
