// A relay on loopback in front of a server. A test switches it: it passes everything on, refuses connections, accepts them
// and passes nothing on, or passes requests on and loses their responses.

import { connect, createServer } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';

export type RelayMode = 'pass' | 'down' | 'hold' | 'lose';

export interface SwitchedRelay extends Loopback {
  mode: RelayMode;
  /** The port of the server, for connections from now on. */
  target: number;
  /** Responses that were lost. */
  readonly lost: number;
}

export async function startSwitchedRelay(port: number): Promise<SwitchedRelay> {
  let mode: RelayMode = 'pass';
  let target = port;
  let lost = 0;
  const server = createServer((client) => {
    if (mode === 'down') {
      client.resetAndDestroy();
      return;
    }
    if (mode === 'hold') {
      client.on('error', () => undefined).resume();
      return;
    }
    const upstream = connect({ port: target, host: '127.0.0.1' });
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (mode === 'pass') client.write(chunk);
      else {
        lost += 1;
        client.destroy();
      }
    });
  });
  const loopback = await listenOnLoopback(server);
  return {
    ...loopback,
    get mode() {
      return mode;
    },
    set mode(to) {
      mode = to;
      if (to === 'down') for (const socket of loopback.sockets) socket.destroy();
    },
    get target() {
      return target;
    },
    set target(to) {
      target = to;
    },
    get lost() {
      return lost;
    },
  };
}
