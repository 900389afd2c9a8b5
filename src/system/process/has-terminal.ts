// Decides what SIGHUP means: a terminal sends it when it closes, a service manager to have the configuration read
// again.

/** Whether SIGHUP would come from a terminal. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY || process.stdout.isTTY;
}
