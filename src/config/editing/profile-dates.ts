// Stores in the state folder when each profile was created, by name, because the configuration has no key for it.
//
// A profile that was written by hand has no date. A command stores the date with the rights of its caller. If these are
// not sufficient, the command still succeeds and the date stays unknown. A crash leaves the old dates or the new ones.

import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { nearestFolder } from '#system/own-folder.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FILE = 'profiles.json';
const FORMAT = 1;

const schema = z.object({ created: z.record(z.string(), z.string()) });

/** Times of creation in RFC 3339, by the name of the profile. */
export type ProfileDates = ReadonlyMap<string, string>;

/** The known dates; none if they cannot be read. */
export async function readProfileDates(files: Files, stateDir: string): Promise<ProfileDates> {
  const path = join(stateDir, FILE);
  // A user without the right to read the file cannot move a damaged file aside either. That is not reported here.
  const loaded = await loadState(files, path, { format: FORMAT, parse: (raw) => schema.parse(raw) }).catch(() => null);
  return new Map(loaded?.kind === 'loaded' ? Object.entries(loaded.value.created) : []);
}

/** The change of a profile's name. */
export interface Renaming {
  readonly from: string | null;
  readonly to: string | null;
}

/** Stores that a profile was added (`from` is null), renamed, or deleted (`to` is null). Times are in ms. */
export async function noteProfile(
  files: Files,
  stateDir: string,
  change: Renaming & { readonly now: number },
): Promise<void> {
  const dates = new Map(await readProfileDates(files, stateDir));
  const known = change.from === null ? utcTime(change.now) : dates.get(change.from);
  if (change.from !== null) dates.delete(change.from);
  if (change.to !== null && known !== undefined) dates.set(change.to, known);
  const path = join(stateDir, FILE);
  try {
    await makeStateFolder(files, stateDir);
    await saveState(files, path, { format: FORMAT, value: { created: Object.fromEntries(dates) } });
    const folder = await files.facts(await files.realPath(dirname(path)));
    if (folder !== null) await files.give(path, { owner: folder.owner, group: folder.group, mode: 0o600 });
  } catch {
    // The profile itself has been written, and its date is optional.
  }
}

/** Folders that root creates below a folder of another user belong to that user, so that the service can use them. */
async function makeStateFolder(files: Files, stateDir: string): Promise<void> {
  const { path, facts } = await nearestFolder(files, stateDir);
  if (path === stateDir) return;
  await files.makeDirectory(stateDir, 0o700);
  for (let made = stateDir; made !== path && facts.owner !== files.self; made = dirname(made)) {
    await files.give(made, { owner: facts.owner, group: facts.group, mode: 0o700 });
  }
}
