// Checks whether this process can open one more file, for failures of libraries that do not report it (getaddrinfo).

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
