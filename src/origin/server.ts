// The reference update server: serves one folder, accepts acknowledgements, keeps a record of requests.
//
// For vendors who want to test their feed, for the demo, and for tests. Guarantees: it listens on loopback by
// default, serves no file outside its folder, and limits everything (connections, heads, bodies, silence, memory). No
// request makes it throw or stop. An acknowledgement is on disk before it is answered with 201.

import { realpath } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import type { Acknowledgement } from './acknowledgement.ts';
import { type AcknowledgementLog, openAcknowledgementLog } from './acknowledgement-log.ts';
import { FEED_NAME } from './feed-format.ts';
import { ACKNOWLEDGE_PATH, answerRequest } from './request-handler.ts';
import { type RecordedRequest, RequestRecord } from './request-record.ts';

export interface OriginOptions {
  /** The folder with feed.json and the packages. */
  readonly dir: string;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, any free port. */
  readonly port?: number;
  readonly clock?: Clock;
  readonly limits?: Partial<OriginLimits>;
  /** Called when a response has ended; for a line per request. */
  readonly onAnswered?: (request: RecordedRequest) => void;
}

/** The limits of one server; times in milliseconds. */
interface OriginLimits {
  readonly connections: number;
  /** For the whole head of a request. */
  readonly headMs: number;
  /** For the whole request with its body. */
  readonly requestMs: number;
  /** The longest time without a byte in either direction: ends clients that no longer read. */
  readonly silenceMs: number;
}

export interface Origin {
  /** `http://127.0.0.1:8080`, without a trailing slash. */
  readonly url: string;
  readonly feedUrl: string;
  readonly acknowledgeUrl: string;
  readonly record: {
    /** The newest 1,000, oldest first. */
    readonly requests: readonly RecordedRequest[];
    /** Each key once, in order of arrival; those of earlier runs first. */
    readonly acknowledgements: readonly Acknowledgement[];
  };
  /**
   * Closes every connection and frees the port; accepted acknowledgements are on disk. Calling it twice is harmless.
   */
  close(): Promise<void>;
}

const ACKNOWLEDGEMENTS_FILE = 'acknowledgements.jsonl';

const DEFAULT_LIMITS: OriginLimits = { connections: 256, headMs: 10_000, requestMs: 30_000, silenceMs: 120_000 };
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_REQUESTS_PER_CONNECTION = 1_000;
const IDLE_CONNECTION_MS = 5_000;

/**
 * Serves until closed.
 * @throws CodedError SERVE-FAILED when the folder, its record or the address cannot be used
 */
export async function startOrigin(options: OriginOptions): Promise<Origin> {
  const { dir, host = '127.0.0.1', port = 0, clock = systemClock, onAnswered } = options;
  const requests = new RequestRecord();
  try {
    const root = await realpath(dir);
    const log = await openAcknowledgementLog(join(root, ACKNOWLEDGEMENTS_FILE));
    const server = makeServer({ ...DEFAULT_LIMITS, ...options.limits });
    server.on('request', (request, response) => {
      const entry = requests.add(request, clock.now());
      response.once('close', () => onAnswered?.(entry));
      void answerRequest({ root, log, requests }, { request, response, entry });
    });
    await listen(server, { host, port }).catch(async (error: unknown) => {
      await log.close();
      throw error;
    });
    return describeOrigin(server, { host, log, requests });
  } catch (error) {
    throw coded('SERVE-FAILED', { dir, host, port, reason: (error as Error).message }, error);
  }
}

function makeServer(limits: OriginLimits): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headMs),
    keepAliveTimeout: IDLE_CONNECTION_MS,
    requireHostHeader: true,
    insecureHTTPParser: false,
  });
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.setTimeout(limits.silenceMs, (socket) => socket.destroy());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    else socket.end(`HTTP/1.1 ${statusOf(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  // RFC 9110, 10.1.1: an unknown expectation.
  server.on('checkExpectation', (_request, response) => {
    response.writeHead(417, { 'Content-Length': 0, Connection: 'close' }).end();
  });
  return server;
}

function statusOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}

function listen(server: Server, at: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => {
      server.off('error', reject);
      // From here on an error of the listener (too many open files) costs a connection, not the server.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

interface Parts {
  readonly host: string;
  readonly log: AcknowledgementLog;
  readonly requests: RequestRecord;
}

function describeOrigin(server: Server, { host, log, requests }: Parts): Origin {
  const { port } = server.address() as AddressInfo;
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  let closing: Promise<void> | null = null;
  const closeAll = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await log.close();
  };
  return {
    url,
    feedUrl: `${url}/${FEED_NAME}`,
    acknowledgeUrl: `${url}/${ACKNOWLEDGE_PATH}`,
    record: { requests: requests.requests, acknowledgements: log.all },
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}
