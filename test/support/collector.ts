// A collector of OTLP/HTTP that reads requests with the official definitions of OpenTelemetry (test/support/otlp, from
// the package @opentelemetry/otlp-grpc-exporter-base 0.33.0). No collector is in Debian or on npm.

import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import type { KeyPair } from './certificates.ts';

const FOLDER = fileURLToPath(new URL('./otlp/', import.meta.url));
const SERVICES = ['metrics', 'logs'].map((name) => `opentelemetry/proto/collector/${name}/v1/${name}_service.proto`);

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => `${FOLDER}${target}`;
root.loadSync(SERVICES);

const OTLP = 'opentelemetry.proto.collector';
export const METRICS_REQUEST = `${OTLP}.metrics.v1.ExportMetricsServiceRequest`;
export const LOGS_REQUEST = `${OTLP}.logs.v1.ExportLogsServiceRequest`;

/** A message as plain data: times and counts as text, enumerations by their names. */
export function decodeOtlp(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: String, enums: String, defaults: false });
}

/** What a collector rejects of a request, as the bytes of its response: the definitions of 2022 do not have it yet. */
export function partialSuccess(rejected: number, text: string): Uint8Array {
  const inner = Buffer.from([0x08, rejected, 0x12, text.length, ...Buffer.from(text)]);
  return Buffer.from([0x0a, inner.length, ...inner]);
}

export interface CollectedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly message: Record<string, unknown>;
}

interface CollectorAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Collector {
  readonly url: string;
  readonly requests: readonly CollectedRequest[];
  /** What it answers from now on; accepts by default. */
  answer: (path: string) => CollectorAnswer;
  close(): Promise<void>;
}

/** Starts one on loopback, over TLS with a certificate. */
export async function startCollector(pair?: KeyPair): Promise<Collector> {
  const requests: CollectedRequest[] = [];
  const collect: RequestListener = (incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      const path = incoming.url ?? '';
      const type = path.endsWith('/v1/logs') ? LOGS_REQUEST : METRICS_REQUEST;
      if (incoming.method === 'POST')
        requests.push({ path, headers: incoming.headers, message: decodeOtlp(type, gunzipSync(Buffer.concat(parts))) });
      const {
        status = 200,
        headers = { 'content-type': 'application/x-protobuf' },
        body = '',
      } = collector.answer(path);
      response.writeHead(status, headers).end(body);
    });
  };
  const server = pair === undefined ? createServer(collect) : createTlsServer(pair, collect);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const collector: Collector = {
    url: `${pair === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`,
    requests,
    answer: () => ({}),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return collector;
}
