// Checks that only a Sallyport of this host can have created a socket. Passwords that users type are sent to the
// socket, so a socket that another user put into a world-writable folder must not be accepted.
//
// The owner of the socket must be one of these: root, the user who runs the command, or the owner of the socket's path
// or of the state folder. In the last case, root and that owner must be the only users who can add a name to any folder
// of the path. A folder with the sticky bit is accepted if root or this user owns the name in it, because no other user
// can then replace it.

import { dirname, join, sep } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import type { FileFacts, Files } from '#system/files.ts';

const OTHERS_MAY_WRITE = 0o002;
/** Members of the service's group are not trusted as the service itself. */
const GROUP_MAY_WRITE = 0o020;
const STICKY = 0o1000;
/** The most symbolic links that are followed on a path; the kernel follows 40. */
const MAX_LINKS = 10;

type Reads = Pick<Files, 'facts' | 'realPath'>;

/** The path of a socket, and the state folder of the daemon that should listen there. */
export interface ExpectedSocket {
  readonly path: string;
  readonly stateDir: string;
  /** The uid of the user who runs the command. */
  readonly self: number;
}

/** @throws CodedError CONTROL-FOREIGN; FILE-FAILED when the socket cannot be examined */
export async function validateSocketOwner({ path, stateDir, self }: ExpectedSocket, files: Reads): Promise<void> {
  const facts = await files.facts(path);
  if (facts === null) return;
  const real = facts.kind === 'symbolic link' ? await files.facts(await files.realPath(path)) : facts;
  const trusted = [0, self];
  const strangers = [facts, ...(real === null ? [] : [real])]
    .map(({ owner }) => owner)
    .filter((one) => !trusted.includes(one));
  for (const owner of new Set(strangers)) {
    const isGiven = await isGivenTo(owner, path, { trusted, files });
    if (!isGiven && !(await hasState(owner, stateDir, { trusted, files })))
      throw coded('CONTROL-FOREIGN', { path, owner });
  }
}

interface OwnerCheck {
  readonly trusted: readonly number[];
  readonly files: Reads;
}

async function hasState(owner: number, stateDir: string, check: OwnerCheck): Promise<boolean> {
  const facts = await factsOrNull(stateDir, check.files);
  return facts?.owner === owner && (await isGivenTo(owner, stateDir, check));
}

/** Whether only trusted users, and this owner below folders that they gave it, can have put this name there. */
async function isGivenTo(owner: number, path: string, { trusted, files }: OwnerCheck, links = 0): Promise<boolean> {
  let folder = await factsOrNull(sep, files);
  let at: string = sep;
  for (const step of path.split(sep).filter((part) => part !== '')) {
    const child = join(at, step);
    const facts = await factsOrNull(child, files);
    if (folder === null || facts === null || ![...trusted, owner].includes(folder.owner)) return false;
    // The socket's owner decides who else may write in a folder of its own.
    const mayWrite = folder.owner === owner ? OTHERS_MAY_WRITE : OTHERS_MAY_WRITE | GROUP_MAY_WRITE;
    const isOpen = (folder.mode & mayWrite) !== 0;
    const isKept = (folder.mode & STICKY) !== 0 && trusted.includes(facts.owner);
    if (isOpen && !isKept) return false;
    if (facts.kind === 'symbolic link') {
      if (!trusted.includes(facts.owner) || links === MAX_LINKS) return false;
      const rest = path.slice(child.length);
      return await isGivenTo(owner, `${await files.realPath(child)}${rest}`, { trusted, files }, links + 1);
    }
    [folder, at] = [facts, child];
  }
  return dirname(path) !== path;
}

async function factsOrNull(path: string, files: Reads): Promise<FileFacts | null> {
  return await files.facts(path).catch(() => null);
}
