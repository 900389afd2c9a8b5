// A folder that is held open so that it can be addressed by its descriptor instead of its path. Needs Linux with /proc.

import { closeSync, constants, openSync } from 'node:fs';
import { coded, exhaustion } from '#errors/coded-error.ts';

/**
 * open(2): refers to a folder without reading it, so search permission is enough. Node does not define this constant.
 */
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

export interface OpenFolder {
  /** Short, and valid in this process until it is closed. */
  readonly path: string;
  readonly descriptor: number;
  close(): void;
}

/** With `follow: false` a link is refused (ENOTDIR). @throws CodedError FILE-FAILED */
export function openFolder(path: string, { follow = true }: { readonly follow?: boolean } = {}): OpenFolder {
  try {
    const fd = openSync(path, constants.O_DIRECTORY | O_PATH | O_CLOEXEC | (follow ? 0 : constants.O_NOFOLLOW));
    let isOpen = true;
    const close = () => {
      // On a second call the descriptor may belong to another file.
      if (isOpen) closeSync(fd);
      isOpen = false;
    };
    return { path: `/proc/self/fd/${fd}`, descriptor: fd, close };
  } catch (thrown) {
    const { code: errno = 'unknown' } = thrown as NodeJS.ErrnoException;
    throw (
      exhaustion(thrown, `open ${path}`) ??
      coded('FILE-FAILED', { operation: 'open', path, reason: errno, errno }, thrown)
    );
  }
}
