// The daemon's end of Control: HTTP/1.1 over a unix socket. The socket of the group is 0660, that of the admin 0600; who asks
// is judged by which socket they reach, and named by what the kernel says of them.
//
// Guarantees: a socket left by a dead daemon is replaced, one that answers is not, nor anything that is no socket; a bad
// request gets a coded error, never a crash; a client that goes away, or does not read, ends only its own request.
// Everything is bounded: connections, head, body, silence, what waits to be read.

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { diagnosisRequestSchema } from '#diagnose/report.ts';
import { asCoded, type CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Files } from '#system/files.ts';
import { requireId } from '#system/id.ts';
import { type Peer, peerOf } from '#system/peer.ts';
import { changeRequestSchema } from './change.ts';
import { type Control, retryRequestSchema } from './control.ts';
import { placeOf } from './socket-place.ts';
import { seedSchema } from './timeouts.ts';
import { hookIdOf, PATHS, sizeOf, wireError, wireEvent } from './wire.ts';

const MOST_CONNECTIONS = 32;
/** Nobody but us speaks here; a request without a body needs no more. */
const HEAD_LIMIT_BYTES = 8_192;
/** A configuration of 1 MiB, in characters, each of which JSON may write as two; variables of a shell go with it. */
const BODY_LIMIT = 3_145_728;
/** A request is whole after this long, and its answer is read this long after it ended. */
const SILENCE_MS = 10_000;
const LOOK_FOR_SILENT_EVERY_MS = 1_000;
/** What may wait for a client that does not read; some thousand events. */
const BACKLOG_LIMIT_BYTES = 1_048_576;
/** How long a daemon that is there may take to answer whether it is. */
const PROBE_MS = 2_000;

/** Modes of the two sockets, as masks of what they lack. */
const MASKS = { group: 0o117, admin: 0o177 } as const;

/** A control socket that is listening. */
export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

export interface ServedControl {
  readonly control: Control;
  readonly files: Files;
  readonly known: Redactor;
  /** Whom the file system lets in: owner and group, or the owner (and root) alone. */
  readonly to: keyof typeof MASKS;
  /** Milliseconds in which a request is whole, and the end of an answer read; 10 s where it is not given. */
  readonly silenceMs?: number;
  /** Hears of every request that does more than look; `peer` is null where the kernel does not tell. */
  onAsked?(what: string, peer: Peer | null): void;
}

/** Listens. @throws CodedError CONTROL-BUSY when another daemon answers there; FILE-FAILED when the socket can't be made */
export async function serveControl(path: string, served: ServedControl): Promise<ControlServer> {
  const { files, silenceMs = SILENCE_MS } = served;
  await files.makeDirectory(dirname(path), 0o750);
  await makeRoom(path, files);
  const limits = {
    maxHeaderSize: HEAD_LIMIT_BYTES,
    headersTimeout: silenceMs,
    requestTimeout: silenceMs,
    connectionsCheckingInterval: LOOK_FOR_SILENT_EVERY_MS,
  };
  const server = createServer(limits, (incoming, response) => {
    answer(served, incoming, response).catch(() => response.destroy());
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.maxRequestsPerSocket = 1;
  const place = placeOf(path);
  try {
    await listen(server, { path, address: place.address, mask: MASKS[served.to] });
  } catch (thrown) {
    place.release();
    throw thrown;
  }
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          // The name of the socket was removed through it.
          place.release();
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Only what nobody listens at any more is taken away: a wrong path must not cost anybody a file. */
async function makeRoom(path: string, files: Files): Promise<void> {
  const facts = await files.facts(path);
  if (facts === null) return;
  if (facts.kind !== 'socket') {
    throw coded('FILE-FAILED', { operation: 'listen at', path, reason: `a ${facts.kind} is there, not a socket` });
  }
  if (await answers(path)) throw coded('CONTROL-BUSY', { path });
  await files.remove(path);
}

interface Listening {
  readonly path: string;
  readonly address: string;
  readonly mask: number;
}

function listen(server: Server, { path, address, mask }: Listening): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays: later an error of the listener (too many open files) costs a connection, not the daemon.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        exhaustion(error, `listen at ${path}`) ??
          coded('FILE-FAILED', { operation: 'listen at', path, reason: error.code ?? error.message }, error),
      ),
    );
    // The socket is made during this call, so the mask gives it its mode from the first moment.
    const before = process.umask(mask);
    try {
      server.listen(address, () => resolve());
    } finally {
      process.umask(before);
    }
  });
}

/** Whether anybody listens there; one who is too busy for us, or may not be asked by us, is somebody as well. */
async function answers(path: string): Promise<boolean> {
  const place = placeOf(path);
  try {
    return await answersAt(place.address);
  } finally {
    place.release();
  }
}

function answersAt(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request({ socketPath: address, path: PATHS.status, timeout: PROBE_MS }, (response) => {
      response.destroy();
      resolve(true);
    });
    probe.once('timeout', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(!NOBODY.has(error.code ?? '')));
    probe.end();
  });
}

const NOBODY: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT']);

