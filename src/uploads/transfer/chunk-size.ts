// Decides the size of the next chunk of an upload from the sizes that worked and failed on this path. Pure.
//
// Guarantees: a size is MAX_CHUNK_BYTES divided by a power of two, and at least MIN_CHUNK_BYTES. It grows only after
// PASSES_TO_GROW chunks of the present size were accepted. After each failure of a size, more chunks must be accepted
// before it is tried again, so that a fixed limit on the path wastes few chunks.

/** A scanning proxy buffers a whole request, and many have limits of about this size. */
export const MAX_CHUNK_BYTES = 8_388_608;
/** Smaller requests would mostly be headers and round trips. */
export const MIN_CHUNK_BYTES = 65_536;
/** Chunks that pass before the size doubles. */
export const PASSES_TO_GROW = 8;
/** Maximum number of times that the passes needed for a size that failed before double. */
const MAX_DOUBLINGS = 4;

/** The chunk size of one path, and what it rests on. */
export interface ChunkSize {
  readonly bytes: number;
  /** Chunks of this size that passed since it was chosen. */
  readonly passed: number;
  /** The smallest size that failed recently; null if none did. */
  readonly failedAt: number | null;
  /** How often that size failed. */
  readonly failures: number;
}

/** What a failure says about the size: a limit that a server or proxy stated, or a connection that did not last. */
export type ChunkFailure = 'too-large' | 'broken';

export const FIRST_CHUNK_SIZE: ChunkSize = { bytes: MAX_CHUNK_BYTES, passed: 0, failedAt: null, failures: 0 };

/** The size after a chunk of `sent` bytes was confirmed. The last chunk of a file may be smaller, and proves nothing. */
export function afterPassed(size: ChunkSize, sent: number): ChunkSize {
  if (sent < size.bytes) return size;
  const passed = size.passed + 1;
  const isProven = size.failedAt !== null && size.bytes >= size.failedAt && passed >= PASSES_TO_GROW;
  const known: ChunkSize = isProven ? { ...size, passed, failedAt: null, failures: 0 } : { ...size, passed };
  if (size.bytes >= MAX_CHUNK_BYTES) return { ...known, passed: Math.min(passed, PASSES_TO_GROW) };
  return passed < passesNeeded(known) ? known : { ...known, bytes: size.bytes * 2, passed: 0 };
}

/** The size after a chunk of `sent` bytes failed. */
export function afterFailed(size: ChunkSize, sent: number, failure: ChunkFailure): ChunkSize {
  const failedAt = sizeAtLeast(Math.min(sent, size.bytes));
  const failures = failedAt === size.failedAt ? size.failures + 1 : 1;
  // The last chunk of a file is small by itself: one connection that broke during it says nothing about the size.
  if (failure === 'broken' && failedAt < size.bytes && failures < 2) return { ...size, passed: 0, failedAt, failures };
  return { bytes: Math.max(MIN_CHUNK_BYTES, failedAt / 2), passed: 0, failedAt, failures };
}

/** Passes needed before the next larger size is tried. */
function passesNeeded({ bytes, failedAt, failures }: ChunkSize): number {
  if (failedAt === null || bytes * 2 < failedAt) return PASSES_TO_GROW;
  return PASSES_TO_GROW * 2 ** Math.min(MAX_DOUBLINGS, Math.max(0, failures - 1));
}

/** The smallest size of the scale that is at least this large. */
function sizeAtLeast(bytes: number): number {
  let size = MAX_CHUNK_BYTES;
  while (size / 2 >= bytes && size > MIN_CHUNK_BYTES) size /= 2;
  return size;
}
