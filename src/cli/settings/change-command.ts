// The steps that all commands for changing the configuration share. They read the file, change it, print the result,
// and print whether a running daemon applied it.
//
// This process edits the file with the rights of its user. The daemon only reads it.

import { makeChange } from '#changes/make.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { changeByService, usesService } from './by-service.ts';
import { printChange } from './change-text.ts';
import type { CommandContext } from './command-context.ts';
import { printProblems } from './config.ts';
import { printRefused, testBeforeSaving } from './confirm.ts';
import type { DescribedChange } from './described-change.ts';

/** Runs a command on the settings, or prints every error of the file. */
export async function withSettings(
  context: CommandContext,
  use: (loaded: LoadedSettings) => Promise<number>,
): Promise<number> {
  const loaded = await context.load();
  return loaded.ok ? await use(loaded) : printProblems(context.terminal, loaded);
}

/** A note for an admin who chooses a proxy while `proxy_enabled` is false. */
export function switchedOff({ proxy_enabled: enabled }: LoadedSettings['settings']): string[] {
  return enabled ? [] : ['proxy_enabled is false, so no proxy is used. To use proxies: sallyport proxy enable.'];
}

/** Makes the change and prints it. Exit status: 0 if it is written, 78 if this process or the daemon rejects it. */
export async function changeCommand(
  context: CommandContext,
  loaded: LoadedSettings,
  change: DescribedChange,
): Promise<number> {
  const { terminal } = context;
  const { confirm = {}, json } = change;
  if (await usesService(context, loaded)) return await changeByService(context, loaded, change);
  const tried = await testBeforeSaving(context, loaded, { change, confirm, json });
  if (tried.status !== null) {
    if (json) printJson(terminal, { ...change.facts, file: loaded.file, changed: false, confirmation: tried.verdict });
    return tried.status;
  }
  const made = await makeChange(context, loaded, change);
  if (made.state === 'refused') return printRefused(terminal, made.refused);
  return printChange(terminal, made, { ...change, file: loaded.file, verdict: tried.verdict });
}
