// A thread that hashes a file that is still growing. The main thread repeatedly sends it the position up to which it
// may read. The main thread owns the descriptor, and closes it only after this thread has ended.

import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { HashAnswer, HashOrder, HashTask } from './running-digest.ts';

/** 64 KiB fit into the processor's cache while they are hashed. */
const SLICE_BYTES = 65_536;

const { descriptor, prefix } = workerData as HashTask;
const hash = createHash('sha256');
const buffer = new Uint8Array(SLICE_BYTES);
let position = 0;

/** Hashes to this position. A shorter file gives a digest that does not match, as it must. */
function hashTo(to: number): void {
  while (position < to) {
    const read = readSync(descriptor, buffer, 0, Math.min(SLICE_BYTES, to - position), position);
    if (read === 0) break;
    hash.update(buffer.subarray(0, read));
    position += read;
  }
}

hashTo(prefix);
const prefixDigest = hash.copy().digest('hex');
parentPort?.on('message', ({ to, isLast }: HashOrder) => {
  hashTo(to);
  if (!isLast) return;
  parentPort?.postMessage({ prefix: prefixDigest, sha256: hash.digest('hex') } satisfies HashAnswer);
});