async function answer(served: ServedControl, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { control, known, silenceMs = SILENCE_MS } = served;
  const out = { response, known };
  const body = bodyOf(incoming);
  // Most requests have none, and nobody waits for it.
  body.catch(() => undefined);
  const gone = new AbortController();
  response.once('close', () => gone.abort(coded('INTERRUPTED', { reason: 'the command went away' })));
  // Whoever does not read the end of an answer must not keep the connection.
  response.once('prefinish', () => incoming.socket.setTimeout(silenceMs, () => incoming.socket.destroy()));
  try {
    const asked = `${incoming.method} ${incoming.url}`;
    await tellAsked(served, incoming, asked);
    switch (asked) {
      case `GET ${PATHS.status}`:
        return sendJson(out, 200, await control.status());
      case `GET ${PATHS.endpoints}`:
        return sendJson(out, 200, await control.endpoints());
      case `GET ${PATHS.updates}`:
        return sendJson(out, 200, await control.listUpdates());
      case `POST ${PATHS.check}`:
        return await sendLines(out, (onEvent) => control.check(onEvent, gone.signal));
      case `POST ${PATHS.retryCredentials}`:
        await control.retryCredentials((await read(body, retryRequestSchema)).profile);
        return sendJson(out, 200, null);
      case `POST ${PATHS.forgetSerial}`:
        return sendJson(out, 200, await control.forgetSerial());
      case `POST ${PATHS.seedTimeout}`:
        return sendJson(out, 200, await control.seedTimeout(await read(body, seedSchema)));
      case `POST ${PATHS.tryChange}`: {
        const change = await read(body, changeRequestSchema);
        return await sendLines(out, (onEvent) => control.tryChange(change, onEvent, gone.signal));
      }
      case `POST ${PATHS.confirmChange}`:
        await control.confirmChange();
        return sendJson(out, 200, null);
      case `POST ${PATHS.diagnose}`: {
        const diagnosis = await read(body, diagnosisRequestSchema);
        return await sendLines(out, () => control.diagnose(diagnosis, gone.signal));
      }
      case `POST ${PATHS.verify}`:
        return await sendLines(out, (onEvent) => control.verifyUpdates(onEvent, gone.signal));
      default:
        return await answerOther(served, incoming, { out, signal: gone.signal });
    }
  } catch (thrown) {
    if (response.headersSent) response.destroy();
    else sendError(out, asCoded(thrown));
  }
}

/** Requests that do more than look, as the log names them. */
const TOLD: Readonly<Record<string, string>> = {
  [`POST ${PATHS.check}`]: 'check for updates',
  [`POST ${PATHS.retryCredentials}`]: 'allow refused passwords once more',
  [`POST ${PATHS.seedTimeout}`]: 'learn response timeouts from an old log',
  [`POST ${PATHS.tryChange}`]: 'try new settings',
  [`POST ${PATHS.confirmChange}`]: 'confirm new settings',
  [`POST ${PATHS.diagnose}`]: 'diagnose',
  [`POST ${PATHS.verify}`]: 'verify the packages',
  [`POST ${PATHS.forgetSerial}`]: 'forget the serial of the feed',
};

async function tellAsked({ onAsked }: ServedControl, { method, url = '', socket }: IncomingMessage, asked: string) {
  const what = method === 'POST' && hookIdOf(url) !== null ? 'run the hook' : TOLD[asked];
  if (what !== undefined && onAsked !== undefined) onAsked(what, await peerOf(socket));
}

/** The requests with something of their own in their path. */
async function answerOther(
  { control }: ServedControl,
  incoming: IncomingMessage,
  to: { readonly out: Outlet; readonly signal: AbortSignal },
): Promise<void> {
  const { method, url = '' } = incoming;
  const size = method === 'GET' ? sizeOf(url) : undefined;
  if (size !== undefined) return sendJson(to.out, 200, await control.explainTimeout(size));
  const id = method === 'POST' ? hookIdOf(url) : null;
  if (id === null) return sendJson(to.out, 404, { error: 'no such request' });
  requireId(id);
  await sendLines(to.out, (onEvent) => control.runHook(id, onEvent, to.signal));
}

/**
 * What a request carries, which few do. What is over the limit is read and not kept, so that whoever sent it reads why it is
 * refused. @throws CodedError CONTROL-REQUEST
 */
async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = '';
  let isTooLong = false;
  incoming.setEncoding('utf8');
  for await (const chunk of incoming as AsyncIterable<string>) {
    isTooLong ||= body.length + chunk.length > BODY_LIMIT;
    body = isTooLong ? '' : body + chunk;
  }
  if (isTooLong) throw coded('CONTROL-REQUEST', { reason: `it is longer than ${BODY_LIMIT} characters` });
  return body;
}

/** A body as its schema has it; what else is in it is dropped. @throws CodedError CONTROL-REQUEST */
async function read<T>(body: Promise<string>, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(parse(await body));
  if (parsed.success) return parsed.data;
  // The names of fields are ours but for those inside of a record.
  const field = parsed.error.issues[0]?.path[0];
  throw coded('CONTROL-REQUEST', {
    reason: field === undefined ? 'its content has another form' : `${String(field)} has another form or is too long`,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw coded('CONTROL-REQUEST', { reason: 'its content is not JSON' }, thrown);
  }
}

/** Where an answer goes; whatever leaves is redacted, as every renderer's output is. */
interface Outlet {
  readonly response: ServerResponse;
  readonly known: Redactor;
}

const BAD_REQUEST = 400;
const FAILED = 500;

function sendError(out: Outlet, error: CodedError): void {
  sendJson(out, error.code === 'CONTROL-REQUEST' ? BAD_REQUEST : FAILED, { error: wireError(error) });
}

function sendJson({ response, known }: Outlet, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(redactDeep(value, known)));
}

async function sendLines({ response, known }: Outlet, work: (onEvent: Report) => Promise<unknown>): Promise<void> {
  const line = (value: unknown) => {
    if (response.destroyed) return;
    if (response.writableLength > BACKLOG_LIMIT_BYTES) response.destroy();
    else response.write(`${JSON.stringify(redactDeep(value, known))}\n`);
  };
  response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
  response.flushHeaders();
  try {
    const result = await work((event) => line({ event: wireEvent(event) }));
    line({ result });
  } catch (thrown) {
    line({ error: wireError(asCoded(thrown)) });
  }
  response.end();
}
