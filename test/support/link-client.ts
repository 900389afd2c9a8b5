// A small agent for tests of the platform: it speaks format 1 over WebSocket or long polling, and keeps what it got.

import { WebSocket } from 'ws';
import { type FromPlatform, LINK_PROTOCOL } from '#origin/platform/link/wire.ts';

let count = 0;

/** Adds the version and an id. */
export function message(content: Readonly<Record<string, unknown>>): Record<string, unknown> {
  count += 1;
  return { v: 1, id: `a-${count}`, ...content };
}

export function hello(agent: string, after = 0, last: string | null = null): Record<string, unknown> {
  return message({
    type: 'hello',
    agent: { id: agent, version: '1.0.0' },
    after,
    last,
    activation: 'unactivated',
    report: null,
  });
}

export function result(command: string, outcome = 'done'): Record<string, unknown> {
  return message({ type: 'result', command, outcome, code: null, job: null });
}

export class LinkClient {
  readonly socket: WebSocket;
  readonly messages: FromPlatform[] = [];
  /** The close code, once the connection has ended. */
  readonly closed: Promise<number>;

  private constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.socket = new WebSocket(url, LINK_PROTOCOL, { headers, perMessageDeflate: false });
    this.socket.on('message', (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString('utf8')) as FromPlatform);
    });
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
  }

  /** Opens a WebSocket. Rejects with the status of a refusal. */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<LinkClient> {
    const client = new LinkClient(url, headers);
    await new Promise((resolve, reject) => {
      client.socket.once('open', resolve);
      client.socket.once('unexpected-response', (_request, response) => {
        reject(Object.assign(new Error(`${response.statusCode}`), { headers: response.headers }));
        response.destroy();
      });
      client.socket.on('error', reject);
    });
    return client;
  }

  send(...messages: readonly object[]): void {
    for (const one of messages) this.socket.send(JSON.stringify(one));
  }

  /** The messages of a type so far. */
  of<Type extends FromPlatform['type']>(type: Type): readonly Extract<FromPlatform, { type: Type }>[] {
    return this.messages.filter((one): one is Extract<FromPlatform, { type: Type }> => one.type === type);
  }

  end(): void {
    this.socket.terminate();
  }
}

interface Polled {
  readonly status: number;
  readonly headers: Headers;
  readonly messages: readonly FromPlatform[];
}

/** Sends one poll. */
export async function poll(
  url: string,
  agent: string,
  messages: readonly object[] = [],
  waitSeconds = 0,
): Promise<Polled> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sallyport-agent': agent },
    body: JSON.stringify({ v: 1, wait_seconds: waitSeconds, messages }),
  });
  const body = (await response.json()) as { messages?: readonly FromPlatform[] };
  return { status: response.status, headers: response.headers, messages: body.messages ?? [] };
}
