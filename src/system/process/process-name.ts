// Sets the name of this process in `ps`, `top`, `pgrep` and `systemctl status`, which otherwise show the name of Node's
// thread.
//
// The name is written to /proc. `process.title` would also replace the command line, in which the arguments are shown.

import { writeFileSync } from 'node:fs';

/** Names the process. Without /proc the process keeps its name. The kernel keeps 15 bytes. */
export function nameProcess(name: string, file = '/proc/self/comm'): void {
  try {
    writeFileSync(file, name);
  } catch {
    // Another system, or a /proc that cannot be written. The name is only a convenience.
  }
}
