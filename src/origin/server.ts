// The reference server: serves one folder, accepts acknowledgements and uploads, and keeps a record of requests.
//
// It is for vendors who want to test their feed, for the demo, and for tests. Guarantees: it listens on loopback by
// default, serves no file outside its folder, and limits connections, headers, bodies, idle time and memory. No request
// can make it throw or stop. It acknowledges data only after the data is on disk.

import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { coded } from '#errors/coded-error.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import type { Acknowledgement } from './acknowledgement.ts';
import { type AcknowledgementLog, openAcknowledgementLog } from './acknowledgement-log.ts';
import { FEED_NAME } from './feed-format.ts';
import { platformFolder, RECEIVED_FOLDER } from './platform/folder.ts';
import { isWebSocketUpgrade } from './platform/link/websocket.ts';
import { ACTIVATION_PATH, LINK_PATH, Platform, type PlatformControls } from './platform/platform.ts';
import type { PlatformOptions } from './platform/platform-parts.ts';
import { ACKNOWLEDGE_PATH, answerRequest } from './request-handler.ts';
import { type BodyLimits, limitBody } from './request-limits.ts';
import { type RecordedRequest, RequestRecord } from './request-record.ts';
import { METADATA_FOLDER, TARGETS_FOLDER } from './signing/layout.ts';
import { pathOf } from './static-file.ts';
import type { BatchRecord } from './uploads/batches/batch-record.ts';
import type { BundleRecord } from './uploads/bundles/bundle-record.ts';
import { BUNDLES_PATH } from './uploads/bundles/bundles.ts';
import type { BatchRules, UploadLimits } from './uploads/upload-options.ts';
import { BATCHES_PATH, isUploadPath, openReceiver, type UploadReceiver } from './uploads.ts';

export interface OriginOptions {
  /** The folder with feed.json and the packages. */
  readonly dir: string;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, any free port. */
  readonly port?: number;
  readonly clock?: Clock;
  readonly limits?: Partial<OriginLimits>;
  /** Limits and rules for uploads, for tests. */
  readonly uploads?: { readonly limits?: Partial<UploadLimits>; readonly batches?: BatchRules };
  /** Without a signer of licenses, there is no activation. */
  readonly platform?: Pick<PlatformOptions, 'licenseSigner' | 'publicOrigin'>;
  /** Called when a response has ended; for a line per request. */
  readonly onAnswered?: (request: RecordedRequest) => void;
}

/** The limits of one server; times in milliseconds. */
interface OriginLimits extends BodyLimits {
  readonly connections: number;
  /** For the whole head of a request. */
  readonly headMs: number;
  /** How long the body of a refused upload is read, so that its sender gets the refusal. */
  readonly lingerMs: number;
  /** The longest time without a byte in either direction: ends clients that no longer read. */
  readonly silenceMs: number;
}

export interface Origin {
  /** `http://127.0.0.1:8080`, without a trailing slash. */
  readonly url: string;
  readonly feedUrl: string;
  /** Whether the folder has a feed that is read without signatures. */
  readonly hasFeed: boolean;
  /** The signed repository in the folder; null without one. */
  readonly signed: SignedAddresses | null;
  readonly acknowledgeUrl: string;
  /** Where batches of documents are sent. */
  readonly analyticsUrl: string;
  /** Every document that was sent, one per line, as it came. */
  readonly documentsFile: string;
  /** Where bundles of support logs are sent. */
  readonly supportLogsUrl: string;
  /** A folder for each complete bundle, named after its job: the bundle and a JSON record. */
  readonly bundlesDir: string;
  /** Where agents open their link. */
  readonly linkUrl: string;
  /** Where agents are activated; null without a signer of licenses. */
  readonly activationUrl: string | null;
  /** Sends commands to agents, and shows their results. */
  readonly platform: PlatformControls;
  readonly record: {
    /** The newest 1,000, oldest first. */
    readonly requests: readonly RecordedRequest[];
    /** Each key once, in order of arrival; those of earlier runs first. */
    readonly acknowledgements: readonly Acknowledgement[];
    /** The newest 1,000, oldest first; those of earlier runs first. */
    readonly batches: readonly BatchRecord[];
    /** How many documents are stored. */
    readonly documents: number;
    /** The newest 1,000 that are complete, oldest first; those of earlier runs first. */
    readonly bundles: readonly BundleRecord[];
  };
  /**
   * Closes every connection and frees the port; accepted acknowledgements are on disk. Calling it twice is harmless.
   */
  close(): Promise<void>;
}

/** Where agents find a signed repository. */
interface SignedAddresses {
  readonly metadataUrl: string;
  readonly targetsUrl: string;
  /** The newest root, which admins get by another way than this server. */
  readonly rootFile: string;
}

const ACKNOWLEDGEMENTS_FILE = 'acknowledgements.jsonl';

const DEFAULT_LIMITS: OriginLimits = {
  connections: 256,
  headMs: 10_000,
  requestMs: 30_000,
  silenceMs: 120_000,
  progressMs: 120_000,
  progressBytes: 1_024,
  lingerMs: 5_000,
};
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_REQUESTS_PER_CONNECTION = 1_000;
const IDLE_CONNECTION_MS = 5_000;

