// The platform link over WebSocket (RFC 6455), with the package `ws` on the port of the server.
//
// Guarantees: the messages of one agent are handled in order. Reading pauses while many messages wait. A connection is
// ended if it does not answer pings or sends no `hello`. There is no compression, and a message has at most 1 MiB. `ws`
// is loaded at the first upgrade.

import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import type { JsonReply, RefusedRequest } from '#origin/reply.ts';
import { agentOf } from '#origin/uploads/upload-headers.ts';
import type { Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import { misorder } from './faults.ts';
import type { LinkParts } from './link-parts.ts';
import { contentOf, type LinkSession } from './sessions.ts';
import {
  type FromAgent,
  type Hello,
  LINK_PROTOCOL,
  MAX_LINK_MESSAGE_BYTES,
  type PlatformContent,
  parseJson,
  platformMessage,
  readAgentMessage,
} from './wire.ts';

/** Codes of a close frame: RFC 6455, 7.4.1, and 1012 of its registry. */
const CLOSE = {
  protocol: 1002,
  binary: 1003,
  notJson: 1007,
  policy: 1008,
  failed: 1011,
  restart: 1012,
  busy: 1013,
  /** Private use: the agent has another, newer connection. */
  replaced: 4000,
} as const;

const HELLO_MS = 10_000;
const PING_MS = 60_000;
/** Messages of one agent that wait in memory. */
const MAX_WAITING = 16;
/** How long agents have to answer the close frame of a server that stops. */
const CLOSING_MS = 500;

export class WebSocketLinks {
  readonly #parts: LinkParts;
  readonly #links = new Set<WebSocketLink>();
  #server: Promise<WebSocketServer> | null = null;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  /** Why a handshake is refused, or null. */
  refusalOf({ headers }: IncomingMessage): RefusedRequest | null {
    const { refuseUpgrade } = this.#parts.faults.now;
    if (refuseUpgrade !== null) {
      const { status, retryAfterSeconds } = refuseUpgrade;
      const retry = retryAfterSeconds === undefined ? {} : { 'Retry-After': retryAfterSeconds };
      return { status, detail: 'A fault of a test.', headers: retry };
    }
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
    if (!offered.includes(LINK_PROTOCOL)) return { status: 400, detail: `Offer the subprotocol ${LINK_PROTOCOL}.` };
    return null;
  }

  /** Completes the handshake. `signer` is the agent that signed the request, if it was signed. */
  async accept(upgrade: Upgrade, signer: string | null): Promise<void> {
    const { request, socket, head } = upgrade;
    this.#server ??= makeServer();
    const server = await this.#server;
    if (socket.destroyed) return;
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const named = signer ?? (agentOf(request.headers) || null);
      const link = new WebSocketLink(webSocket, this.#parts, { named, isSigned: signer !== null });
      this.#links.add(link);
      webSocket.once('close', () => this.#links.delete(link));
    });
  }

  /** Closes every connection. Resolves when none is open. */
  async end(code: number = CLOSE.restart): Promise<void> {
    const closing = [...this.#links].map((link) => link.closed);
    for (const link of this.#links) link.close(code, code === CLOSE.restart ? 'restarting' : '');
    const timer = this.#parts.clock.after(CLOSING_MS, () => this.abort());
    await Promise.all(closing);
    timer.cancel();
  }

  /** Ends every connection without a close frame, as a killed server would. */
  abort(): void {
    for (const link of this.#links) link.abort();
  }
}

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Answers a handshake with a refusal instead of a WebSocket, and closes the connection. Returns the status. */
export function refuseUpgrade(
  { socket }: Upgrade,
  { status, body, type = 'application/json', headers = {} }: JsonReply,
): number {
  const text = `${JSON.stringify(body)}\n`;
  const all = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), Connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${lines.join('')}\r\n${text}`);
  return status;
}

interface Sender {
  readonly named: string | null;
  readonly isSigned: boolean;
}

async function makeServer(): Promise<WebSocketServer> {
  const { WebSocketServer: Server } = await import('ws');
  return new Server({
    noServer: true,
    clientTracking: false,
    // Answered here, so that a test can turn it off.
    autoPong: false,
    maxPayload: MAX_LINK_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: () => LINK_PROTOCOL,
  });
}

/** Whether this is a WebSocket handshake (RFC 6455, 4.2.1). */
export function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

class WebSocketLink {
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #parts: LinkParts;
  /** What the request says about its agent, before the `hello`. */
  readonly #sender: Sender;
  readonly #turns = new Turns();
  readonly #timers: readonly Timer[];
  #session: (LinkSession & { sent: number }) | null = null;
  #waiting = 0;
  #sentMessages = 0;
  #isAlive = true;

  constructor(socket: WebSocket, parts: LinkParts, sender: Sender) {
    this.#socket = socket;
    this.#parts = parts;
    this.#sender = sender;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    const { clock } = parts;
    const hello = clock.after(HELLO_MS, () => {
      if (this.#session === null) this.close(CLOSE.policy, 'no hello');
    });
    const ping = clock.after(PING_MS, () => {
      this.#checkAlive();
      ping.restart();
    });
    this.#timers = [hello, ping];
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    socket.on('ping', (data) => {
      this.#isAlive = true;
      if (!this.#parts.faults.now.noPong) socket.pong(data, undefined, () => undefined);
    });
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    // `close` follows.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      void this.#onClose().finally(resolve);
    });
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  abort(): void {
    this.#socket.terminate();
  }

  #checkAlive(): void {
    if (!this.#isAlive) this.abort();
    this.#isAlive = false;
    this.#socket.ping('', undefined, () => undefined);
  }

  async #onClose(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    await this.#turns.idle();
    if (this.#session !== null) await this.#parts.sessions.leave(this.#session);
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#isAlive = true;
    if (isBinary) {
      this.close(CLOSE.binary, 'text frames only');
      return;
    }
    this.#waiting += 1;
    if (this.#waiting >= MAX_WAITING) this.#socket.pause();
    void this.#turns
      .run(() => this.#handle(data.toString('utf8')))
      // The agent repeats everything that was not acknowledged.
      .catch(() => this.close(CLOSE.failed, 'the server failed'))
      .finally(() => {
        this.#waiting -= 1;
        if (this.#socket.isPaused) this.#socket.resume();
      });
  }

  async #handle(text: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const raw = parseJson(text);
    if (raw === undefined) {
      this.close(CLOSE.notJson, 'not JSON');
      return;
    }
    const read = readAgentMessage(raw);
    if (read.kind === 'ignored') return;
    if (read.kind === 'invalid') this.close(CLOSE.protocol, read.problem.slice(0, 100));
    else await this.#take(read.message);
  }

  async #take(message: FromAgent): Promise<void> {
    if (message.type === 'hello') {
      await this.#begin(message);
      return;
    }
    if (this.#session === null) {
      this.close(CLOSE.protocol, 'the first message is a hello');
      return;
    }
    this.#send(await this.#parts.sessions.receive(this.#session, message));
  }

  async #begin(hello: Hello): Promise<void> {
    const { sessions, faults } = this.#parts;
    const agent = hello.agent.id;
    const objection = this.#objectionTo(agent);
    if (objection !== null) {
      this.close(CLOSE.policy, objection);
      return;
    }
    if (!sessions.accepts(agent)) {
      this.close(CLOSE.busy, 'no more agents');
      return;
    }
    // Commands that are pushed meanwhile are sent after the welcome.
    let isReady = false;
    const session = {
      agent,
      over: 'websocket' as const,
      sent: 0,
      wake: () => {
        if (isReady) this.#sendCommands();
      },
      replace: () => this.close(CLOSE.replaced, 'replaced by a newer connection'),
    };
    this.#session = session;
    this.#send(await sessions.enter(session, hello));
    const { raw } = faults.now;
    if (raw !== null) this.#socket.send(raw, () => undefined);
    isReady = true;
    this.#sendCommands();
  }

  #objectionTo(agent: string): string | null {
    const { named, isSigned } = this.#sender;
    if (this.#session !== null) return 'a second hello';
    if (named !== null && named !== agent) return 'another agent than the request';
    return !isSigned && this.#parts.needsSignature(agent) ? 'the request must be signed' : null;
  }

  #sendCommands(): void {
    const { sessions, faults } = this.#parts;
    if (this.#session === null) return;
    const commands = sessions.commandsAfter(this.#session.agent, this.#session.sent);
    this.#session.sent = commands.at(-1)?.seq ?? this.#session.sent;
    this.#send(misorder(commands, faults.now).map(contentOf));
  }

  #send(contents: readonly PlatformContent[]): void {
    const { nextMessageId, faults } = this.#parts;
    for (const content of contents) {
      const { silentAfter, closeAfter } = faults.now;
      if (silentAfter !== null && this.#sentMessages >= silentAfter) return;
      this.#socket.send(JSON.stringify(platformMessage(content, nextMessageId())), () => undefined);
      this.#sentMessages += 1;
      if (closeAfter !== null && this.#sentMessages >= closeAfter.messages) {
        this.close(closeAfter.code, 'a fault of a test');
        return;
      }
    }
  }
}
