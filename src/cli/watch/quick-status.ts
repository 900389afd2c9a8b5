// `sallyport status` of a running daemon, without the parser of all commands and without the schema of the configuration.
// People call it often, and monitoring calls `status --check` every minute.
//
// Guarantees: the output is the same as that of the complete command. If no daemon with this configuration file
// answers, nothing is printed here, and the complete command finds out why.

import { resolve } from 'node:path';
import { findDaemonAt } from '#cli/find-daemon.ts';
import { healthCommand } from '#cli/health.ts';
import type { StatusCall } from '#cli/program/quick-arguments.ts';
import { statusCommand } from '#cli/status.ts';
import { printAnsweringDaemon } from '#cli/terminal/answering-daemon.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Places } from '#config/places.ts';
import { readDaemonPlaces } from '#config/reading/daemon-places.ts';
import { STATUS_VERBS } from '#control/status.ts';
import type { Redactor } from '#redaction/redact.ts';

export interface QuickStatusParts {
  readonly terminal: Terminal;
  readonly places: Places;
  readonly known: Redactor;
}

/** Prints the status and returns the exit status; null if no daemon of this file runs, or if its file must be read completely. */
export async function quickStatus(
  { terminal, places, known }: QuickStatusParts,
  { globals, options }: StatusCall,
): Promise<number | null> {
  const file = resolve(globals.config ?? places.config);
  const daemon = await readDaemonPlaces(file, places);
  if (daemon === null) return null;
  const finding = findDaemonAt(file, daemon, STATUS_VERBS);
  if (options.check) {
    // Its output also says that the daemon cannot be asked.
    const found = await finding.catch(() => null);
    if (found !== null && found.running === null) return null;
    return await healthCommand(terminal, { find: async () => answered(await finding), known });
  }
  const found = await finding;
  const answer = answered(found);
  if (answer === null) return null;
  printAnsweringDaemon(terminal, found.socket);
  return await statusCommand(answer, terminal, options);
}

/** The status with which the daemon was found, as the commands request it. */
function answered({ running }: Awaited<ReturnType<typeof findDaemonAt<typeof STATUS_VERBS>>>) {
  if (running === null) return null;
  const { control, status } = running;
  return { status: () => Promise.resolve(status), close: () => control.close() };
}