/**
 * Serves until closed.
 * @throws CodedError SERVE-FAILED when the folder, its record or the address cannot be used
 */
export async function startOrigin(options: OriginOptions): Promise<Origin> {
  const { dir, host = '127.0.0.1', port = 0, clock = systemClock, onAnswered } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const requests = new RequestRecord();
  try {
    await using opened = new AsyncDisposableStack();
    const root = await realpath(dir);
    const log = await openAcknowledgementLog(join(root, ACKNOWLEDGEMENTS_FILE));
    opened.defer(() => log.close());
    const linger = { clock, ms: limits.lingerMs };
    const uploads = await openReceiver({
      files: realFiles,
      dir: join(root, RECEIVED_FOLDER),
      linger,
      ...options.uploads,
    });
    opened.defer(() => uploads.close());
    const platform = await Platform.open({
      files: realFiles,
      dir: platformFolder(root),
      root,
      clock,
      ...options.platform,
    });
    opened.defer(() => platform.close());
    const server = makeServer(limits);
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      const entry = requests.add(request, clock.now());
      response.once('close', () => onAnswered?.(entry));
      const path = pathOf(request.url ?? '');
      limitBody({ request, response }, { isUpload: Array.isArray(path) && isUploadPath(path), limits, clock });
      void answerRequest({ root, log, requests, uploads, platform }, { request, response, entry });
    };
    server.on('request', answer);
    // An upload that is refused by its head needs no body. Other bodies are small.
    server.on('checkContinue', answer);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const entry = requests.add(request, clock.now());
      const path = pathOf(request.url ?? '');
      void platform.upgrade({ request, socket, head }, Array.isArray(path) ? path : []).then((status) => {
        entry.status = status;
        onAnswered?.(entry);
      });
    });
    await listen(server, { host, port });
    const [newestRoot, hasFeed] = [await findRoot(root), existsSync(join(root, FEED_NAME))];
    return describeOrigin(server, {
      host,
      log,
      requests,
      uploads,
      platform,
      newestRoot,
      hasFeed,
      activates: options.platform?.licenseSigner !== undefined,
      parts: opened.move(),
    });
  } catch (error) {
    throw coded('SERVE-FAILED', { dir, host, port, reason: (error as Error).message }, error);
  }
}

async function findRoot(root: string): Promise<string | null> {
  const dir = join(root, METADATA_FOLDER);
  const versions = (await realFiles.list(dir)).flatMap(
    (name) => Number(/^(\d+)\.root\.json$/.exec(name)?.[1] ?? 0) || [],
  );
  return versions.length === 0 ? null : join(dir, `${Math.max(...versions)}.root.json`);
}

function makeServer(limits: OriginLimits): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEAD_BYTES,
    headersTimeout: limits.headMs,
    // `limitBody` has an exception for uploads.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1_000, limits.headMs),
    keepAliveTimeout: IDLE_CONNECTION_MS,
    requireHostHeader: true,
    // Other offers to upgrade, such as h2c of curl, are ignored (RFC 9110, 7.8).
    shouldUpgradeCallback: isWebSocketUpgrade,
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
  readonly uploads: UploadReceiver;
  readonly platform: Platform;
  readonly newestRoot: string | null;
  readonly hasFeed: boolean;
  readonly activates: boolean;
  /** Closes the files when the last request has ended. */
  readonly parts: AsyncDisposableStack;
}

function describeOrigin(server: Server, described: Parts): Origin {
  const { host, log, requests, uploads, platform, newestRoot, hasFeed, activates, parts } = described;
  const { port } = server.address() as AddressInfo;
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  let closing: Promise<void> | null = null;
  const closeAll = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    await platform.end();
    server.closeAllConnections();
    await closed;
    await parts.disposeAsync();
  };
  return {
    url,
    feedUrl: `${url}/${FEED_NAME}`,
    hasFeed,
    signed:
      newestRoot === null
        ? null
        : { metadataUrl: `${url}/${METADATA_FOLDER}`, targetsUrl: `${url}/${TARGETS_FOLDER}`, rootFile: newestRoot },
    acknowledgeUrl: `${url}/${ACKNOWLEDGE_PATH}`,
    analyticsUrl: `${url}/${BATCHES_PATH}`,
    documentsFile: uploads.documentsFile,
    supportLogsUrl: `${url}/${BUNDLES_PATH}`,
    bundlesDir: uploads.bundlesDir,
    activationUrl: activates ? `${url}/${ACTIVATION_PATH}` : null,
    linkUrl: `${url}/${LINK_PATH}`,
    platform,
    record: {
      requests: requests.requests,
      acknowledgements: log.all,
      get batches() {
        return uploads.batches;
      },
      get documents() {
        return uploads.documents;
      },
      get bundles() {
        return uploads.bundles;
      },
    },
    close: () => {
      closing ??= closeAll();
      return closing;
    },
  };
}
