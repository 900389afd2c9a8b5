/**
 * A relay on loopback in front of a real proxy, which records every byte that clients send; the log of a proxy does not. It can
 * switch to another proxy, so that the proxy at one address changes, and it can hold bytes back.
 */
import { connect, createServer } from 'node:net';
import { listenOnLoopback } from './loopback.ts';

export interface RecordingRelay {
  readonly port: number;
  /** All that clients sent so far, as latin1. */
  readonly sent: string;
  readonly connections: number;
  /** New connections go to this port. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

/** `hold` is given what came, and holds it until it resolves. */
export async function startRecordingRelay(
  behind: number,
  hold: (bytes: string) => Promise<void> | undefined = () => undefined,
): Promise<RecordingRelay> {
  let [to, sent, connections] = [behind, '', 0];
  const server = createServer({ noDelay: true }, (client) => {
    connections += 1;
    const upstream = connect({ port: to, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
    let passed = Promise.resolve();
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      sent += text;
      passed = passed.then(() => hold(text)).then(() => void upstream.write(chunk));
    });
    client.on('end', () => {
      passed = passed.then(() => void upstream.end());
    });
    upstream.pipe(client);
  });
  const { port, close } = await listenOnLoopback(server);
  return {
    port,
    get sent() {
      return sent;
    },
    get connections() {
      return connections;
    },
    leadTo(next) {
      to = next;
    },
    close,
  };
}
