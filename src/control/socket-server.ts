// Listens with HTTP/1.1 on a unix socket: for commands, and for documents that programs submit.
//
// Guarantees: a socket of a dead daemon is replaced. A socket that answers, or a file that is not a socket, is left
// unchanged. The number of connections has a limit, in total and for each user. So does the time for a head and for a
// request. A socket has the correct mode from the moment it is created.

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { coded, exhaustion } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import type { Peer } from '#system/network/peer.ts';
import { giveToGroup } from '#system/process/group.ts';
import { shareConnections } from './share.ts';
import { socketPlace } from './socket-place.ts';

/** On each socket, so that callers on one socket cannot block those on another. */
const MAX_CONNECTIONS = 64;
/** Only our own clients connect here, and a request without a body needs no more. */
const HEAD_LIMIT_BYTES = 8_192;
const LOOK_FOR_SILENT_EVERY_MS = 1_000;
/** How long a running daemon may take to answer the probe of its socket. */
const PROBE_MS = 2_000;

/** Permission bits that are cleared: owner only, or owner and group. */
const OWNER_MASK = 0o177;
const GROUP_MASK = 0o117;
const GROUP_MODE = 0o660;

/** A socket that is listening. */
export interface SocketServer {
  readonly path: string;
  close(): Promise<void>;
}

/** Who may open a socket in addition to its owner and root: no one, the group of this process, or another group. */
export type OpenTo = 'owner' | 'group' | { readonly group: number };

export interface ServedSocket {
  readonly files: Files;
  readonly openTo: OpenTo;
  /** Milliseconds for a complete head, and for a complete request; 0 for a request without a limit. */
  readonly limits: { readonly headMs: number; readonly requestMs: number };
  /** Identifies the peer. */
  readonly peerOf: (socket: Socket) => Promise<Peer | null>;
  /** Must not throw. */
  readonly onRequest: (incoming: IncomingMessage, response: ServerResponse) => void;
}

/**
 * Listens.
 * @throws CodedError CONTROL-BUSY when another daemon answers there; FILE-FAILED when the socket cannot be created or
 * given to its group
 */
export async function serveSocket(path: string, served: ServedSocket): Promise<SocketServer> {
  const { files, limits, openTo, onRequest } = served;
  await files.makeDirectory(dirname(path), 0o750);
  await removeStaleSocket(path, files);
  const server = createServer(
    {
      maxHeaderSize: HEAD_LIMIT_BYTES,
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: LOOK_FOR_SILENT_EVERY_MS,
    },
    onRequest,
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = 1;
  shareConnections(server, { self: files.self, peerOf: served.peerOf });
  const place = socketPlace(path);
  try {
    // The other group gets access last, so that the group of this process never has it.
    await listen(server, { path, address: place.address, mask: openTo === 'group' ? GROUP_MASK : OWNER_MASK });
    if (typeof openTo === 'object') await giveToGroup(path, openTo.group, GROUP_MODE);
  } catch (thrown) {
    await closing(server);
    place.release();
    throw thrown;
  }
  return {
    path,
    close: async () => {
      await closing(server);
      // The socket has already been unlinked through this place.
      place.release();
    },
  };
}

function closing(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Removes only a socket on which no process listens: a wrong path must not delete a user's file. */
async function removeStaleSocket(path: string, files: Files): Promise<void> {
  const facts = await files.facts(path);
  if (facts === null) return;
  if (facts.kind !== 'socket') {
    throw coded('FILE-FAILED', { operation: 'listen at', path, reason: `a ${facts.kind} is there, not a socket` });
  }
  if (await answers(path)) throw coded('CONTROL-BUSY', { path });
  await files.remove(path);
}

interface Listening {
  readonly path: string;
  readonly address: string;
  readonly mask: number;
}

function listen(server: Server, { path, address, mask }: Listening): Promise<void> {
  return new Promise((resolve, reject) => {
    // This handler stays. A later error of the listener, such as too many open files, then costs one connection and
    // not the daemon.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        exhaustion(error, `listen at ${path}`) ??
          coded('FILE-FAILED', { operation: 'listen at', path, reason: error.code ?? error.message }, error),
      ),
    );
    // The socket is created during this call, so the umask sets its mode from the first moment.
    const before = process.umask(mask);
    try {
      server.listen(address, () => resolve());
    } finally {
      process.umask(before);
    }
  });
}

/** Whether a process listens there. A listener that is too busy, or that we may not connect to, counts as one. */
async function answers(path: string): Promise<boolean> {
  const place = socketPlace(path);
  try {
    return await answersAt(place.address);
  } finally {
    place.release();
  }
}

function answersAt(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request({ socketPath: address, path: '/v1/status', timeout: PROBE_MS }, (response) => {
      response.destroy();
      resolve(true);
    });
    probe.once('timeout', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(!NOT_LISTENING.has(error.code ?? '')));
    probe.end();
  });
}

const NOT_LISTENING: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT']);
