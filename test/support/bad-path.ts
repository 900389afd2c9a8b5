// A path to an origin that cuts, stalls or is down: a TCP relay that counts the bytes of the origin.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';
import { resetOnceRead } from './reset-once-read.ts';

export interface BadPathOptions {
  readonly targetPort: number;
  /** A connection is reset, or stalls permanently, after this number of bytes from the target. */
  readonly cutAfterBytes?: number;
  readonly how?: 'reset' | 'stall';
  /** A connection is reset this long after it was opened. */
  readonly cutAfterMs?: number;
  /** Bytes per second of each connection. */
  readonly rate?: number;
}

export interface BadPath {
  readonly port: number;
  /** Bytes from the target that went through, heads included. */
  readonly passed: number;
  /** Connections so far. */
  readonly connections: number;
  /** The target of connections from now on. */
  targetPort: number;
  /** Nothing gets through for this long: connections are refused, or taken and reset. */
  leave(ms: number, how: 'refused' | 'reset'): Promise<void>;
  close(): Promise<void>;
}

export async function startBadPath(options: BadPathOptions): Promise<BadPath> {
  const { cutAfterBytes, how = 'reset', cutAfterMs, rate } = options;
  const state = { passed: 0, connections: 0, isAway: false, targetPort: options.targetPort };
  const carry = (client: Socket) => {
    state.connections += 1;
    if (state.isAway) {
      client.resetAndDestroy();
      return;
    }
    const target = connect(state.targetPort, '127.0.0.1');
    const end = () => {
      client.destroy();
      target.destroy();
    };
    client.on('error', end).on('close', end);
    // What the target has sent before its end is still passed on.
    target.on('error', end).on('close', (hadError) => (hadError ? end() : client.destroySoon()));
    let left = cutAfterBytes ?? Number.POSITIVE_INFINITY;
    const cut = () => {
      left = 0;
      target.pause();
      resetOnceRead(client);
    };
    const timer = cutAfterMs === undefined ? undefined : setTimeout(cut, cutAfterMs);
    client.on('close', () => clearTimeout(timer));
    client.on('data', (chunk: Buffer) => target.write(chunk));
    target.on('data', (chunk: Buffer) => {
      if (left === 0) return;
      const part = chunk.subarray(0, left);
      left -= part.length;
      state.passed += part.length;
      if (!client.write(part)) target.pause();
      if (left === 0 && how === 'reset') cut();
      else if (left === 0) target.pause();
      else if (rate !== undefined) {
        target.pause();
        setTimeout(() => left > 0 && target.resume(), (part.length * 1_000) / rate);
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
    get connections() {
      return state.connections;
    },
    get targetPort() {
      return state.targetPort;
    },
    set targetPort(port) {
      state.targetPort = port;
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
