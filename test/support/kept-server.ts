// A server on loopback that keeps its connections open for any number of requests. A test scripts every response. It
// also acts as a forwarding proxy, because it answers for every host name.

import { createServer, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';

export interface KeptRequest {
  readonly method: string;
  readonly target: string;
  /** The whole head. */
  readonly head: string;
  readonly body: string;
  /** Which connection it came over, and which request of it this is; both from 1. */
  readonly connection: number;
  readonly nth: number;
}

export interface KeptServer extends Loopback {
  readonly requests: readonly KeptRequest[];
  readonly connections: () => number;
}

/** An answer that leaves the connection open. */
export function answer(body = 'ok', status = '200 OK', fields = ''): string {
  return `HTTP/1.1 ${status}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

export async function startKeptServer(onRequest: (socket: Socket, request: KeptRequest) => void): Promise<KeptServer> {
  const requests: KeptRequest[] = [];
  let connections = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1;
    const connection = connections;
    let text = '';
    let nth = 0;
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 2);
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const body = text.slice(end + 4, end + 4 + length);
        text = text.slice(end + 4 + length);
        nth += 1;
        const [method = '', target = ''] = head.split(' ');
        const request = { method, target, head, body, connection, nth };
        requests.push(request);
        onRequest(socket, request);
      }
    });
  });
  return { requests, connections: () => connections, ...(await listenOnLoopback(server)) };
}
