// When each profile was made, by name: kept in state, because the configuration file says nothing of it. A profile that
// was written by hand has no date. Commands write it, with their caller's rights; where those do not suffice the date is
// not known, which is no failure of the command. A crash leaves the old dates or the new ones.

import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { nearestFolder } from '#system/own-folder.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FILE = 'profiles.json';
const FORMAT = 1;

const schema = z.object({ created: z.record(z.string(), z.string()) });

/** RFC 3339 by the name of the profile. */
export type ProfileDates = ReadonlyMap<string, string>;

/** The dates that are known; none where they cannot be read. */
export async function readProfileDates(files: Files, stateDir: string): Promise<ProfileDates> {
  const path = join(stateDir, FILE);
  // Who may not read them may not set a damaged file aside either; nothing is told of it here.
  const loaded = await loadState(files, path, { format: FORMAT, parse: (raw) => schema.parse(raw) }).catch(() => null);
  return new Map(loaded?.kind === 'loaded' ? Object.entries(loaded.value.created) : []);
}

/** What happened to a name. */
export interface Renaming {
  readonly from: string | null;
  readonly to: string | null;
}

/** Notes a new profile (`from` null), a new name, or one that is gone (`to` null). */
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
    // The profile itself is written; its date is a convenience.
  }
}

/** What root makes for another user belongs to that user, or the service could not work in it. */
async function makeStateFolder(files: Files, stateDir: string): Promise<void> {
  const { path, facts } = await nearestFolder(files, stateDir);
  if (path === stateDir) return;
  await files.makeDirectory(stateDir, 0o700);
  for (let made = stateDir; made !== path && facts.owner !== files.self; made = dirname(made)) {
    await files.give(made, { owner: facts.owner, group: facts.group, mode: 0o700 });
  }
}
