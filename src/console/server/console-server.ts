// The HTTP server of the console: checks each request, and answers it with a file of the pages, or with data of
// Sallyport.
//
// Guarantees: without a token, a request gets only the files of the pages. No response body has a known secret. Every
// request is checked in the same order: where it comes from, then its token, then its path, then its body. A request
// that is slow, long or malformed ends only itself. `node:http` has the limits of time and size.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AnswerRoute, ConsoleRoute, StreamRoute } from '#console/route.ts';
import { keyRequestSchema } from '#console/wire.ts';
import { wireFailure } from '#console/wire-failure.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import { type Clock, wait } from '#system/clock.ts';
import { type ConnectedUsers, ConnectionLimit } from './connection-limit.ts';
import { EventLines } from './event-lines.ts';
import type { KeyVerdict, LinkKeys, TokenSession, Tokens } from './link-keys.ts';
import type { PageFiles } from './page-files.ts';
import { PageRefusal, statusOf } from './page-refusal.ts';
import { readPageBody } from './request-body.ts';
import { foreignPlace } from './request-place.ts';
import { SECURITY_HEADERS } from './response-headers.ts';

/** A request must have its complete head within this time. */
const HEAD_MS = 10_000;
const REQUEST_MS = 30_000;
const KEPT_MS = 30_000;
const LOOK_EVERY_MS = 1_000;
const HEAD_LIMIT_BYTES = 16_384;
const MAX_STREAMS = 3;
const WRONG_KEY_MS = 1_000;

export interface ConsoleServerParts {
  readonly clock: Clock;
  readonly pages: PageFiles;
  readonly keys: LinkKeys;
  readonly tokens: Tokens;
  readonly routes: readonly ConsoleRoute[];
  readonly known: Redactor;
  /** Called for each request with a valid token, and for each accepted key. */
  onUse(): void;
  /** Called for each refused key. */
  onRefusedKey(verdict: KeyVerdict): void;
  /** Milliseconds for a complete head, and for a complete request. Default: 10 s and 30 s. */
  readonly limits?: { readonly headMs: number; readonly requestMs: number };
  /** The users of the person, whose connections are kept if there are too many. */
  readonly users: readonly number[];
  readonly connectedUsers: ConnectedUsers;
}

/** The server, which does not listen yet. */
export function consoleServer(parts: ConsoleServerParts): Server {
  const { headMs, requestMs } = parts.limits ?? { headMs: HEAD_MS, requestMs: REQUEST_MS };
  const routes = new Map(parts.routes.map((route) => [nameOfRoute(route), route]));
  const server = createServer(
    {
      maxHeaderSize: HEAD_LIMIT_BYTES,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      keepAliveTimeout: KEPT_MS,
      connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, headMs),
    },
    (incoming, response) => {
      new Exchange({ ...parts, routeOf: (name) => routes.get(name) ?? null, limit }, incoming, response)
        .answer()
        .catch(() => response.destroy());
    },
  );
  const limit = new ConnectionLimit(server, parts.users, parts.connectedUsers);
  return server;
}

function nameOfRoute(route: ConsoleRoute): string {
  return `${route.kind === 'stream' ? 'POST' : route.method} ${route.path}`;
}

interface ExchangeParts extends ConsoleServerParts {
  routeOf(name: string): ConsoleRoute | null;
  readonly limit: ConnectionLimit;
}

/** One request and its response. */
class Exchange {
  readonly #parts: ExchangeParts;
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #gone = new AbortController();

  constructor(parts: ExchangeParts, incoming: IncomingMessage, response: ServerResponse) {
    this.#parts = parts;
    this.#incoming = incoming;
    this.#response = response;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.once('close', () => this.#gone.abort(coded('INTERRUPTED', { reason: 'the page was closed' })));
  }

