// A signed repository behind a real web server. It serves the simulated repository as `metadata/` and `targets/`, with
// an honest or a broken response for each file. It also has the clock at which its metadata is valid.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { type Clock, systemClock } from '#system/clock.ts';
import { NOW_MS, SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { feedOf } from './jars.ts';
import { listenOnLoopback } from './loopback.ts';

/** How the server answers for a file that it does not have. */
export type Missing = (response: ServerResponse) => void;

/** What static hosts answer for a missing file. */
export const MISSING = {
  plain: (response) => void response.writeHead(404).end(),
  /** S3 without the right to list the bucket. */
  denied: (response) =>
    void response
      .writeHead(403, { 'content-type': 'application/xml' })
      .end(
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
      ),
  forbidden: (response) => void response.writeHead(403, { 'content-type': 'text/plain' }).end('forbidden'),
} as const satisfies Readonly<Record<string, Missing>>;

/** Answers a request in place of the server; false leaves it to the server. */
type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

const VALID_MS = 30 * 86_400_000;

/** A clock that stands still at the time for which the simulated repository signs. Waits are real. */
export const SIGNED_CLOCK: Clock = { ...systemClock, now: () => NOW_MS };

export class SignedOrigin {
  readonly repository = new SimulatedRepository();
  /** `METHOD path` of each request, with ` no-cache` where a cache had to revalidate. */
  readonly asked: string[] = [];
  missing: Missing = MISSING.plain;
  intercept: Intercept = () => false;
  /** Headers of every response with content. */
  headers: Readonly<Record<string, string>> = {};
  /** `Cache-Control` by the name of the file, in place of that of `headers`. */
  cacheControl: ((name: string) => string) | null = null;
  #address = { url: '', port: 0, close: async (): Promise<void> => undefined };

  static async start(): Promise<SignedOrigin> {
    const origin = new SignedOrigin();
    const server = createServer((request, response) => void origin.#answer(request, response));
    const { port, close } = await listenOnLoopback(server);
    origin.#address = { url: `http://127.0.0.1:${port}`, port, close: async () => await close() };
    return origin;
  }

  get url(): string {
    return this.#address.url;
  }

  get port(): number {
    return this.#address.port;
  }

  close(): Promise<void> {
    return this.#address.close();
  }

  /** Signs everything for the real clock, for tests of real processes. The first root, which may have expired, stays. */
  validFromNow(): void {
    const expiresMs = Date.now() + VALID_MS;
    for (const role of ['root', 'targets', 'snapshot', 'timestamp']) this.repository.expire(role, expiresMs);
    this.repository.publish('root').publishAll();
  }

  /** Signs a feed of these items together with their packages, and publishes everything. */
  offer(
    packages: readonly { readonly item: Record<string, unknown>; readonly bytes: Uint8Array }[],
    path = 'feed.json',
  ) {
    for (const { item, bytes } of packages)
      this.repository.addTarget('targets', String(item['file']), Buffer.from(bytes));
    this.repository.addTarget('targets', path, feedOf(packages.map(({ item }) => item)));
    this.repository.publishAll();
  }

  /** Settings of `updates` for this repository. */
  settings(rootFile: string, more: Record<string, unknown> = {}): Record<string, unknown> {
    return { trust: 'tuf', tuf: { metadata_url: `${this.url}/metadata/`, root_file: rootFile, ...more } };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '' } = request;
    // A request in absolute form: then this server is a proxy that forwards to itself.
    const url = target.startsWith('http:') ? new URL(target).pathname : target;
    this.asked.push(`${method} ${url}${request.headers['cache-control'] === 'no-cache' ? ' no-cache' : ''}`);
    if (this.intercept(request, response)) return;
    const bytes = await this.#file(url);
    if (bytes === null) this.missing(response);
    else {
      const own = this.cacheControl === null ? {} : { 'cache-control': this.cacheControl(basename(url)) };
      send(request, response, { bytes, headers: { ...this.headers, ...own } });
    }
  }

  async #file(url: string): Promise<Uint8Array | null> {
    const { signal } = new AbortController();
    const limit = { limitBytes: Number.POSITIVE_INFINITY, revalidate: false, signal };
    const [, folder, name = ''] = /^\/(metadata|targets)\/(.+)$/.exec(url) ?? [];
    if (folder === 'metadata') {
      const reply = await this.repository.metadata({ name: decodeURIComponent(name), ...limit });
      return reply.kind === 'found' ? reply.bytes : null;
    }
    if (folder !== 'targets') return null;
    return await this.repository.target({ names: [decodeURIComponent(name)], ...limit }).catch(() => null);
  }
}

/** With Range, as an honest server has it. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, headers }: { readonly bytes: Uint8Array; readonly headers: Readonly<Record<string, string>> },
): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const part = bytes.subarray(from);
  response.writeHead(from === 0 ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': part.length,
    etag: '"v1"',
    ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    ...headers,
  });
  response.end(part);
}
