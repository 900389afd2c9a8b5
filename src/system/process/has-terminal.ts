// Decides what a SIGHUP means. A terminal sends it when it is closed; a service manager sends it to request a reload.

/** Whether SIGHUP would come from a terminal. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY || process.stdout.isTTY;
}
