// Changes the configuration for a member of sallyport-admin who cannot write the file. The change service tests the
// change and writes it.

import { askService, needsService } from '#changes/client.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { printChange } from './change-text.ts';
import type { CommandContext } from './command-context.ts';
import { printConfirmed, printDropped, printRefused, printSavedAnyway, trialPrinter } from './confirm.ts';
import type { DescribedChange } from './described-change.ts';

/** Whether only the change service can write this file for the current user. */
export async function usesService({ changeSocket, files }: CommandContext, { file }: LoadedSettings): Promise<boolean> {
  return changeSocket !== null && (await needsService({ socket: changeSocket, files }, file));
}

/** Has the service make the change, and prints the result as for a change that this process makes. */
export async function changeByService(
  context: CommandContext,
  loaded: LoadedSettings,
  change: DescribedChange,
): Promise<number> {
  const { terminal, files, clock, signal, changeSocket } = context;
  const { confirm = {}, json } = change;
  const { confirmWithin: windowMs } = confirm;
  const waits = windowMs !== undefined && confirm.saveAnyway !== true;
  const onEvent = trialPrinter(context, { windowMs, waits });
  const savesAnyway = confirm.saveAnyway;
  const request = { verb: 'apply', change, windowMs, waits, savesAnyway, onEvent, signal } as const;
  const { file, digest, settings } = loaded;
  const content = { file, digest, stateDir: settings.daemon.state_dir };
  const outcome = await askService({ socket: changeSocket ?? '', files, clock }, content, request);
  if (outcome.state === 'refused') return printRefused(terminal, outcome.refused);
  if (outcome.state === 'tried') return printNotMade(context, { change, verdict: outcome.verdict, file: loaded.file });
  if (!json && outcome.verdict.confirmed) printConfirmed(terminal, outcome.verdict);
  if (!outcome.verdict.confirmed) printSavedAnyway(terminal, outcome.verdict);
  await change.after?.();
  return printChange(terminal, outcome, { ...change, file: loaded.file, verdict: outcome.verdict });
}

function printNotMade(
  { terminal }: CommandContext,
  { change, verdict, file }: { change: DescribedChange; verdict: ChangeVerdict; file: string },
): number {
  const status = printDropped(terminal, verdict);
  if (change.json) printJson(terminal, { ...change.facts, file, changed: false, confirmation: verdict });
  return status;
}
