// Checks whether this process can open one more file. Some library functions (getaddrinfo) fail without saying that
// this was the cause.

import { closeSync, openSync } from 'node:fs';

/** The error of opening a file now; null if it works. */
export function outOfFiles(): unknown {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return null;
  } catch (thrown) {
    return thrown;
  }
}
