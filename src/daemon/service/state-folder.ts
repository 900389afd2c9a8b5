// Checks the owner of the state folder, so that no process uses the state folder of another user.
//
// This matters most for root. The service could not open files that root creates there. It would then fail to get its
// lock, or start without its record of rejected passwords and send a rejected password again. Nothing is created or
// changed here.

import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Files } from '#system/files.ts';
import { exposedAbove, isWithin, nearestFolder } from '#system/own-folder.ts';

const ROOT = 0;

/** Folders that only this process should be able to replace, and the report for those that others can replace. */
interface Guarded {
  readonly files: Files;
  readonly folders: readonly string[];
  readonly report: Report;
}

/** Runs before any file is changed. @throws CodedError STATE-OF-OTHERS */
export async function requireOurState(files: Files, stateDir: string, checkout: string | null): Promise<void> {
  const { self } = files;
  const { path, facts } = await nearestFolder(files, stateDir);
  if (facts.owner === self) return;
  // A folder that we create will be ours; but if root creates one for another user, that user could not work in it.
  const isMade = path !== stateDir;
  if (isMade && (self !== ROOT || (checkout !== null && isWithin(stateDir, checkout)))) return;
  throw coded('STATE-OF-OTHERS', { path, owner: facts.owner, self });
}

/** Reports, once, each folder through which another user could replace one of these. */
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
