// The text of the last confirmed configuration file, kept in state for `proxy_change: confirm`: it goes on, over restarts,
// while the file says something that nobody has confirmed.
//
// Guarantees: 0600, and as private as the file itself; secrets that stand in files are read from there. It is used only
// while its own settings ask for confirmation and the file sends some purpose another way. A crash leaves the old or the new.

import { join } from 'node:path';
import { z } from 'zod';
import { digestOf } from '#config/editing/edit-file.ts';
import type { LoadedSettings, LoadResult } from '#config/reading/load.ts';
import { changedRoutes } from '#proxy/choosing/changed-routes.ts';
import type { Files } from '#system/files.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FORMAT = 1;
const schema = z.strictObject({ text: z.string() });

function placeIn(stateDir: string): string {
  return join(stateDir, 'confirmed-file.json');
}

/** What is to be in force at a start: the file, or the confirmed text where the file is not confirmed. */
export async function confirmedOr(
  file: LoadedSettings,
  from: { readonly files: Files; load?(text?: string): Promise<LoadResult> },
): Promise<LoadedSettings> {
  const path = placeIn(file.settings.daemon.state_dir);
  const kept = await loadState(from.files, path, { format: FORMAT, parse: (raw) => schema.parse(raw) });
  if (kept.kind !== 'loaded' || digestOf(Buffer.from(kept.value.text)) === file.digest) return file;
  const confirmed = await from.load?.(kept.value.text);
  if (confirmed?.ok !== true || confirmed.settings.proxy_change !== 'confirm') return file;
  return changedRoutes(confirmed.settings, file.settings).length === 0 ? file : confirmed;
}

/** This text is confirmed; durable on return. */
export async function keepConfirmed(files: Files, stateDir: string, text: string): Promise<void> {
  await saveState(files, placeIn(stateDir), { format: FORMAT, value: { text } });
}
