/** A server of a test on loopback at a free port. It tracks its connections: tests can wait for them, and they end with it. */
import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';

export interface Loopback {
  readonly port: number;
  /** The connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Resolves when those that are open now are closed. */
  allClosed(): Promise<void>;
  /** Ends every connection and the server. */
  close(): Promise<void>;
}

/** Listens; an error of a connection is the other side's, and no failure of the test. Port 0 takes a free one. */
export async function listenOnLoopback(server: Server, port = 0): Promise<Loopback> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async allClosed() {
      // Not events.once: it would take the reset that a test provokes for a failure of its own.
      await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
