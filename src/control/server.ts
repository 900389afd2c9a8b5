// The daemon's end of Control: HTTP/1.1 over a unix socket, 0660, so that owner and group may ask and nobody else.
//
// Guarantees: a socket left by a dead daemon is replaced, one that answers is not, nor anything that is no socket; a bad
// request gets an error, never a crash; a client that goes away, or does not read, ends only its own request. Everything
// is bounded: connections, head, what waits to be read.

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { diagnosisRequestSchema } from '#diagnose/report.ts';
import { asCoded, coded, exhaustion } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Files } from '#system/files.ts';
import { requireId } from '#system/id.ts';
import { changeRequestSchema } from './change.ts';
import { type Control, retryRequestSchema } from './control.ts';
import { seedSchema } from './timeouts.ts';
import { hookIdOf, PATHS, sizeOf, wireError, wireEvent } from './wire.ts';

const MOST_CONNECTIONS = 32;
/** Nobody but us speaks here; a request without a body needs no more. */
const HEAD_LIMIT_BYTES = 8_192;
/** A configuration that is not saved, in characters; the largest has 1 MiB, and JSON writes some of them longer. */
const BODY_LIMIT = 4_194_304;
/** What may wait for a client that does not read; some thousand events. */
const BACKLOG_LIMIT_BYTES = 1_048_576;
/** How long a daemon that is there may take to answer whether it is. */
const PROBE_MS = 2_000;

/** A control socket that is listening. */
export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/** Listens. @throws CodedError CONTROL-BUSY when another daemon answers there; FILE-FAILED when the socket can't be made */
export async function serveControl(
  path: string,
  served: { readonly control: Control; readonly files: Files; readonly known: Redactor },
): Promise<ControlServer> {
  const { files } = served;
  await files.makeDirectory(dirname(path), 0o750);
  await makeRoom(path, files);
  const server = createServer({ maxHeaderSize: HEAD_LIMIT_BYTES, requestTimeout: 10_000 }, (incoming, response) => {
    answer(served, incoming, response).catch(() => response.destroy());
  });
  server.maxConnections = MOST_CONNECTIONS;
  await listen(server, path);
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Only what nobody listens at any more is taken away: a wrong path must not cost anybody a file. */
async function makeRoom(path: string, files: Files): Promise<void> {
  const facts = await files.facts(path);
  if (facts === null) return;
  if (facts.kind !== 'special file') {
    throw coded('FILE-FAILED', { operation: 'listen at', path, reason: `a ${facts.kind} is there, not a socket` });
  }
  if (await answers(path)) throw coded('CONTROL-BUSY', { path });
  await files.remove(path);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays: later an error of the listener (too many open files) costs a connection, not the daemon.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        exhaustion(error, `listen at ${path}`) ??
          coded('FILE-FAILED', { operation: 'listen at', path, reason: error.code ?? error.message }, error),
      ),
    );
    // The socket is made during this call, so the mask gives it its mode from the first moment.
    const mask = process.umask(0o117);
    try {
      server.listen(path, () => resolve());
    } finally {
      process.umask(mask);
    }
  });
}

/** Whether anybody listens there; one who is too busy for us, or may not be asked by us, is somebody as well. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request({ socketPath: path, path: PATHS.status, timeout: PROBE_MS }, (response) => {
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

interface Served {
  readonly control: Control;
  readonly known: Redactor;
}

async function answer(served: Served, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { control, known } = served;
  const out = { response, known };
  const body = bodyOf(incoming);
  // Most requests have none, and nobody waits for it.
  body.catch(() => undefined);
  const gone = new AbortController();
  response.once('close', () => gone.abort(coded('INTERRUPTED', { reason: 'the command went away' })));
  try {
    switch (`${incoming.method} ${incoming.url}`) {
      case `GET ${PATHS.status}`:
        return sendJson(out, 200, await control.status());
      case `GET ${PATHS.endpoints}`:
        return sendJson(out, 200, await control.endpoints());
      case `GET ${PATHS.updates}`:
        return sendJson(out, 200, await control.listUpdates());
      case `POST ${PATHS.check}`:
        return await sendLines(out, (onEvent) => control.check(onEvent, gone.signal));
      case `POST ${PATHS.retryCredentials}`:
        await control.retryCredentials(retryRequestSchema.parse(JSON.parse(await body)).profile);
        return sendJson(out, 200, null);
      case `POST ${PATHS.seedTimeout}`:
        return sendJson(out, 200, await control.seedTimeout(seedSchema.parse(JSON.parse(await body))));
      case `POST ${PATHS.tryChange}`: {
        const asked = changeRequestSchema.parse(JSON.parse(await body));
        return await sendLines(out, (onEvent) => control.tryChange(asked, onEvent, gone.signal));
      }
      case `POST ${PATHS.confirmChange}`:
        await control.confirmChange();
        return sendJson(out, 200, null);
      case `POST ${PATHS.diagnose}`: {
        const asked = diagnosisRequestSchema.parse(JSON.parse(await body));
        return await sendLines(out, () => control.diagnose(asked, gone.signal));
      }
      case `POST ${PATHS.verify}`:
        return await sendLines(out, (onEvent) => control.verifyUpdates(onEvent, gone.signal));
      default:
        return await answerOther(served, incoming, { out, signal: gone.signal });
    }
  } catch (thrown) {
    if (response.headersSent) response.destroy();
    else sendJson(out, 500, { error: wireError(asCoded(thrown)) });
  }
}

/** The requests with something of their own in their path. */
async function answerOther(
  { control }: Served,
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

/** What a request carries, which few do; more than the limit is no request of ours. */
async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = '';
  incoming.setEncoding('utf8');
  for await (const chunk of incoming as AsyncIterable<string>) {
    body += chunk;
    if (body.length > BODY_LIMIT) incoming.destroy();
  }
  return body;
}

/** Where an answer goes; whatever leaves is redacted, as every renderer's output is. */
interface Outlet {
  readonly response: ServerResponse;
  readonly known: Redactor;
}

function sendJson({ response, known }: Outlet, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(redactDeep(value, known)));
}

async function sendLines({ response, known }: Outlet, work: (onEvent: Report) => Promise<unknown>): Promise<void> {
  const line = (value: unknown) => {
    if (response.destroyed) return;
    if (response.writableLength > BACKLOG_LIMIT_BYTES) response.destroy();
    else response.write(`${JSON.stringify(redactDeep(value, known))}\n`);
  };
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  try {
    const result = await work((event) => line({ event: wireEvent(event) }));
    line({ result });
  } catch (thrown) {
    line({ error: wireError(asCoded(thrown)) });
  }
  response.end();
}
