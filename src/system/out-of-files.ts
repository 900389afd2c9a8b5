// Whether this process can open one more file. For failures of libraries that do not say it (getaddrinfo).

import { closeSync, openSync } from 'node:fs';

/** What opening a file ends in now; null when it works. */
export function outOfFiles(): unknown {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return null;
  } catch (thrown) {
    return thrown;
  }
}