  async answer(): Promise<void> {
    try {
      const foreign = foreignPlace(this.#incoming);
      if (foreign !== null) throw new PageRefusal(403, coded('CONSOLE-FOREIGN', { reason: foreign }));
      const { method = '', url = '' } = this.#incoming;
      const [path = ''] = url.split('?', 1);
      if (!path.startsWith('/api/')) return this.#sendPage(method, path);
      if (`${method} ${path}` === 'POST /api/key') return await this.#acceptKey();
      await this.#call(this.#session(), `${method} ${path}`);
    } catch (thrown) {
      if (this.#response.headersSent) this.#response.destroy();
      else this.#refuse(thrown);
    }
  }

  #sendPage(method: string, path: string): void {
    const page = this.#parts.pages.get(path);
    if (page === undefined || (method !== 'GET' && method !== 'HEAD')) throw absent();
    const isPacked = /\bgzip\b/i.test(String(this.#incoming.headers['accept-encoding'] ?? ''));
    const body = isPacked ? page.gzip : page.bytes;
    this.#response.writeHead(200, {
      'content-type': page.type,
      'content-length': body.length,
      vary: 'accept-encoding',
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
    });
    this.#response.end(method === 'HEAD' ? undefined : body);
  }

  async #acceptKey(): Promise<void> {
    const { keys, tokens, clock, limit, onUse, onRefusedKey } = this.#parts;
    const parsed = keyRequestSchema.safeParse(await readPageBody(this.#incoming));
    const verdict = parsed.success ? keys.use(parsed.data.key) : 'wrong';
    if (verdict !== 'accepted') {
      onRefusedKey(verdict);
      await wait(clock, WRONG_KEY_MS, this.#gone.signal);
      throw new PageRefusal(401, coded('CONSOLE-KEY', {}));
    }
    limit.trust(this.#incoming.socket);
    onUse();
    this.#sendJson(200, { token: tokens.begin() });
  }

  /** @throws PageRefusal without a valid token */
  #session(): TokenSession {
    const session = this.#parts.tokens.find(this.#incoming.headers.authorization);
    if (session === null) throw new PageRefusal(401, coded('CONSOLE-SESSION', {}));
    this.#parts.limit.trust(this.#incoming.socket);
    this.#parts.onUse();
    return session;
  }

  async #call(session: TokenSession, name: string): Promise<void> {
    const route = this.#parts.routeOf(name);
    if (route === null) throw absent();
    const request = readRequest(route, this.#incoming.method === 'POST' ? await readPageBody(this.#incoming) : {});
    if (route.kind === 'answer') await this.#sendAnswer(route, request);
    else await this.#sendStream(route, request, session);
  }

  async #sendAnswer(route: AnswerRoute, request: unknown): Promise<void> {
    const value = await route.answer(request, this.#gone.signal);
    this.#sendJson(200, redactDeep(value ?? null, this.#parts.known));
  }

  async #sendStream(route: StreamRoute, request: unknown, session: TokenSession): Promise<void> {
    if (session.streams >= MAX_STREAMS) throw new PageRefusal(429, coded('CONSOLE-STREAMS', {}));
    route.check?.(request);
    const { known, clock, onUse } = this.#parts;
    session.streams += 1;
    const signal = this.#gone.signal;
    this.#response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    this.#response.flushHeaders();
    const lines = new EventLines(this.#response, clock);
    try {
      const result = await route.stream(request, (event) => lines.send(redactDeep(event, known)), signal);
      lines.end({ result: redactDeep(result ?? null, known) });
    } catch (thrown) {
      lines.end({ error: wireFailure(asCoded(thrown), known) });
    } finally {
      session.streams -= 1;
      onUse();
    }
  }

  #refuse(thrown: unknown): void {
    const error = thrown instanceof PageRefusal ? thrown.failure : asCoded(thrown);
    const status = thrown instanceof PageRefusal ? thrown.status : statusOf(error);
    // The rest of a body that was not read must not become the next request.
    if (!this.#incoming.complete) this.#response.setHeader('connection', 'close');
    this.#sendJson(status, { error: wireFailure(error, this.#parts.known) });
  }

  #sendJson(status: number, value: unknown): void {
    if (this.#response.destroyed) return;
    this.#response.writeHead(status, { 'content-type': 'application/json' });
    this.#response.end(JSON.stringify(value));
  }
}

function absent(): PageRefusal {
  return new PageRefusal(404, coded('CONSOLE-REQUEST', { reason: 'the console has no such page or request' }));
}

/** @throws PageRefusal for a request that does not match its schema */
function readRequest({ request: schema }: ConsoleRoute, body: unknown): unknown {
  if (schema === null) return undefined;
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  // The first step is a field of the schema; the rest may be text of the page.
  const [field] = parsed.error.issues[0]?.path ?? [];
  const reason = field === undefined ? 'its content is malformed' : `${String(field)} is malformed or too long`;
  throw new PageRefusal(422, coded('CONSOLE-REQUEST', { reason }));
}
