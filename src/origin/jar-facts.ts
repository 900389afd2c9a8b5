// The facts about a .JAR for the feed: its length and digest. It first checks that the file is a JAR.
//
// Guarantees: the hashed bytes are those of a regular file that did not change while it was read. The file starts like
// a ZIP archive with entries and ends with an end-of-central-directory record. Nothing is decompressed or written.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { MIN_JAR_BYTES } from './feed-format.ts';

export interface JarFacts {
  readonly length: number;
  readonly sha256: string;
  readonly modifiedMs: number;
}

/** Local file header and end of central directory (APPNOTE.TXT 4.3.7, 4.3.16). */
const FIRST_BYTES = Buffer.from('PK\x03\x04', 'latin1');
const END_BYTES = Buffer.from('PK\x05\x06', 'latin1');
/** The end of central directory with the longest comment that its 16-bit length allows. */
const MAX_END_BYTES = MIN_JAR_BYTES + 65_535;
const CHUNK_BYTES = 1024 * 1024;

/** Checks and hashes the file, or returns why it is not a package. Throws file system errors. */
export async function readJar(path: string): Promise<JarFacts | { readonly problem: string }> {
  // O_NONBLOCK: opening a FIFO must not hang. O_NOFOLLOW: only files of this folder are served.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const before = await file.stat();
    if (!before.isFile()) return { problem: 'is not a regular file' };
    const problem = await archiveProblem(file, before.size);
    if (problem !== null) return { problem };
    const sha256 = await digest(file);
    const after = await file.stat();
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) return { problem: 'changed while it was read' };
    return { length: before.size, sha256, modifiedMs: before.mtimeMs };
  } finally {
    await file.close();
  }
}

async function archiveProblem(file: FileHandle, length: number): Promise<string | null> {
  if (length < MIN_JAR_BYTES) return `has ${length} bytes; the shortest archive has ${MIN_JAR_BYTES}`;
  const first = await readAt(file, 0, FIRST_BYTES.length);
  if (!first.equals(FIRST_BYTES)) return 'does not begin as a .JAR with entries does (PK 3 4)';
  const tail = await readAt(file, Math.max(0, length - MAX_END_BYTES), Math.min(length, MAX_END_BYTES));
  return endsAsArchive(tail) ? null : 'has no end of central directory: it is cut off, or something follows it';
}

/**
 * true when the comment of an end record reaches exactly to the last byte. A comment may also contain the signature.
 */
export function endsAsArchive(tail: Buffer): boolean {
  let at = tail.lastIndexOf(END_BYTES, tail.length - MIN_JAR_BYTES);
  while (at >= 0) {
    const commentLength = tail.readUInt16LE(at + MIN_JAR_BYTES - 2);
    if (at + MIN_JAR_BYTES + commentLength === tail.length) return true;
    at = at === 0 ? -1 : tail.lastIndexOf(END_BYTES, at - 1);
  }
  return false;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

async function digest(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let position = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
