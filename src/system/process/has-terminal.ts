// Whose SIGHUP it is: a terminal sends it when it goes away, a service manager to have the configuration read again.

/** Whether SIGHUP would come from a terminal. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY || process.stdout.isTTY;
}
