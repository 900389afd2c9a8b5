// Reads a file that the user names, from its start to its end: a regular file, or a pipe such as /dev/stdin.
//
// Unlike `Files`, it follows links and opens pipes, because the caller chose the file and it is read with the caller's
// rights.

import { type FileHandle, open } from 'node:fs/promises';
import { coded, exhaustion } from '#errors/coded-error.ts';

const CHUNK_BYTES = 262_144;

/** An open file of the caller. */
export interface InputFile {
  /** Null for a pipe. */
  readonly size: number | null;
  /** Its bytes, once. A chunk may be overwritten after the next one was requested. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
  close(): Promise<void>;
}

/** @throws CodedError FILE-FAILED */
export async function openInput(path: string): Promise<InputFile> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, 'r');
    const stats = await handle.stat();
    if (stats.isDirectory()) throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' });
    const opened = handle;
    return {
      size: stats.isFile() ? stats.size : null,
      chunks: () => readChunks(opened, path),
      close: async () => await opened.close(),
    };
  } catch (thrown) {
    await handle?.close();
    throw failure(path, thrown);
  }
}

async function* readChunks(handle: FileHandle, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, null).catch((thrown: unknown) => {
      throw failure(path, thrown);
    });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function failure(path: string, thrown: unknown): unknown {
  const { code: errno = 'unknown' } = thrown as NodeJS.ErrnoException;
  return (
    exhaustion(thrown, `read ${path}`) ??
    coded('FILE-FAILED', { operation: 'read', path, reason: errno, errno }, thrown)
  );
}
