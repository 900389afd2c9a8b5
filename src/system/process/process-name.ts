// The name of this process in `ps`, `top`, `pgrep` and `systemctl status`, which without this is that of Node's thread.
//
// Written to /proc instead of `process.title`: that would also replace the command line, which says what was run and how.

import { writeFileSync } from 'node:fs';

/** Names the process; where there is no /proc it keeps the name that it has. The kernel keeps 15 bytes. */
export function nameProcess(name: string, file = '/proc/self/comm'): void {
  try {
    writeFileSync(file, name);
  } catch {
    // A name is a convenience; another system, or a /proc that cannot be written.
  }
}
