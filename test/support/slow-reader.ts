// A server on loopback that reads request bodies at a given rate. The kernel also buffers data, which a program cannot
// control. It answers with the number of bytes once the request is complete.

import { createServer, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';

export interface SlowReader extends Loopback {
  /** Bytes that were read so far, over all connections. */
  readonly read: () => number;
}

export interface SlowReaderOptions {
  /** Bytes per second that each connection is read at. */
  readonly rate: number;
  /** Stops reading after this number of bytes. */
  readonly stallsAfter?: number;
}

/** How often a connection looks whether it may read, in milliseconds. */
const STEP_MS = 10;

export async function startSlowReader({ rate, stallsAfter = Infinity }: SlowReaderOptions): Promise<SlowReader> {
  let total = 0;
  const server = createServer({ highWaterMark: 1_024 }, (socket: Socket) => {
    const startMs = performance.now();
    let got = 0;
    let head = '';
    let expected = Infinity;
    const mayRead = () => got < stallsAfter && got <= (rate * (performance.now() - startMs)) / 1_000;
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
      total += chunk.length;
      if (expected === Infinity) {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end !== -1) expected = end + 4 + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
      }
      if (got >= expected) socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`);
      else if (!mayRead()) socket.pause();
    });
    const timer = setInterval(() => {
      if (mayRead()) socket.resume();
    }, STEP_MS);
    socket.on('close', () => clearInterval(timer));
  });
  return { read: () => total, ...(await listenOnLoopback(server)) };
}
