// The daemon's end of Control: HTTP/1.1 over unix sockets. Each socket allows certain requests, so the sockets that a
// user can open decide what the user may request. The log names callers by the IDs that the kernel reports.
//
// Guarantees: a bad request gets a coded error and never causes a crash. A client that disconnects or does not read
// ends only its own request. The size of a body, the time without data and the unread output have limits.
// `socket-server.ts` has the other limits.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Files } from '#system/files.ts';
import { type Peer, peerOf } from '#system/network/peer.ts';
import { type OpenTo, type SocketServer, serveSocket } from './socket-server.ts';
import {
  type AnyVerb,
  type Authority,
  type HandlersOf,
  handlerOf,
  isSufficient,
  methodOf,
  REQUEST_HEADER,
  type RequestBytes,
  type VerbTable,
} from './verb.ts';
import { wireError } from './wire-error.ts';

/** A request must be complete within this time, and its response must be read within this time after it ended. */
const SILENCE_MS = 10_000;
/** Unread output of a client that may be buffered; a few thousand events. */
const BACKLOG_LIMIT_BYTES = 1_048_576;

export interface ServedControl<T extends VerbTable> {
  readonly verbs: T;
  readonly handlers: HandlersOf<T>;
  /** What callers on this socket may do. */
  readonly authority: Authority;
  readonly openTo: OpenTo;
  readonly files: Files;
  readonly known: Redactor;
  /** Milliseconds for a complete request, and for reading the end of a response. Default: 10 s. */
  readonly silenceMs?: number;
  /**
   * Called once for each request that needs more than `look`, before its work begins: with null, or with the reason
   * for refusing it. `peer` is null when the kernel does not report it.
   */
  onRequest?(what: string, peer: Peer | null, refused: CodedError | null): void;
  /** Identifies the peer. Default: reads SO_PEERCRED from the kernel. */
  peerOf?(socket: Socket): Promise<Peer | null>;
}

/**
 * Listens.
 * @throws CodedError CONTROL-BUSY when another daemon answers there; FILE-FAILED when the socket cannot be created or
 * given to its group
 */
export async function serveControl<T extends VerbTable>(path: string, served: ServedControl<T>): Promise<SocketServer> {
  const { files, silenceMs = SILENCE_MS, openTo } = served;
  const routes = routesOf(served.verbs);
  const answerCall = (incoming: IncomingMessage, response: ServerResponse) => {
    answer({ ...served, routes }, incoming, response).catch(() => response.destroy());
  };
  const peer = served.peerOf ?? peerOf;
  const limits = { headMs: silenceMs, requestMs: silenceMs };
  return await serveSocket(path, { files, openTo, limits, peerOf: peer, onRequest: answerCall });
}

/** The verbs by the method and path of their requests. */
type Routes = ReadonlyMap<string, readonly [name: string, verb: AnyVerb]>;

function routesOf(verbs: VerbTable): Routes {
  return new Map(Object.entries(verbs).map(([name, verb]) => [`${methodOf(verb)} ${verb.path}`, [name, verb]]));
}

async function answer<T extends VerbTable>(
  served: ServedControl<T> & { readonly routes: Routes },
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { handlers, authority, known, routes, silenceMs = SILENCE_MS } = served;
  const out = { response, known };
  const [name, verb] = routes.get(`${incoming.method} ${incoming.url}`) ?? [null, null];
  const hasBytes = verb?.request?.bytesOf !== undefined;
  const body = hasBytes ? Promise.resolve(headerOf(incoming)) : bodyOf(incoming, verb?.maxBytes ?? 0);
  // Most requests have no body, and then this promise is not awaited.
  body.catch(() => undefined);
  const gone = new AbortController();
  response.once('close', () => gone.abort(coded('INTERRUPTED', { reason: 'the command went away' })));
  // A client that does not read the end of a response must not keep the connection.
  response.once('prefinish', () => incoming.socket.setTimeout(silenceMs, () => incoming.socket.destroy()));
  try {
    if (verb === null) return sendJson(out, 404, { error: 'no such request' });
    const { request, peer } = await readAuthorized(served, { incoming, verb, body });
    const work = async (onEvent: (event: unknown) => void) =>
      await handlerOf(handlers, name)({ request, onEvent, signal: gone.signal, authority, peer });
    if (verb.mode === 'answer') sendJson(out, 200, (await work(() => undefined)) ?? null);
    else await sendLines(out, verb, work);
  } catch (thrown) {
    // The sender reads no response while it sends.
    if (hasBytes) await discard(incoming);
    if (response.headersSent) response.destroy();
    else sendError(out, asCoded(thrown));
  }
}

interface IncomingCall {
  readonly incoming: IncomingMessage;
  readonly verb: AnyVerb;
  readonly body: Promise<string>;
}

