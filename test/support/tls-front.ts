/** TLS in front of a plain server on loopback: makes an HTTPS proxy of any proxy of the tests. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { KeyPair } from './certificates.ts';

export interface TlsFront {
  readonly port: number;
  /** Handshakes that were finished, with the name in the client's certificate where it showed one. */
  readonly clients: readonly (string | null)[];
  /** Resolves when no connection is open. */
  allClosed(): Promise<void>;
  close(): Promise<void>;
}

export async function startTlsFront(pair: KeyPair, behind: number, options: TlsOptions = {}): Promise<TlsFront> {
  const clients: (string | null)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ ...pair, noDelay: true, ...options }, (socket) => {
    const name: unknown = socket.getPeerCertificate().subject?.CN;
    clients.push(typeof name === 'string' ? name : null);
    pipeAll(socket, behind);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    clients,
    async allClosed() {
      await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
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
