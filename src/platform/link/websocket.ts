// The link over a WebSocket: opens it, and converts its frames to messages.
//
// Guarantees: frames are read one at a time, and reading pauses while earlier messages are handled. If the platform
// sends too fast, its messages wait in the network and not in the memory of this host. A frame that violates the
// protocol closes the connection with the close code of RFC 6455, 7.4.1. A closed socket is released within a second.

import type { RawData, WebSocket } from 'ws';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import { openWebSocket } from '#http/websocket.ts';
import { type AgentMessage, readPlatformText } from '#platform/messages.ts';
import type { HopFacts } from '#proxy/route.ts';
import { LINK_SUBPROTOCOL, linkRefusal } from './handshake.ts';
import type { LinkPorts } from './ports.ts';
import type { Received } from './received.ts';
import { signed, withScheme } from './request.ts';

/** Largest message in either direction, in bytes. */
export const MAX_MESSAGE_BYTES = 1_048_576;
const UPGRADE_TIMEOUT_MS = 30_000;
/** How long the platform may take for its half of the closing handshake. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Bytes that may wait to be sent; what does not fit is repeated after the next connection. */
const MAX_UNSENT_BYTES = 4 * MAX_MESSAGE_BYTES;

/** Close codes (RFC 6455, 7.4.1; 1012 and 1013 of the IANA registry). */
const CLOSE = {
  goingAway: 1_001,
  protocol: 1_002,
  unsupported: 1_003,
  invalid: 1_007,
  policy: 1_008,
  internal: 1_011,
} as const;
/** The platform closed the link in order: nothing is wrong with it or with the path. */
const ORDERLY: ReadonlySet<number> = new Set([1_000, 1_001, 1_012, 1_013]);

/** What the socket tells. */
export interface SocketListener {
  opened(facts: HopFacts): void;
  pong(): void;
  /** Handles one message; the next one comes when this has resolved. */
  received(received: Received): Promise<void>;
  /** The platform or the network has ended it. */
  ended(error: CodedError, isOrderly: boolean): void;
}

export class LinkSocket {
  readonly facts: HopFacts;
  readonly #socket: WebSocket;
  readonly #close: () => void;
  readonly #url: URL;
  readonly #ports: Pick<LinkPorts, 'clock'>;
  readonly #listener: SocketListener;
  readonly #openedAtMs: number;
  #handling: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isEnded = false;
  #mistake: CodedError | null = null;

  /** @throws CodedError of the route, WS-BLOCKED, ORIGIN-*; the reason of `signal` */
  static async open(url: URL, ports: LinkPorts, listener: SocketListener, signal: AbortSignal): Promise<LinkSocket> {
    const target = withScheme(url, 'wss:', 'ws:');
    const { router, clock } = ports;
    const opened = await openWebSocket(target, {
      router,
      purpose: 'platform',
      headers: signed(ports, { method: 'GET', url: target }),
      timeoutMs: UPGRADE_TIMEOUT_MS,
      clock,
      signal,
      protocol: LINK_SUBPROTOCOL,
      maxPayloadBytes: MAX_MESSAGE_BYTES,
      isRoutine: true,
      onOpened: (facts) => listener.opened(facts),
      refusal: (head) => linkRefusal(head, target, clock.now()),
    });
    return new LinkSocket(opened, { url: target, ports, listener });
  }

  private constructor(
    { socket, facts, close }: Awaited<ReturnType<typeof openWebSocket>>,
    { url, ports, listener }: { readonly url: URL; readonly ports: LinkPorts; readonly listener: SocketListener },
  ) {
    this.facts = facts;
    this.#socket = socket;
    this.#close = close;
    this.#url = url;
    this.#ports = ports;
    this.#listener = listener;
    this.#openedAtMs = ports.clock.monotonic();
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on('pong', () => listener.pong());
    socket.on('error', (error: Error & { code?: string }) => this.#onError(error));
    socket.on('close', (code, reason) => this.#onClose(code, reason.toString('utf8')));
    socket.resume();
  }

  /** Sends a message now. Returns false if it cannot be sent. */
  send(message: AgentMessage): boolean {
    const socket = this.#socket;
    if (this.#isEnded || socket.readyState !== socket.OPEN || socket.bufferedAmount > MAX_UNSENT_BYTES) return false;
    const text = JSON.stringify(message);
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) return false;
    socket.send(text);
    return true;
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  /** Ends it without another call of the listener. Resolves when nothing of it is left. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#shut(CLOSE.goingAway);
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#isEnded || this.#mistake !== null) return;
    if (isBinary) {
      this.#refuse(CLOSE.unsupported, 'a binary message');
      return;
    }
    this.#waiting += 1;
    this.#socket.pause();
    this.#handling = this.#handling.then(() => this.#handle(`${data as Buffer}`));
  }

  async #handle(text: string): Promise<void> {
    if (!this.#isEnded && this.#mistake === null) await this.#read(text);
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#socket.resume();
  }

  async #read(text: string): Promise<void> {
    const read = readPlatformText(text);
    if (read.kind === 'invalid') {
      this.#refuse(read.reason === 'it is not JSON' ? CLOSE.invalid : CLOSE.protocol, read.reason);
      return;
    }
    try {
      await this.#listener.received(read);
    } catch (thrown) {
      const error = asCoded(thrown);
      this.#mistake ??= error;
      void this.#shut(error.code === 'LINK-PROTOCOL' ? CLOSE.policy : CLOSE.internal);
    }
  }

  /** The platform does not follow the protocol. */
  #refuse(code: number, reason: string): void {
    this.#mistake ??= this.#protocol(reason);
    void this.#shut(code);
  }

  #onError(error: Error & { code?: string }): void {
    // `ws` marks mistakes of the platform with its own codes; other errors are broken connections.
    if (error.code?.startsWith('WS_ERR_') === true) this.#mistake ??= this.#protocol(error.message);
  }

  #protocol(reason: string): CodedError {
    return coded('LINK-PROTOCOL', { host: this.#url.host, reason, hop: originAt(this.#url.host) });
  }

  #onClose(code: number, reason: string): void {
    this.#close();
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#mistake !== null) this.#listener.ended(this.#mistake, false);
    else this.#listener.ended(this.#endOf(code, reason), ORDERLY.has(code));
  }

  #endOf(code: number, reason: string): CodedError {
    const { host } = this.#url;
    const elapsed = this.#ports.clock.monotonic() - this.#openedAtMs;
    // 1005 and 1006 stand for a close frame without a code, and for none (RFC 6455, 7.4.1).
    if (code === 1_006) return coded('LINK-LOST', { host, elapsed, hop: null });
    const why = [code === 1_005 ? '' : `${code}`, reason].filter((part) => part !== '').join(' ') || 'no reason';
    return coded('LINK-CLOSED', { host, elapsed, why, hop: originAt(host) });
  }

  async #shut(code: number): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState === socket.CLOSED) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const timer = this.#ports.clock.after(CLOSE_TIMEOUT_MS, () => this.#close());
    socket.resume();
    socket.close(code);
    await closed;
    timer.cancel();
    this.#close();
  }
}
