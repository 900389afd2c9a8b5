// A tus server over TLS that confirms uploads as Sallyport requires, for tests of uploads. It records the requests, and
// a test may answer in its place.

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server as TusServer } from '@tus/server';
import type { KeyPair } from './certificates.ts';
import { listenOnLoopback } from './loopback.ts';

/** Answers in place of the server if it returns true. `kind` names the request, as in `requests`. */
type Intercept = (request: IncomingMessage, response: ServerResponse, kind: string) => boolean;

export interface UploadServer {
  readonly port: number;
  readonly url: URL;
  /** `POST`, `HEAD`, `PATCH`, `override`, `complete` or `PUT`, in order. */
  readonly requests: string[];
  readonly headers: IncomingMessage['headers'][];
  /** The documents that completed an upload. */
  readonly completions: Record<string, unknown>[];
  /** Bodies of PUT requests by their path. */
  readonly files: Map<string, Buffer>;
  intercept: Intercept;
  /** The bytes of an upload. */
  content(location: string): Promise<Buffer>;
  /** Loses the end of an upload, as after a crash of the server. */
  cut(location: string, length: number): Promise<void>;
  close(): Promise<void>;
}

export async function startUploadServer(pair: KeyPair): Promise<UploadServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-uploads-'));
  const tus = new TusServer({
    path: '/files',
    datastore: new FileStore({ directory: folder }),
    relativeLocation: true,
    // After an abort it reads on for 3 s by default, and holds the lock of the upload as long.
    lockDrainTimeout: 20,
  });
  const pathOf = (location: string) =>
    join(
      folder,
      location
        .replace(/\/complete$/, '')
        .split('/')
        .at(-1) ?? '',
    );
  const requests: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const completions: Record<string, unknown>[] = [];
  const files = new Map<string, Buffer>();
  let intercept: Intercept = () => false;

  const complete = async (request: IncomingMessage, response: ServerResponse) => {
    const asked = JSON.parse((await bodyOf(request)).toString('utf8')) as Record<string, unknown>;
    completions.push(asked);
    const bytes = await readFile(pathOf(request.url ?? '')).catch(() => Buffer.alloc(0));
    if (bytes.length !== asked['length']) response.writeHead(409).end();
    else confirm(response, bytes, String(asked['job']));
  };
  const put = async (request: IncomingMessage, response: ServerResponse) => {
    const bytes = await bodyOf(request);
    files.set(request.url ?? '', bytes);
    confirm(response, bytes, String(request.headers['idempotency-key']));
  };
  const server = createServer(pair, (request, response) => {
    const kind = kindOf(request);
    requests.push(kind);
    headers.push(request.headers);
    if (intercept(request, response, kind)) return;
    if (kind === 'complete') void complete(request, response);
    else if (kind === 'PUT') void put(request, response);
    else {
      // @tus/server 2 does not know the override.
      if (kind === 'override') request.method = 'PATCH';
      void tus.handle(request, response);
    }
  });
  const { port, close } = await listenOnLoopback(server);
  return {
    port,
    url: new URL(`https://localhost:${port}/files`),
    requests,
    headers,
    completions,
    files,
    set intercept(next: Intercept) {
      intercept = next;
    },
    get intercept() {
      return intercept;
    },
    content: (location) => readFile(pathOf(location)),
    cut: (location, length) => truncate(pathOf(location), length),
    close: async () => {
      await close();
      await rm(folder, { recursive: true });
    },
  };
}

function kindOf({ method, url, headers }: IncomingMessage): string {
  if (url?.endsWith('/complete') === true) return 'complete';
  return headers['x-http-method-override'] === undefined ? (method ?? '') : 'override';
}

/** What a server answers that has a file durably. */
function confirm(response: ServerResponse, bytes: Buffer, job: string): void {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const receipt = { job, sha256, length: bytes.length, durable: true, receipt: `r-${job}` };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(receipt));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
