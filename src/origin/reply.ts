// The responses of the origin: text, JSON, and problem details (RFC 9457). Each is added to the record of requests.
//
// Guarantees: the client receives a refusal even if it is still sending a body, because part of the remaining body is
// read before the connection is closed. Otherwise the kernel would answer these bytes with a reset, and the client
// would lose the response.

import { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http';
import { type Clock, wait } from '#system/clock.ts';
import type { RecordedRequest } from './request-record.ts';

export interface Messages {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export interface ServedExchange extends Messages {
  readonly entry: { -readonly [Field in keyof RecordedRequest]: RecordedRequest[Field] };
}

/** A whole response in memory. */
export interface JsonReply {
  readonly status: number;
  /** The object of a JSON body. */
  readonly body: object;
  /** Default: application/json. */
  readonly type?: string;
  readonly headers?: OutgoingHttpHeaders;
}

/** Why a request is refused. */
export interface RefusedRequest {
  readonly status: number;
  /** Words for a person. */
  readonly detail: string;
  /** More members of the problem. */
  readonly members?: Readonly<Record<string, string>>;
  readonly headers?: OutgoingHttpHeaders;
}

/** Problem details: RFC 9457, 3. */
export function problemOf({ status, detail, members = {}, headers = {} }: RefusedRequest): JsonReply {
  const body = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Unknown', status, detail, ...members };
  return { status, body, type: 'application/problem+json', headers };
}

export function sendReply(
  exchange: ServedExchange,
  { status, body, type = 'application/json', headers = {} }: JsonReply,
): void {
  send(exchange, { status, type, text: `${JSON.stringify(body)}\n`, headers });
}

/** The connection is closed after a refusal, without waiting for the rest of a body. */
export function refuse(
  exchange: ServedExchange,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const type = 'text/plain; charset=utf-8';
  send(exchange, { status, type, text: `${text}\n`, headers: { Connection: 'close', ...headers } });
}

export function allows(exchange: ServedExchange, methods: readonly string[]): boolean {
  if (methods.includes(exchange.request.method ?? '')) return true;
  refuse(exchange, 405, `Use ${methods.join(' or ')}.`, { Allow: methods.join(', ') });
  return false;
}

/** Tells a client that waits for it (RFC 9110, 10.1.1) to send the body. A refusal before that saves the transfer. */
export function letContinue({ request, response }: Messages): void {
  if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue();
}

/** Writes the head of a response. */
export function begin({ response, entry }: ServedExchange, status: number, headers: OutgoingHttpHeaders): void {
  entry.status = status;
  response.writeHead(status, headers);
}

/** How much of an unwanted body is read before its connection is closed. */
export interface Linger {
  readonly clock: Clock;
  readonly ms: number;
}
const MAX_LINGER_BYTES = 16 * 1024 * 1024;

/**
 * Sends a reply to a client that may still be sending its body. If it is, the body is read and discarded for a while,
 * and the connection is closed. Never rejects.
 */
export async function replyDuringBody(
  exchange: ServedExchange,
  reply: JsonReply,
  { clock, ms }: Linger,
): Promise<void> {
  const { request, response } = exchange;
  if (request.complete) {
    sendReply(exchange, reply);
    return;
  }
  const { status, body, type = 'application/json', headers = {} } = reply;
  const text = `${JSON.stringify(body)}\n`;
  begin(exchange, status, { ...headersOf({ type, text }), Connection: 'close', ...headers });
  exchange.entry.bytes = Buffer.byteLength(text);
  response.write(text);
  await discardSome(request, { clock, ms });
  response.end();
}

async function discardSome(request: IncomingMessage, { clock, ms }: Linger): Promise<void> {
  const enough = new AbortController();
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_LINGER_BYTES) enough.abort();
  });
  request.once('end', () => enough.abort()).once('close', () => enough.abort());
  request.resume();
  await wait(clock, ms, enough.signal).catch(() => undefined);
}

interface Small {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers: OutgoingHttpHeaders;
}

function send(exchange: ServedExchange, { status, type, text, headers }: Small): void {
  begin(exchange, status, { ...headersOf({ type, text }), ...headers });
  exchange.entry.bytes = exchange.request.method === 'HEAD' ? 0 : Buffer.byteLength(text);
  exchange.response.end(text);
}

function headersOf({ type, text }: Pick<Small, 'type' | 'text'>): OutgoingHttpHeaders {
  return {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  };
}
