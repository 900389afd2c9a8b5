// A TCP server on loopback that sends exactly the bytes of a script, after it has read a request head (or at once). It tracks
// its connections, so that a test can wait until the client has closed them.

import { createServer, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';

export interface RawServer extends Loopback {
  /** Request heads, as received. */
  readonly requests: readonly string[];
}

export interface RawServerOptions {
  /** Called when a request head is whole; the rest of the request is in `head` behind the blank line. */
  readonly onRequest: (socket: Socket, head: string) => void;
  /** Sends as soon as a client connects. */
  readonly onConnect?: (socket: Socket) => void;
}

export async function startRawServer(options: RawServerOptions): Promise<RawServer> {
  const requests: string[] = [];
  const server = createServer((socket) => {
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
  return { requests, ...(await listenOnLoopback(server)) };
}
