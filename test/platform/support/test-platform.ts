// A platform over TLS on loopback that a test scripts: WebSocket and long polling at one URL, with everything it received.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { AgentMessage } from '#platform/messages.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { createCa, type TestCa } from '#test/support/certificates.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { startTlsOrigin } from '#test/support/tls-origin.ts';

const SUBPROTOCOL = 'sallyport.link.v1';
export const WELCOME = { v: 1, type: 'welcome', id: 'w-1', activation: 'activated', seq: 0 };

interface Poll {
  readonly waitSeconds: number;
  readonly messages: readonly AgentMessage[];
  readonly headers: IncomingMessage['headers'];
}

export interface TestPlatform {
  readonly port: number;
  readonly trust: TlsTrust;
  /** `wss:`, under localhost, or a name below `cells.test`, which only proxies of tests resolve. */
  url(host?: string, port?: number): URL;
  /** Every message of agents, over both transports. */
  readonly received: AgentMessage[];
  readonly polls: Poll[];
  /** Headers of the upgrades that were requested. */
  readonly upgrades: IncomingMessage['headers'][];
  /** The WebSockets that are open now. */
  readonly sockets: ReadonlySet<WebSocket>;
  /** Connections with a finished TLS handshake so far. */
  readonly connections: number;
  /** Takes an upgrade in place of 101; by default it is accepted. */
  onUpgrade: ((socket: Duplex, request: IncomingMessage) => void) | null;
  /** Takes a poll in place of an answer; returns whether it did. */
  onPoll: ((response: ServerResponse, poll: Poll) => boolean) | null;
  /** Called with each WebSocket, before the agent greets. */
  onSocket: (socket: WebSocket) => void;
  /** What it answers to `hello`; by default a welcome. */
  greeting: readonly unknown[];
  /** Whether it answers pings. */
  pongs: boolean;
  /** Sends to every WebSocket, and with the next poll. */
  push(message: unknown): void;
  /** Number of polls that are held now. */
  readonly held: number;
  /** Answers the polls that are held. */
  release(): void;
  close(): Promise<void>;
}

/** With `isPlain`, it speaks no TLS, for a server of TLS in front. */
export async function startTestPlatform(ca: TestCa = createCa(), isPlain = false): Promise<TestPlatform> {
  const sockets = new Set<WebSocket>();
  const held = new Set<ServerResponse>();
  const queued: unknown[] = [];
  const servers = { true: webSockets(true), false: webSockets(false) };
  const origin = await (isPlain ? startPlain : startTls)(ca, {
    answer: (request, response) => void takePoll(request, response),
    upgrade: (request, socket, head) => {
      platform.upgrades.push(request.headers);
      if (platform.onUpgrade !== null) platform.onUpgrade(socket, request);
      else servers[`${platform.pongs}`].handleUpgrade(request, socket, head, accepted);
    },
  });
  const accepted = (socket: WebSocket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    platform.onSocket(socket);
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as AgentMessage;
      platform.received.push(message);
      if (message.type === 'hello') for (const one of platform.greeting) socket.send(JSON.stringify(one));
    });
  };
  const takePoll = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST') {
      response.writeHead(426, { upgrade: 'websocket', connection: 'upgrade' }).end();
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = JSON.parse(Buffer.concat(parts).toString()) as { wait_seconds: number; messages: AgentMessage[] };
    const poll = { waitSeconds: body.wait_seconds, messages: body.messages, headers: request.headers };
    platform.polls.push(poll);
    platform.received.push(...poll.messages);
    if (platform.onPoll?.(response, poll) === true) return;
    if (poll.messages.some(({ type }) => type === 'hello')) queued.push(...platform.greeting);
    if (poll.waitSeconds === 0 || queued.length > 0) answer(response);
    else {
      held.add(response);
      response.on('close', () => held.delete(response));
    }
  };
  const answer = (response: ServerResponse) => {
    held.delete(response);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ v: 1, messages: queued.splice(0) }));
  };
  const platform: TestPlatform = {
    port: origin.port,
    trust: { ca: { key: 'platform.ca_file', path: '/ca.pem', pem: ca.cert } },
    url: (host = 'localhost', port = origin.port) => new URL(`wss://${host}:${port}/link`),
    received: [],
    polls: [],
    upgrades: [],
    sockets,
    get connections() {
      return origin.connections();
    },
    onUpgrade: null,
    onPoll: null,
    onSocket: () => undefined,
    greeting: [WELCOME],
    pongs: true,
    push(message) {
      for (const socket of sockets) socket.send(JSON.stringify(message));
      if (sockets.size > 0) return;
      queued.push(message);
      for (const response of held) answer(response);
    },
    get held() {
      return held.size;
    },
    release() {
      for (const response of held) answer(response);
    },
    close: () => origin.close(),
  };
  return platform;
}

export const PLATFORM_NAMES = 'DNS:*.cells.test,DNS:localhost';

interface Handlers {
  readonly answer: RequestListener;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

async function startTls(ca: TestCa, handlers: Handlers) {
  const { port, clients, close } = await startTlsOrigin(ca.issue({ names: PLATFORM_NAMES }), handlers);
  return { port, close, connections: () => clients.length };
}

async function startPlain(_ca: TestCa, { answer, upgrade }: Handlers) {
  let connections = 0;
  const server = createServer(answer)
    .on('upgrade', upgrade)
    .on('connection', () => {
      connections += 1;
    });
  const { port, close } = await listenOnLoopback(server);
  return { port, close, connections: () => connections };
}

function webSockets(autoPong: boolean): WebSocketServer {
  return new WebSocketServer({ noServer: true, autoPong, handleProtocols: () => SUBPROTOCOL });
}
