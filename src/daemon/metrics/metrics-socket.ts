// `metrics.sock`: answers GET /metrics for Prometheus, over a unix socket that the group of the service can open.
//
// Guarantees: it answers only that path, and reads no body. The daemon listens on no network address:
// `sallyport-metrics.socket` of systemd accepts connections on 127.0.0.1 and passes them to this socket.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type SocketServer, serveSocket } from '#control/socket-server.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded } from '#errors/coded-error.ts';
import { peerOf } from '#system/network/peer.ts';
import type { MetricsSource } from './metrics-source.ts';

const LIMITS = { headMs: 5_000, requestMs: 10_000 };
const TYPES = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  text: 'text/plain; version=0.0.4; charset=utf-8',
} as const;

/** Listens. @throws CodedError CONTROL-BUSY, FILE-FAILED */
export async function serveMetrics(
  path: string,
  metrics: MetricsSource,
  { files, report }: Pick<Parts, 'files' | 'report'>,
): Promise<SocketServer> {
  const onRequest = (incoming: IncomingMessage, response: ServerResponse) => {
    answer(incoming, response, metrics).catch((thrown: unknown) => {
      report({ name: 'fault', error: asCoded(thrown) });
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain', connection: 'close' });
      response.end();
    });
  };
  return await serveSocket(path, { files, openTo: 'group', limits: LIMITS, peerOf, onRequest });
}

async function answer(incoming: IncomingMessage, response: ServerResponse, metrics: MetricsSource): Promise<void> {
  // A caller may leave early.
  response.on('error', () => undefined);
  incoming.on('error', () => undefined);
  const isPath = /^\/metrics(?:\?|$)/.test(incoming.url ?? '');
  if (!isPath || (incoming.method !== 'GET' && incoming.method !== 'HEAD')) {
    response.writeHead(isPath ? 405 : 404, { 'content-type': 'text/plain', connection: 'close' });
    response.end(isPath ? 'Use GET.\n' : 'Only /metrics is here.\n');
    return;
  }
  const format = /\bapplication\/openmetrics-text\b/.test(incoming.headers.accept ?? '') ? 'openmetrics' : 'text';
  const body = await metrics.text(format);
  response.writeHead(200, {
    'content-type': TYPES[format],
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}
