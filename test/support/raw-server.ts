// A TCP server on loopback that says exactly the bytes a test scripts, after it has read a request head (or at once).
// Knows each connection, so that a test can wait until the other side let go.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface RawServer {
  readonly port: number;
  /** Request heads, as received. */
  readonly requests: readonly string[];
  /** Resolves when no connection is left. */
  allClosed(): Promise<void>;
  close(): Promise<void>;
}

export interface RawServerOptions {
  /** Called when a request head is whole; the rest of the request is in `head` behind the blank line. */
  readonly onRequest: (socket: Socket, head: string) => void;
  /** Speaks as soon as somebody connects. */
  readonly onConnect?: (socket: Socket) => void;
}

export async function startRawServer(options: RawServerOptions): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    options.onConnect?.(socket);
    let head = '';
    let asked = false;
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (asked || !head.includes('\r\n\r\n')) return;
      asked = true;
      requests.push(head);
      options.onRequest(socket, head);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
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
