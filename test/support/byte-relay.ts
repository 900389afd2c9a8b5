// A relay on loopback that counts the bytes of clients, and can cut, stall or slow each connection.

import { connect, createServer } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';
import { resetOnceRead } from './reset-once-read.ts';

export interface ByteRelay extends Loopback {
  /** Bytes of clients that were passed on. */
  readonly passed: number;
  readonly connections: number;
}

export interface ByteRelayOptions {
  /** Cuts each connection after this many bytes of the client. */
  readonly cutsAfter?: number;
  /** Passes nothing more on after this many bytes of the client. */
  readonly stallsAfter?: number;
  /** Only this many connections are cut or stalled. */
  readonly times?: number;
  /** Bytes of clients per second. */
  readonly rate?: number;
  /** Called with the number of bytes of a client that are passed on now. */
  readonly onPassed?: (bytes: number) => void;
}

const STEP_MS = 5;

export async function startByteRelay(port: number, options: ByteRelayOptions = {}): Promise<ByteRelay> {
  const { cutsAfter = Infinity, stallsAfter = Infinity, times = Infinity, rate = Infinity, onPassed } = options;
  let [passed, connections, faults] = [0, 0, 0];
  const server = createServer({ noDelay: true }, (client) => {
    connections += 1;
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    // What was passed on still arrives.
    client.on('close', () => upstream.end());
    const start = performance.now();
    let own = 0;
    const mayPass = () => own <= (rate * (performance.now() - start)) / 1_000;
    client.on('data', (chunk: Buffer) => {
      own += chunk.length;
      const isFault = own > Math.min(cutsAfter, stallsAfter) && faults < times;
      if (isFault) {
        faults += 1;
        client.pause();
        // Otherwise the server would lose more than a cut of the path loses, the more the busier the machine is.
        if (cutsAfter < stallsAfter) resetOnceRead(client, upstream);
        return;
      }
      passed += chunk.length;
      onPassed?.(chunk.length);
      if (!upstream.write(chunk)) {
        client.pause();
        upstream.once('drain', () => client.resume());
      } else if (!mayPass()) client.pause();
    });
    const timer = rate === Infinity ? null : setInterval(() => mayPass() && client.resume(), STEP_MS);
    client.on('close', () => timer !== null && clearInterval(timer));
    upstream.pipe(client);
  });
  const loopback = await listenOnLoopback(server);
  return {
    ...loopback,
    get passed() {
      return passed;
    },
    get connections() {
      return connections;
    },
  };
}
