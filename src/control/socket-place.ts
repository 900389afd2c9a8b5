// Makes a unix socket reachable at a path of any length. The kernel accepts at most 107 bytes (unix(7)). For a longer
// path, the folder is opened and the socket is reached as `/proc/self/fd/N/NAME`. Linux only.

import { basename, dirname } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { type OpenFolder, openFolder } from '#system/folders/open-folder.ts';

/** The limit is 108 bytes on Linux and 104 elsewhere; this leaves a reserve. */
const MAX_ADDRESS_BYTES = 100;

/** The address to connect to or listen on, until it is released. */
export interface SocketPlace {
  readonly address: string;
  release(): void;
}

/** @throws CodedError FILE-FAILED when a path of this length cannot be reached */
export function socketPlace(path: string): SocketPlace {
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) return { address: path, release: () => undefined };
  const name = basename(path);
  const folder: OpenFolder = openFolder(dirname(path));
  const address = `${folder.path}/${name}`;
  if (Buffer.byteLength(address) <= MAX_ADDRESS_BYTES) return { address, release: () => folder.close() };
  folder.close();
  throw coded('FILE-FAILED', { operation: 'reach', path, reason: 'the name of the socket is too long' });
}
