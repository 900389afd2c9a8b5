// A path to an origin that cuts, stalls or is down: a TCP relay that counts the bytes of the origin.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';

export interface BadPathOptions {
  readonly targetPort: number;
  /** A connection is reset, or stalls permanently, after this number of bytes from the target. */
  readonly cutAfterBytes?: number;
  readonly how?: 'reset' | 'stall';
}

export interface BadPath {
  readonly port: number;
  /** Bytes from the target that went through, heads included. */
  readonly passed: number;
  /** Nothing gets through for this long: connections are refused, or taken and reset. */
  leave(ms: number, how: 'refused' | 'reset'): Promise<void>;
  close(): Promise<void>;
}

export async function startBadPath({ targetPort, cutAfterBytes, how = 'reset' }: BadPathOptions): Promise<BadPath> {
  const state = { passed: 0, isAway: false };
  const carry = (client: Socket) => {
    if (state.isAway) {
      client.resetAndDestroy();
      return;
    }
    const target = connect(targetPort, '127.0.0.1');
    const end = () => {
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) socket.on('error', end).on('close', end);
    let left = cutAfterBytes ?? Number.POSITIVE_INFINITY;
    client.on('data', (chunk: Buffer) => target.write(chunk));
    target.on('data', (chunk: Buffer) => {
      if (left === 0) return;
      const part = chunk.subarray(0, left);
      left -= part.length;
      state.passed += part.length;
      if (!client.write(part)) target.pause();
      // A reset throws away what the other side has not read yet, so it comes a moment later.
      if (left === 0) {
        target.pause();
        if (how === 'reset') setTimeout(() => client.resetAndDestroy(), 50);
      }
    });
    client.on('drain', () => {
      if (left > 0) target.resume();
    });
  };
  const make = (): Server => createServer(carry);
  let loopback: Loopback = await listenOnLoopback(make());
  const { port } = loopback;
  return {
    port,
    get passed() {
      return state.passed;
    },
    async leave(ms, away) {
      state.isAway = true;
      for (const socket of loopback.sockets) socket.resetAndDestroy();
      if (away === 'refused') await loopback.close();
      await new Promise((resolve) => setTimeout(resolve, ms));
      state.isAway = false;
      if (away === 'refused') loopback = await listenOnLoopback(make(), port);
    },
    close: () => loopback.close(),
  };
}
