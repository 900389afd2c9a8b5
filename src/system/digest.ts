// Digests of files on disk, read in slices through one buffer so that the event loop keeps turning.

import { createHash, type Hash } from 'node:crypto';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { OpenFile } from './files.ts';

/** 64 KiB stays in the processor's cache while it is hashed; larger reads only cost more. */
const SLICE_BYTES = 65_536;
/** How much is read before the event loop gets its turn: some 3 ms of hashing. */
const TURN_BYTES = 4 * 1_048_576;

/** Hashes the first `length` bytes of an open file (fewer when it ends before). */
export async function hashPrefix(file: OpenFile, length: number, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(SLICE_BYTES);
  let position = 0;
  let sinceTurn = 0;
  while (position < length) {
    signal.throwIfAborted();
    const read = file.read(buffer.subarray(0, Math.min(SLICE_BYTES, length - position)), position);
    if (read === 0) break;
    hash.update(buffer.subarray(0, read));
    position += read;
    sinceTurn += read;
    if (sinceTurn >= TURN_BYTES) {
      sinceTurn = 0;
      await yieldToLoop();
    }
  }
  return hash;
}

/** sha256 of a whole open file, in hex. */
export async function digestFile(file: OpenFile, signal: AbortSignal): Promise<string> {
  return (await hashPrefix(file, file.facts().size, signal)).digest('hex');
}
