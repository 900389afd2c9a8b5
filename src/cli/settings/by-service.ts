// A change by a member of sallyport-admin, who cannot write the configuration: the change service tests it and writes it.

import { askService, needsService } from '#changes/client.ts';
import { tellJson } from '#cli/terminal/json.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { tellChange } from './change-text.ts';
import { reportRefused, tellConfirmed, tellDropped, tellEvent } from './confirm.ts';
import type { Desk } from './desk-parts.ts';
import type { ToldChange } from './told-change.ts';

/** Whether the change service has to write this file for us. */
export async function usesService({ changeSocket, files }: Desk, { file }: LoadedSettings): Promise<boolean> {
  return changeSocket !== null && (await needsService({ socket: changeSocket, files }, file));
}

/** Has the service make the change, and prints the result like that of a change that is made here. */
export async function changeByService(desk: Desk, loaded: LoadedSettings, change: ToldChange): Promise<number> {
  const { terminal, files, clock, signal, changeSocket } = desk;
  const { confirm = {}, json } = change;
  const { confirmWithin: windowMs } = confirm;
  const waits = windowMs !== undefined && confirm.saveAnyway !== true;
  const onEvent = tellEvent(desk, { windowMs, waits });
  const asked = { verb: 'apply', change, windowMs, waits, onEvent, signal } as const;
  const outcome = await askService({ socket: changeSocket ?? '', files, clock }, loaded, asked);
  if (outcome.state === 'refused') return reportRefused(terminal, outcome.refused);
  if (outcome.state === 'tried') return tellNotMade(desk, { change, verdict: outcome.verdict, file: loaded.file });
  if (!json) tellConfirmed(terminal, outcome.verdict);
  await change.after?.();
  return tellChange(terminal, outcome, { ...change, file: loaded.file, verdict: outcome.verdict });
}

function tellNotMade(
  { terminal }: Desk,
  { change, verdict, file }: { change: ToldChange; verdict: ChangeVerdict; file: string },
): number {
  const status = tellDropped(terminal, verdict);
  if (change.confirm?.saveAnyway === true) {
    terminal.err('Only root can save settings that failed: run the same command with sudo.');
  }
  if (change.json) tellJson(terminal, { ...change.facts, file, changed: false, confirmation: verdict });
  return status;
}
