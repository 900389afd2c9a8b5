// An origin with scripted responses, for faults that no correct server has. It counts its requests.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface ScriptedOrigin {
  readonly url: string;
  /** `METHOD path` of each request, in order. */
  readonly asked: string[];
  /** Bodies of the receipts that were posted. */
  readonly receipts: { key: string; id: string; outcome: string }[];
  /** Answers a path; later calls replace earlier ones. */
  on(path: string, handler: Handler): void;
  /** A path with fixed bytes, with Range, as an honest server has it. */
  serve(path: string, body: Uint8Array | string, type?: string): void;
  /** Back to what an unknown path answers. */
  forget(path: string): void;
  close(): Promise<void>;
}

/** Listens on loopback; POST /acknowledge takes receipts, anything unknown is 404. */
export async function startScriptedOrigin(): Promise<ScriptedOrigin> {
  const handlers = new Map<string, Handler>();
  const asked: string[] = [];
  const receipts: ScriptedOrigin['receipts'] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const handler = handlers.get(request.url ?? '');
    if (handler !== undefined) handler(request, response);
    else if (request.method === 'POST') takeReceipt(request, response, receipts);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    receipts,
    on: (path, handler) => void handlers.set(path, handler),
    serve: (path, body, type = 'application/octet-stream') =>
      void handlers.set(path, (request, response) => sendBytes(request, response, { body: Buffer.from(body), type })),
    forget: (path) => void handlers.delete(path),
    close: () => closeServer(server),
  };
}

function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  { body, type }: { body: Buffer; type: string },
): void {
  const headers = { 'content-type': type, etag: '"v1"', 'accept-ranges': 'bytes' };
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  if (range === null) {
    response.writeHead(200, { ...headers, 'content-length': body.length });
    response.end(body);
    return;
  }
  const from = Number(range[1]);
  response.writeHead(206, {
    ...headers,
    'content-length': body.length - from,
    'content-range': `bytes ${from}-${body.length - 1}/${body.length}`,
  });
  response.end(body.subarray(from));
}

function takeReceipt(request: IncomingMessage, response: ServerResponse, receipts: ScriptedOrigin['receipts']): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    receipts.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as ScriptedOrigin['receipts'][number]);
    response.writeHead(201).end();
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