/**
 * The argument of a permitted request. Reports who sent it and whether it was refused.
 * @throws CodedError CONTROL-*
 */
async function readAuthorized(
  { authority, onRequest }: Pick<ServedControl<VerbTable>, 'authority' | 'onRequest'>,
  { incoming, verb, body }: IncomingCall,
): Promise<{ readonly request: unknown; readonly peer: Peer | null }> {
  // Before reading the body: the sender may disconnect while it is read.
  const peer = verb.needs === 'look' && verb.more === null ? null : await peerOf(incoming.socket);
  let needed: Pick<AnyVerb, 'needs' | 'does'> = verb;
  const report = (refused: CodedError | null) => {
    if (needed.needs !== 'look') onRequest?.(needed.does, peer, refused);
  };
  try {
    requireAuthority(authority, verb);
    const request = verb.request === null ? undefined : read(await body, verb, bytesOf(incoming, verb));
    if (verb.more?.applies(request) === true) {
      needed = verb.more;
      requireAuthority(authority, verb.more);
    }
    report(null);
    return { request, peer };
  } catch (thrown) {
    const error = asCoded(thrown);
    // A caller that disconnects before its request is complete is not reported as refused.
    if (incoming.errored === null) report(error);
    throw error;
  }
}

/** @throws CodedError CONTROL-OPERATE, CONTROL-ADMIN */
function requireAuthority(has: Authority, { needs, does: what }: Pick<AnyVerb, 'needs' | 'does'>): void {
  if (!isSufficient(has, needs)) throw coded(needs === 'admin' ? 'CONTROL-ADMIN' : 'CONTROL-OPERATE', { what });
}

/**
 * The body of a request; most have none. Data beyond the limit is read and discarded, so that the sender can read why
 * it was refused.
 * @throws CodedError CONTROL-REQUEST
 */
async function bodyOf(incoming: IncomingMessage, maxBytes: number): Promise<string> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) chunks = [];
    else chunks.push(chunk);
  }
  if (bytes > maxBytes) throw coded('CONTROL-REQUEST', { reason: `it is longer than ${maxBytes} bytes` });
  return Buffer.concat(chunks).toString();
}

function headerOf({ headers }: IncomingMessage): string {
  const found = headers[REQUEST_HEADER];
  return typeof found === 'string' ? found : '';
}

/** @throws CodedError CONTROL-REQUEST */
async function* bytesOf(incoming: IncomingMessage, { maxBytes }: AnyVerb): RequestBytes {
  let bytes = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw coded('CONTROL-REQUEST', { reason: `it is longer than ${maxBytes} bytes` });
    yield chunk;
  }
}

async function discard(incoming: IncomingMessage): Promise<void> {
  if (incoming.readableEnded || incoming.destroyed) return;
  await new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) incoming.once(event, () => resolve());
    incoming.resume();
  });
}

/**
 * The argument of a verb. Fields that its schema does not contain are dropped.
 * @throws CodedError CONTROL-REQUEST, ID-INVALID
 */
function read(body: string, { request: form }: AnyVerb, bytes: RequestBytes): unknown {
  const found = form?.read(parse(body), bytes);
  if (found?.ok === true) return found.request;
  const field = found?.field ?? null;
  throw coded('CONTROL-REQUEST', {
    reason: field === null ? 'its content is malformed' : `${field} is malformed or too long`,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw coded('CONTROL-REQUEST', { reason: 'its content is not JSON' }, thrown);
  }
}

/** Where a response is written. All output is redacted, as that of every renderer is. */
interface Outlet {
  readonly response: ServerResponse;
  readonly known: Redactor;
}

const FAILED = 500;
const STATUS: Readonly<Record<string, number>> = {
  'CONTROL-REQUEST': 400,
  'CONTROL-ADMIN': 403,
  'CONTROL-OPERATE': 403,
};

function sendError(out: Outlet, error: CodedError): void {
  sendJson(out, STATUS[error.code] ?? FAILED, { error: wireError(error) });
}

function sendJson({ response, known }: Outlet, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(redactDeep(value, known)));
}

async function sendLines(
  { response, known }: Outlet,
  { events }: AnyVerb,
  work: (onEvent: (event: unknown) => void) => Promise<unknown>,
): Promise<void> {
  const line = (value: unknown) => {
    // Work that was aborted may still report an event after its result.
    if (response.destroyed || response.writableEnded) return;
    if (response.writableLength > BACKLOG_LIMIT_BYTES) response.destroy();
    else response.write(`${JSON.stringify(redactDeep(value, known))}\n`);
  };
  response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
  response.flushHeaders();
  try {
    const result = await work((event) => line({ event: events?.write(event) }));
    line({ result: result ?? null });
  } catch (thrown) {
    line({ error: wireError(asCoded(thrown)) });
  }
  response.end();
}
