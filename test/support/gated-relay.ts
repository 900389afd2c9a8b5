// A relay on loopback. It passes on what clients send up to a limit, and then stops until the test raises the limit.

import { connect, createServer } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';

export interface GatedRelay extends Loopback {
  /** Bytes of clients that were passed on. */
  readonly passed: number;
  /** Clients are read until this many bytes were passed on, over all connections. */
  limit: number;
}

export async function startGatedRelay(target: number, port = 0): Promise<GatedRelay> {
  let [passed, limit] = [0, Number.POSITIVE_INFINITY];
  const stopped = new Set<() => void>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    const stopAtLimit = () => {
      if (passed < limit) return;
      client.pause();
      stopped.add(() => client.resume());
    };
    client.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      upstream.write(chunk);
      stopAtLimit();
    });
    stopAtLimit();
    upstream.pipe(client);
  });
  const loopback = await listenOnLoopback(server, port);
  return {
    ...loopback,
    get passed() {
      return passed;
    },
    get limit() {
      return limit;
    },
    set limit(to) {
      limit = to;
      if (passed >= limit) return;
      for (const resume of stopped) resume();
      stopped.clear();
    },
  };
}
