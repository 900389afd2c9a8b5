// `sallyport updates`: lists and verifies the published packages, forgets the serial of a feed, runs the hook.

import type { Control } from '#control/control.ts';
import { timeText } from '#control/text/status-rows.ts';
import { formatTable } from '#control/text/table.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign, showSize } from '#errors/template.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { exitStatusOf } from './terminal/failure.ts';
import { printJson } from './terminal/json.ts';
import { type Terminal, widthOf } from './terminal/terminal.ts';

/** Lists every published package. */
export async function listUpdatesCommand(
  control: Control,
  terminal: Terminal,
  options: { json: boolean },
): Promise<number> {
  const rows = await control.listUpdates();
  if (options.json) {
    printJson(terminal, rows);
    return EXIT_OK;
  }
  if (rows.length === 0) {
    terminal.out('No update has been published yet.');
    return EXIT_OK;
  }
  const table = formatTable(
    ['ID', 'PACKAGE', 'SEQUENCE', 'KIND', 'SIZE', 'TRUST', 'PUBLISHED', 'NOTES'],
    rows.map((row) => [
      row.id,
      row.package,
      row.sequence,
      row.kind,
      showSize(row.length),
      row.trust,
      timeText(row.published_at),
      row.notes === null ? '' : showForeign(row.notes),
    ]),
    widthOf(terminal.screen),
  );
  for (const line of table) terminal.out(line);
  return EXIT_OK;
}

/** Hashes every published package. The exit status is 17 if one is damaged or missing. */
export async function verifyUpdatesCommand(
  control: Control,
  terminal: Terminal,
  options: { json: boolean; signal: AbortSignal },
): Promise<number> {
  const rows = await control.verifyUpdates(() => undefined, options.signal);
  if (options.json) printJson(terminal, rows);
  else
    for (const { id, failure } of rows)
      terminal.out(failure === null ? `${id}: intact` : `${id}: [${failure.code}] ${failure.message}`);
  if (!options.json && rows.length === 0) terminal.out('No update has been published yet.');
  const bad = rows.find(({ failure }) => failure !== null)?.failure ?? null;
  return bad === null ? EXIT_OK : exitStatusOf(bad);
}

/** Forgets the serial of the feed, for a vendor that starts over. */
export async function forgetSerialCommand(
  control: Control,
  terminal: Terminal,
  options: { json: boolean },
): Promise<number> {
  const { feed, serial } = await control.forgetSerial();
  if (options.json) printJson(terminal, { feed, serial });
  else if (serial === null) terminal.out(`No serial of ${showForeign(feed)} is stored.`);
  else terminal.out(`Forgot serial ${serial} of ${showForeign(feed)}. The next check accepts any serial up to 2^52.`);
  return EXIT_OK;
}

/** Runs the hook for one published package. @throws CodedError the failure of the run */
export async function runHookCommand(
  control: Control,
  terminal: Terminal,
  options: { id: string; json: boolean; signal: AbortSignal; show(event: SallyportEvent): void },
): Promise<number> {
  const run = await control.runHook(options.id, options.json ? () => undefined : options.show, options.signal);
  if (options.json) printJson(terminal, run);
  else terminal.out(`The hook for update ID ${showForeign(run.id)} succeeded.`);
  return EXIT_OK;
}
