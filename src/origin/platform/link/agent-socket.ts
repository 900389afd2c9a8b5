// One agent on a WebSocket: its messages, its session, and the commands that are sent to it.
//
// Guarantees: the messages are handled in order. Reading pauses while many messages wait. The connection is ended if it does
// not answer pings or sends no `hello`.

import type { WebSocket } from 'ws';
import type { Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import { misorder } from './faults.ts';
import type { LinkParts } from './link-parts.ts';
import { contentOf, type LinkSession } from './sessions.ts';
import {
  type FromAgent,
  type Hello,
  type PlatformContent,
  parseJson,
  platformMessage,
  readAgentMessage,
} from './wire.ts';

/** Codes of a close frame: RFC 6455, 7.4.1, and 1012 of its registry. */
export const LINK_CLOSE = {
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

/** Who has opened a connection. */
interface Sender {
  readonly named: string | null;
  readonly isSigned: boolean;
}

export class AgentSocket {
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
      if (this.#session === null) this.close(LINK_CLOSE.policy, 'no hello');
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
      this.close(LINK_CLOSE.binary, 'text frames only');
      return;
    }
    this.#waiting += 1;
    if (this.#waiting >= MAX_WAITING) this.#socket.pause();
    void this.#turns
      .run(() => this.#handle(data.toString('utf8')))
      // The agent repeats everything that was not acknowledged.
      .catch(() => this.close(LINK_CLOSE.failed, 'the server failed'))
      .finally(() => {
        this.#waiting -= 1;
        if (this.#socket.isPaused) this.#socket.resume();
      });
  }

  async #handle(text: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const raw = parseJson(text);
    if (raw === undefined) {
      this.close(LINK_CLOSE.notJson, 'not JSON');
      return;
    }
    const read = readAgentMessage(raw);
    if (read.kind === 'ignored') return;
    if (read.kind === 'invalid') this.close(LINK_CLOSE.protocol, read.problem.slice(0, 100));
    else await this.#take(read.message);
  }

  async #take(message: FromAgent): Promise<void> {
    if (message.type === 'hello') {
      await this.#begin(message);
      return;
    }
    if (this.#session === null) {
      this.close(LINK_CLOSE.protocol, 'the first message is a hello');
      return;
    }
    this.#send(await this.#parts.sessions.receive(this.#session, message));
  }

  async #begin(hello: Hello): Promise<void> {
    const { sessions, faults } = this.#parts;
    const agent = hello.agent.id;
    const objection = this.#objectionTo(agent);
    if (objection !== null) {
      this.close(LINK_CLOSE.policy, objection);
      return;
    }
    if (!sessions.accepts(agent)) {
      this.close(LINK_CLOSE.busy, 'no more agents');
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
      replace: () => this.close(LINK_CLOSE.replaced, 'replaced by a newer connection'),
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
