// The platform link over WebSocket (RFC 6455), with the package `ws` on the port of the server.
//
// Guarantees: there is no compression, and a message has at most 1 MiB. `ws` is loaded at the first upgrade.

import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import type { JsonReply, RefusedRequest } from '#origin/reply.ts';
import { agentOf } from '#origin/uploads/upload-headers.ts';
import { AgentSocket, LINK_CLOSE } from './agent-socket.ts';
import type { LinkParts } from './link-parts.ts';
import { LINK_PROTOCOL, MAX_LINK_MESSAGE_BYTES } from './wire.ts';

/** How long agents have to answer the close frame of a server that stops. */
const CLOSING_MS = 500;

export class WebSocketLinks {
  readonly #parts: LinkParts;
  readonly #links = new Set<AgentSocket>();
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
      const link = new AgentSocket(webSocket, this.#parts, { named, isSigned: signer !== null });
      this.#links.add(link);
      webSocket.once('close', () => this.#links.delete(link));
    });
  }

  /** Closes every connection. Resolves when none is open. */
  async end(code: number = LINK_CLOSE.restart): Promise<void> {
    const closing = [...this.#links].map((link) => link.closed);
    for (const link of this.#links) link.close(code, code === LINK_CLOSE.restart ? 'restarting' : '');
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
