// Decides what SIGHUP means: a terminal sends it when it is closed, and a service manager sends it to request a reload.

/** Whether SIGHUP would come from a terminal. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY || process.stdout.isTTY;
}
