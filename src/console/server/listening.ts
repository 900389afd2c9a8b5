// Where the console listens: a port of 127.0.0.1, or a socket that only its user can open.
//
// Guarantees: no other address is used. The socket has mode 0600 from the moment it is created, in a new folder with mode
// 0700. An orderly end removes both. A crash leaves them in a folder that the system empties.

import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { isAbsolute, join } from 'node:path';
import { type CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { checkFolder, requireOwnFolder } from '#system/own-folder.ts';

const LOOPBACK = '127.0.0.1';
const FOLDER_MODE = 0o700;
/** Clears everything but read and write of the owner. */
const SOCKET_MASK = 0o177;

/** The person's choice; port 0 is any free port. */
export type ListenChoice = { readonly kind: 'socket' } | { readonly kind: 'port'; readonly port: number };

/** Where it listens. */
export type ConsoleAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'port'; readonly port: number };

export interface ConsoleListening {
  readonly address: ConsoleAddress;
  close(): Promise<void>;
}

export interface ListenFolders {
  readonly files: Files;
  /** `XDG_RUNTIME_DIR`, if it is set. */
  readonly runtimeDir: string | undefined;
  /** For a user without one. */
  readonly temporaryDir: string;
}

/** Listens. @throws CodedError CONSOLE-LISTEN, FOLDER-UNSAFE, FILE-* */
export async function listenForPages(
  server: Server,
  choice: ListenChoice,
  folders: ListenFolders,
): Promise<ConsoleListening> {
  if (choice.kind === 'port') {
    await listening(server, `${LOOPBACK}:${choice.port}`, () => server.listen(choice.port, LOOPBACK));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : choice.port;
    return { address: { kind: 'port', port }, close: () => closing(server) };
  }
  const { files } = folders;
  const folder = join(await parentOf(folders), `sallyport-console-${randomBytes(6).toString('hex')}`);
  const path = join(folder, 'console.sock');
  await files.makeDirectory(folder, FOLDER_MODE);
  try {
    await requireOwnFolder(files, folder, { what: 'folder of the console', isPrivate: true });
    await listening(server, path, () => {
      // The socket is created during this call, so the umask sets its mode from the first moment.
      const before = process.umask(SOCKET_MASK);
      try {
        server.listen(path);
      } finally {
        process.umask(before);
      }
    });
  } catch (thrown) {
    await files.removeFolder(folder).catch(() => undefined);
    throw thrown;
  }
  return {
    address: { kind: 'socket', path },
    close: async () => {
      await closing(server);
      await files.removeFolder(folder).catch(() => undefined);
    },
  };
}

/** The runtime folder of this user, if it belongs to this user and to no one else. */
async function parentOf({ files, runtimeDir, temporaryDir }: ListenFolders): Promise<string> {
  if (runtimeDir === undefined || !isAbsolute(runtimeDir)) return temporaryDir;
  const facts = await files.facts(runtimeDir).catch(() => null);
  const what = { what: 'XDG_RUNTIME_DIR', isPrivate: true, self: files.self };
  const isOurs = facts?.kind === 'directory' && checkFolder(runtimeDir, facts, what) === null;
  return isOurs ? runtimeDir : temporaryDir;
}

function listening(server: Server, address: string, begin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // This handler stays: a later error of the listener, such as too many open files, costs one connection.
    server.on('error', (error: NodeJS.ErrnoException) => reject(listenFailure(address, error)));
    server.once('listening', resolve);
    begin();
  });
}

function listenFailure(address: string, error: NodeJS.ErrnoException): CodedError {
  return (
    exhaustion(error, `listen at ${address}`) ??
    coded('CONSOLE-LISTEN', { address, reason: error.code ?? error.message }, error)
  );
}

function closing(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
