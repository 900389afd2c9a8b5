/**
 * The pages of the console with answers that a test specifies: a server on loopback with the files of the bundle, the
 * headers of the console, and the verbs of a fake `Control`. It keeps what it was asked.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConsoleSession, ErrorAnswer, WireFailure } from '#console/wire.ts';
import type { Control } from '#control/control.ts';
import { fakeControl } from '#test/support/fake-control.ts';
import { bundleConsole } from '#tools/console-bundle.ts';

/** As the console sends them. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };

/** What the pages get. A thrown `RefusedAnswer` is answered with its status. */
export interface PageWorld {
  readonly session: ConsoleSession;
  readonly control: Control;
  /** Routes of the console itself, by `METHOD PATH`. */
  readonly routes: Readonly<Record<string, (body: unknown) => unknown>>;
}

export class RefusedAnswer extends Error {
  readonly status: number;
  readonly failure: WireFailure;

  constructor(status: number, failure: Partial<WireFailure> & Pick<WireFailure, 'code'>) {
    super(failure.code);
    this.status = status;
    this.failure = { message: 'It was refused.', check: 'Try again.', hop: null, class: 'system', ...failure };
  }
}

export function aSession(over: Partial<ConsoleSession> = {}): ConsoleSession {
  return {
    user: 'anna',
    uid: 1_000,
    host: 'sensor-07',
    version: '0.2.0',
    file: '/etc/sallyport/sallyport.yaml',
    may: { look: true, operate: true, change: true },
    group: { look: 'sallyport', operate: 'sallyport-admin', change: 'sallyport-admin' },
    authority: 'operate',
    writes: 'service',
    daemon: 'running',
    problem: null,
    idle_minutes: 30,
    ssh_line: null,
    ...over,
  };
}

export interface PageServer {
  readonly url: string;
  /** Replaces what the pages get from now on. */
  show(world: Partial<PageWorld>): void;
  /** Paths of the requests so far. */
  readonly requests: string[];
  /** Streams that are open now. */
  openStreams(): number;
  close(): Promise<void>;
}

const TOKEN = 'token-of-the-test';
/** The key of the link that the server accepts. */
export const PAGE_KEY = 'key-of-the-test';

export async function startPageServer(): Promise<PageServer> {
  const { files } = await bundleConsole();
  const requests: string[] = [];
  const streams = new Set<ServerResponse>();
  let world: PageWorld = { session: aSession(), control: fakeControl(), routes: {} };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push(path);
    const file = files.get(path === '/' ? 'index.html' : path.slice(1));
    if (file !== undefined) {
      const type = TYPES[path === '/' ? 'html' : (path.split('.').at(-1) ?? '')] ?? 'text/plain';
      response.writeHead(200, { ...HEADERS, 'content-type': `${type}; charset=utf-8` }).end(file);
      return;
    }
    answer(request, response).catch((thrown: unknown) => {
      const refused =
        thrown instanceof RefusedAnswer
          ? thrown
          : new RefusedAnswer(500, { code: 'INTERNAL', message: String(thrown) });
      const body: ErrorAnswer = { error: refused.failure };
      if (response.headersSent) response.end(`${JSON.stringify(body)}\n`);
      else
        response
          .writeHead(refused.status, { ...HEADERS, 'content-type': 'application/json' })
          .end(JSON.stringify(body));
    });
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const found = await answerTo(world, request, { body, response, streams });
    if (found !== STREAMED) {
      response.writeHead(200, { ...HEADERS, 'content-type': 'application/json' }).end(JSON.stringify(found ?? null));
    }
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    show: (over) => {
      world = { session: aSession(), control: fakeControl(), routes: {}, ...over };
    },
    requests,
    openStreams: () => streams.size,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const STREAMED = Symbol('answered as a stream');

interface Exchange {
  readonly body: unknown;
  readonly response: ServerResponse;
  readonly streams: Set<ServerResponse>;
}

async function answerTo(world: PageWorld, request: IncomingMessage, exchange: Exchange): Promise<unknown> {
  const { url = '', method = 'GET', headers } = request;
  if (url === '/api/key') {
    if ((exchange.body as { key: string }).key === PAGE_KEY) return { token: TOKEN };
    throw new RefusedAnswer(401, { code: 'CONSOLE-KEY', message: 'This link was used, or is out of date.' });
  }
  if (headers.authorization !== `Bearer ${TOKEN}`) {
    throw new RefusedAnswer(401, { code: 'CONSOLE-SESSION', message: 'This session has ended.' });
  }
  const own = world.routes[`${method} ${url}`];
  if (own !== undefined) return await own(exchange.body);
  if (url === '/api/session') return world.session;
  const [, kind, name = ''] = /^\/api\/(verbs|streams)\/(\w+)$/.exec(url) ?? [];
  const verb = (world.control as unknown as Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>)[name];
  if (kind === undefined || verb === undefined) throw new RefusedAnswer(404, { code: 'CONSOLE-PATH', message: url });
  if (kind === 'verbs') return { result: (await verb(exchange.body)) ?? null };
  await streamTo(exchange, verb);
  return STREAMED;
}

/** Verbs that have no events get two arguments, as Control has them. */
async function streamTo({ body, response, streams }: Exchange, verb: (...given: unknown[]) => Promise<unknown>) {
  const ending = new AbortController();
  let number = 0;
  streams.add(response);
  response.once('close', () => {
    streams.delete(response);
    ending.abort();
  });
  response.writeHead(200, { ...HEADERS, 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  const onEvent = (event: unknown) => {
    number += 1;
    const skipped = (event as { skipped?: number }).skipped;
    response.write(`${JSON.stringify(skipped === undefined ? { n: number, event } : { n: number, skipped })}\n`);
  };
  const result = await verb(body, onEvent, ending.signal);
  response.end(`${JSON.stringify({ result: result ?? null })}\n`);
}

/** Never ends by itself, as the log. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(new Error('aborted'));
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}
