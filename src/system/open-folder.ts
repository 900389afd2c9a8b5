// A folder that is held open only to be named by its descriptor, whatever its path. Needs Linux with /proc.

import { closeSync, constants, openSync } from 'node:fs';
import { coded, exhaustion } from '#errors/coded-error.ts';

/** open(2): names a place and reads nothing, so that the right to pass through is enough. Node has no name for it. */
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

export interface OpenFolder {
  /** Short, and valid in this process until it is closed. */
  readonly path: string;
  close(): void;
}

/** @throws CodedError FILE-FAILED */
export function openFolder(path: string): OpenFolder {
  try {
    const fd = openSync(path, constants.O_DIRECTORY | O_PATH | O_CLOEXEC);
    let isOpen = true;
    const close = () => {
      // A second time the number may be that of another file.
      if (isOpen) closeSync(fd);
      isOpen = false;
    };
    return { path: `/proc/self/fd/${fd}`, close };
  } catch (thrown) {
    const { code: errno = 'unknown' } = thrown as NodeJS.ErrnoException;
    throw (
      exhaustion(thrown, `open ${path}`) ??
      coded('FILE-FAILED', { operation: 'open', path, reason: errno, errno }, thrown)
    );
  }
}
