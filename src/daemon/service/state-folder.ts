// Whose the state is: nobody works in the state folder of another user, root least of all.
//
// What root makes there the service could not open: it would not get its lock, or would start without its memory of
// refused passwords and send one again. Nothing is made or changed here.

import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Files } from '#system/files.ts';
import { exposedAbove, isWithin, nearestFolder } from '#system/own-folder.ts';

const ROOT = 0;

/** Folders that only this process should be able to replace, and where it is reported when others can. */
interface Guarded {
  readonly files: Files;
  readonly folders: readonly string[];
  readonly report: Report;
}

/** Before anything is touched. @throws CodedError STATE-OF-OTHERS */
export async function requireOurState(files: Files, stateDir: string, checkout: string | null): Promise<void> {
  const { self } = files;
  const { path, facts } = await nearestFolder(files, stateDir);
  if (facts.owner === self) return;
  // A folder that is made will be ours; but where root makes one for another user, that user could not work in it.
  const isMade = path !== stateDir;
  if (isMade && (self !== ROOT || (checkout !== null && isWithin(stateDir, checkout)))) return;
  throw coded('STATE-OF-OTHERS', { path, owner: facts.owner, self });
}

/** Reports each folder through which another user could replace one of these, once. */
export async function reportExposed({ files, folders, report }: Guarded): Promise<void> {
  const reported = new Set<string>();
  for (const folder of folders) {
    if ((await files.facts(folder)) === null) continue;
    for (const exposed of await exposedAbove(files, folder)) {
      if (!reported.has(exposed.path)) report({ name: 'folder-exposed', ...exposed, folder });
      reported.add(exposed.path);
    }
  }
}
