/**
 * A SOCKS server on loopback that follows a script: each step waits for a number of bytes from the client and sends an answer.
 * It records what it received and tracks its connections, so that a test can wait until the client has closed them.
 */
import { createServer, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';
import { pipeTo } from './tls-origin.ts';

/** The answer to a message of the client; null ends the connection, a function takes it over. */
export type SocksStep = Buffer | null | ((client: Socket) => void);

export interface SocksServer extends Loopback {
  /** The messages of each connection in order, in hexadecimal. */
  readonly messages: readonly string[];
  readonly connections: number;
}

export const bytes = (...values: number[]): Buffer => Buffer.from(values);
export const NO_USER = bytes(5, 0);
export const WANTS_USER = bytes(5, 2);
export const NONE_FITS = bytes(5, 255);
export const LOGIN_TAKEN = bytes(1, 0);
export const LOGIN_REFUSED = bytes(1, 1);
export const OPEN_5 = bytes(5, 0, 0, 1, 127, 0, 0, 1, 0, 80);
export const OPEN_4 = bytes(0, 90, 0, 80, 127, 0, 0, 1);
export const reply5 = (code: number): Buffer => bytes(5, code, 0, 1, 0, 0, 0, 0, 0, 0);
export const reply4 = (code: number): Buffer => bytes(0, code, 0, 0, 0, 0, 0, 0);

/** Says that the connection is open, and pipes it to a port on loopback. */
export function open(reply: Buffer, port: number): SocksStep {
  return (client) => {
    client.write(reply);
    pipeTo(client, port);
  };
}

/** An honest server without users, for 5 and 5h; every name leads to `port`. */
export const honest5 = (port: number): readonly SocksStep[] => [NO_USER, open(OPEN_5, port)];

export async function startSocksServer(script: readonly SocksStep[], port = 0): Promise<SocksServer> {
  const messages: string[] = [];
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const steps = [...script];
    const onData = (chunk: Buffer) => {
      messages.push(chunk.toString('hex'));
      const step = steps.shift();
      if (steps.length === 0) client.off('data', onData);
      if (step === null) client.end();
      else if (typeof step === 'function') step(client);
      else if (step !== undefined) client.write(step);
    };
    client.on('data', onData);
  });
  const loopback = await listenOnLoopback(server, port);
  return {
    ...loopback,
    messages,
    get connections() {
      return connections;
    },
  };
}
