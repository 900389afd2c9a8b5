// Reads one small file completely, or returns the reason in words.
//
// Guarantees: opening a FIFO does not hang. Only regular files are read, and at most one byte more than the limit.
// Symbolic links are followed, because many platforms provide secrets as links.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

import { type CodedError, exhaustion } from '#errors/coded-error.ts';

/** Limit for a configuration file: 1 MiB, which is larger than any. */
export const MAX_FILE_BYTES = 1_048_576;

/** How much the buffer grows, at least, if a file is larger than its reported size. */
const SMALLEST_STEP_BYTES = 4_096;

/** The content of the file, or why there is none. */
export type ReadResult =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly mode: number; readonly modifiedMs: number }
  /** `bytes` are the first bytes, up to the limit. */
  | { readonly ok: false; readonly kind: 'too large'; readonly bytes: Uint8Array; readonly reason: string }
  /** `exhausted` is set if the cause is not the file but a shortage on this host, such as of memory. */
  | { readonly ok: false; readonly kind: 'unreadable'; readonly reason: string; readonly exhausted?: CodedError };

/** Reads a file of at most `limit` bytes. Never throws. */
export async function readBounded(path: string, limit: number): Promise<ReadResult> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await handle.stat();
    if (!facts.isFile()) {
      const reason = facts.isDirectory() ? 'it is a directory' : 'it is not a regular file';
      return { ok: false, kind: 'unreadable', reason };
    }
    const bytes = await readUpTo(handle, limit + 1, facts.size);
    if (bytes.length > limit) {
      return {
        ok: false,
        kind: 'too large',
        bytes: bytes.subarray(0, limit),
        reason: `it is larger than ${limit} bytes`,
      };
    }
    return { ok: true, bytes, mode: facts.mode & 0o777, modifiedMs: facts.mtimeMs };
  } catch (error) {
    const exhausted = exhaustion(error, `read ${path}`);
    return { ok: false, kind: 'unreadable', reason: inWords(error), ...(exhausted === null ? {} : { exhausted }) };
  } finally {
    await handle?.close().catch(() => undefined);
  }
}

/** Allocates memory for the reported size. A file that reports size 0, such as those in /proc, is read completely. */
async function readUpTo(handle: FileHandle, maxBytes: number, expected: number): Promise<Uint8Array> {
  let buffer = Buffer.alloc(Math.min(maxBytes, expected + 1));
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (bytesRead === 0 || length === maxBytes) return buffer.subarray(0, length);
    if (length === buffer.length)
      buffer = Buffer.concat([buffer], Math.min(maxBytes, length * 2 + SMALLEST_STEP_BYTES));
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'this user is not allowed to read it',
  EPERM: 'this user is not allowed to read it',
  ELOOP: 'its symbolic links form a loop',
  ENAMETOOLONG: 'its path is too long',
  ENXIO: 'it is not a regular file',
  EISDIR: 'it is a directory',
  EMFILE: 'too many files are open: raise LimitNOFILE= of the service, or ulimit -n',
  ENFILE: 'too many files are open on this host: raise fs.file-max',
  ENOMEM: 'the kernel has no memory left',
};

function inWords(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return REASONS[code] ?? (code === '' ? String(error) : code);
}
