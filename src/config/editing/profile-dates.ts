// Stores in the state folder when each profile was created, by name, because the configuration has no key for it.
//
// A command stores the date with the rights of its caller. When the daemon activates settings, it adds the dates of new
// profiles: those written by hand, or by a user who may not write the state. Profiles that were active before this
// release have none. A date that cannot be stored stays unknown, and nothing else fails. A crash leaves the old dates
// or the new ones.

import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { nearestFolder } from '#system/own-folder.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FILE = 'profiles.json';
const FORMAT = 1;

const schema = z.object({
  created: z.record(z.string(), z.string()),
  /** The server of each profile of the last active settings, by the name of the profile. */
  active: z.record(z.string(), z.string()).optional(),
});
type Stored = z.infer<typeof schema>;

/** Times of creation in RFC 3339, by the name of the profile. */
export type ProfileDates = ReadonlyMap<string, string>;

/** The known dates; none if they cannot be read. */
export async function readProfileDates(files: Files, stateDir: string): Promise<ProfileDates> {
  return new Map(Object.entries((await readStored(files, stateDir)).created));
}

async function readStored(files: Files, stateDir: string): Promise<Stored> {
  const path = join(stateDir, FILE);
  // A user without the right to read the file cannot move a damaged file aside either. That is not reported here.
  const loaded = await loadState(files, path, { format: FORMAT, parse: (raw) => schema.parse(raw) }).catch(() => null);
  return loaded?.kind === 'loaded' ? loaded.value : { created: {} };
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
  const stored = await readStored(files, stateDir);
  const dates = new Map(Object.entries(stored.created));
  const known = change.from === null ? utcTime(change.now) : dates.get(change.from);
  if (change.from !== null) dates.delete(change.from);
  if (change.to !== null && known !== undefined) dates.set(change.to, known);
  await store(files, stateDir, { ...stored, created: Object.fromEntries(dates) });
}

/** A profile of active settings. `server` names its scheme, address and port. */
export interface ActiveProfile {
  readonly name: string;
  readonly server: string;
}

/**
 * Stores the dates of profiles that are new in the active settings. If one profile has gone and a new one has its
 * server, that is a new name of the same profile, which keeps its date. `isFirstStart`: no settings were active on this host
 * before, so all profiles are new. Times are in ms.
 */
export async function noteActiveProfiles(
  files: Files,
  stateDir: string,
  { profiles, now, isFirstStart }: { profiles: readonly ActiveProfile[]; now: number; isFirstStart: boolean },
): Promise<void> {
  const stored = await readStored(files, stateDir);
  const before = stored.active ?? (isFirstStart ? {} : serversOf(profiles));
  const next = {
    created: datesAfter({ created: stored.created, active: before }, profiles, now),
    active: serversOf(profiles),
  };
  if (isDeepStrictEqual(next, stored)) return;
  await store(files, stateDir, next);
}

function serversOf(profiles: readonly ActiveProfile[]): Record<string, string> {
  return Object.fromEntries(profiles.map(({ name, server }) => [name, server]));
}

function datesAfter(
  { created, active }: { readonly created: Stored['created']; readonly active: Record<string, string> },
  profiles: readonly ActiveProfile[],
  now: number,
): Stored['created'] {
  const dates = new Map(Object.entries(created));
  const before = new Map(Object.entries(active));
  const names = new Set(profiles.map(({ name }) => name));
  const gone = [...before].filter(([name]) => !names.has(name));
  const next = new Map<string, string>();
  for (const { name, server } of profiles) {
    const renamed = gone.filter(([, itsServer]) => itsServer === server);
    const date = dates.get(name) ?? (before.has(name) ? undefined : dateOfNew(dates, renamed, now));
    if (date !== undefined) next.set(name, date);
  }
  // A command that renames a profile stores its date after the daemon has the new name, and needs the old date for it.
  for (const [name] of gone) {
    const date = dates.get(name);
    if (date !== undefined) next.set(name, date);
  }
  return Object.fromEntries(next);
}

/** The date of a profile that was not active before. Undefined for the new name of a profile without a date. */
function dateOfNew(
  dates: ReadonlyMap<string, string>,
  renamed: readonly (readonly [name: string, server: string])[],
  now: number,
): string | undefined {
  const [first, ...more] = renamed;
  return first === undefined || more.length > 0 ? utcTime(now) : dates.get(first[0]);
}

async function store(files: Files, stateDir: string, value: Stored): Promise<void> {
  const path = join(stateDir, FILE);
  try {
    await makeStateFolder(files, stateDir);
    await saveState(files, path, { format: FORMAT, value });
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
