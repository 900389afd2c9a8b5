// What every command that changes the configuration has in common: read it, change it, say what became of it, and whether
// a running daemon took it. The edits run here, with the rights of whoever calls; the daemon only reads the file.

import { makeChange } from '#changes/make.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { changeByService, usesService } from './by-service.ts';
import { printChange } from './change-text.ts';
import { printProblems } from './config.ts';
import { reportRefused, tryFirst } from './confirm.ts';
import type { Desk } from './desk-parts.ts';
import type { DescribedChange } from './told-change.ts';

/** Runs a command on the settings, or tells every mistake of the file. */
export async function withSettings(desk: Desk, use: (loaded: LoadedSettings) => Promise<number>): Promise<number> {
  const loaded = await desk.load();
  return loaded.ok ? await use(loaded) : printProblems(desk.terminal, loaded);
}

/** For whoever chooses a proxy while none is used. */
export function switchedOff({ proxy_enabled: enabled }: LoadedSettings['settings']): string[] {
  return enabled ? [] : ['proxy_enabled is false: no proxy is used. To change that: sallyport proxy enable.'];
}

/** Makes the change and tells it. Exit status: 0 when it is written, 78 when it is refused or held, here or by the daemon. */
export async function changeCommand(desk: Desk, loaded: LoadedSettings, change: DescribedChange): Promise<number> {
  const { terminal } = desk;
  const { confirm = {}, json } = change;
  if (await usesService(desk, loaded)) return await changeByService(desk, loaded, change);
  const tried = await tryFirst(desk, loaded, { change, confirm, json });
  if (tried.status !== null) {
    if (json) printJson(terminal, { ...change.facts, file: loaded.file, changed: false, confirmation: tried.verdict });
    return tried.status;
  }
  const made = await makeChange(desk, loaded, change);
  if (made.state === 'refused') return reportRefused(terminal, made.refused);
  return printChange(terminal, made, { ...change, file: loaded.file, verdict: tried.verdict });
}
