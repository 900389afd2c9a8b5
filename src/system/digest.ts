// Computes digests of files on disk. Files are read in parts through one buffer, so that the event loop is not blocked.

import { createHash, type Hash } from 'node:crypto';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { OpenFile } from './files.ts';

/** 64 KiB fit into the processor's cache while they are hashed; larger reads only cost more. */
const SLICE_BYTES = 65_536;
/** Bytes that are hashed before the event loop runs again: about 3 ms. */
const TURN_BYTES = 4 * 1_048_576;

/** Hashes the first `length` bytes of an open file, or all of a shorter one. */
export function hashPrefix(file: OpenFile, length: number, signal: AbortSignal): Promise<Hash> {
  return hashRange(file, { from: 0, to: length }, signal);
}

/** Hashes the bytes from one offset to another, or to the end of a shorter file. */
export async function hashRange(
  file: OpenFile,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
  algorithm = 'sha256',
): Promise<Hash> {
  const hash = createHash(algorithm);
  const buffer = new Uint8Array(SLICE_BYTES);
  let position = from;
  let sinceTurn = 0;
  while (position < to) {
    signal.throwIfAborted();
    const read = file.read(buffer.subarray(0, Math.min(SLICE_BYTES, to - position)), position);
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

/** The digest of a whole open file, in hex. */
export async function digestFile(file: OpenFile, signal: AbortSignal, algorithm = 'sha256'): Promise<string> {
  return (await hashRange(file, { from: 0, to: file.facts().size }, signal, algorithm)).digest('hex');
}
