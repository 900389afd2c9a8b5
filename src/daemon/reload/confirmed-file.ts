// Stores the text of the last confirmed configuration file in the state folder, for `proxy_change: confirm`. While the
// file on disk waits for a confirmation, the stored text is used, also after a restart.
//
// Guarantees: the stored text has mode 0600. It does not contain secrets that are in separate files. It is used only if
// its own settings require confirmation and the file on disk changes the route of a purpose. A crash leaves the old
// text or the new one.

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

/** The settings to activate at a start: the file, or the confirmed text when the file is unconfirmed. */
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

/** Stores this text as confirmed; durable on return. */
export async function keepConfirmed(files: Files, stateDir: string, text: string): Promise<void> {
  await saveState(files, placeIn(stateDir), { format: FORMAT, value: { text } });
}
