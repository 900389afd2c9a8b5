// The name of this process in `ps`, `top`, `pgrep` and `systemctl status`. Without it they show the name of Node's
// thread.
//
// It is written to /proc, because `process.title` would also replace the command line, which shows the arguments.

import { writeFileSync } from 'node:fs';

/** Names the process. Without /proc the process keeps its name. The kernel keeps 15 bytes. */
export function nameProcess(name: string, file = '/proc/self/comm'): void {
  try {
    writeFileSync(file, name);
  } catch {
    // Another system, or a /proc that cannot be written. The name is only a convenience.
  }
}
