// How a unix socket of any path is reached. The kernel takes at most 107 bytes (unix(7)); a longer path is reached by way
// of its open folder, `/proc/self/fd/N/NAME`, so that no other place for the socket is needed. Linux only.

import { basename, dirname } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { type OpenFolder, openFolder } from '#system/open-folder.ts';

/** 108 bytes on Linux, 104 elsewhere, with a reserve. */
const MAX_ADDRESS_BYTES = 100;

/** What to connect to or listen at, until it is released. */
export interface SocketPlace {
  readonly address: string;
  release(): void;
}

/** @throws CodedError FILE-FAILED where a path this long cannot be reached */
export function socketPlace(path: string): SocketPlace {
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) return { address: path, release: () => undefined };
  const name = basename(path);
  const folder: OpenFolder = openFolder(dirname(path));
  const address = `${folder.path}/${name}`;
  if (Buffer.byteLength(address) <= MAX_ADDRESS_BYTES) return { address, release: () => folder.close() };
  folder.close();
  throw coded('FILE-FAILED', { operation: 'reach', path, reason: 'the name of the socket is too long' });
}
