// Creates and checks folders whose content we rely on: we own them, and no other user writes to them.
//
// Guarantees: `ownFolder` returns only for a folder in which, at the moment of the check, no other user can create,
// rename or replace anything. Relies on the mode bits and on root. `exposedAbove` checks the folders above. A user who
// can replace one of those can also replace ours, which is reported but not refused. A crash leaves the folder, or
// nothing.

import { dirname, join, relative } from 'node:path';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { FileFacts, Files } from './files.ts';

/** Group and others. */
const WRITABLE_BY_OTHERS = 0o022;
const OPEN_TO_OTHERS = 0o077;
const STICKY = 0o1000;
const ROOT = 0;

/** A folder of ours. */
export interface OwnFolder {
  /** Permission bits of a folder that is created. */
  readonly mode: number;
  /** What it is, for the failure text: the configuration key that names it, or a description. */
  readonly what: string;
  /** True: other users may not even list it. */
  readonly isPrivate?: boolean;
}

/** Creates the folder if it is missing, then checks it. @throws CodedError FOLDER-UNSAFE, FILE-* */
export async function ownFolder(files: Files, path: string, folder: OwnFolder): Promise<void> {
  await files.makeDirectory(path, folder.mode);
  await requireOwnFolder(files, path, folder);
}

/** Checks a folder, which need not exist. @throws CodedError FOLDER-UNSAFE, FILE-* */
export async function requireOwnFolder(files: Files, path: string, folder: Omit<OwnFolder, 'mode'>): Promise<void> {
  const facts = await followedFacts(files, path);
  const error = facts === null ? null : checkFolder(path, facts, { ...folder, self: files.self });
  if (error !== null) throw error;
}

/** Why another user could change the content of this folder; null when none can. Pure. */
export function checkFolder(
  path: string,
  { owner, mode }: Pick<FileFacts, 'owner' | 'mode'>,
  { what, isPrivate = false, self }: Omit<OwnFolder, 'mode'> & { readonly self: number },
): CodedError | null {
  const closed = isPrivate ? OPEN_TO_OTHERS : WRITABLE_BY_OTHERS;
  const isForeign = owner !== self;
  const isOpen = (mode & closed) !== 0;
  if (!isForeign && !isOpen) return null;
  const reasons = [
    ...(isForeign ? [`belongs to user ID ${owner} instead of ${self}`] : []),
    ...(isOpen ? [isPrivate ? 'can be opened by other users' : 'can be written by other users'] : []),
  ];
  const commands = [
    ...(isForeign ? [`chown ${self} ${path}`] : []),
    ...(isOpen ? [`chmod ${octal(mode & 0o777 & ~closed)} ${path}`] : []),
  ];
  return coded('FOLDER-UNSAFE', {
    path,
    what,
    reason: reasons.join(' and '),
    owner,
    mode: octal(mode),
    command: commands.join(' && '),
  });
}

/** lstat of the target of a path; null if it does not exist. */
async function followedFacts(files: Files, path: string): Promise<FileFacts | null> {
  const facts = await files.facts(path);
  return facts?.kind === 'symbolic link' ? await files.facts(await files.realPath(path)) : facts;
}

/** The nearest existing folder at or above a path. */
export async function nearestFolder(files: Files, path: string): Promise<{ path: string; facts: FileFacts }> {
  for (let at = path; ; at = dirname(at)) {
    const facts = await followedFacts(files, at);
    if (facts !== null) return { path: at, facts };
    if (at === dirname(at)) throw coded('FILE-FAILED', { operation: 'examine', path, reason: 'it does not exist' });
  }
}

/** A folder above one of ours that another user can replace. */
export interface ExposedFolder {
  readonly path: string;
  readonly reason: string;
  readonly owner: number;
  readonly mode: string;
}

/** The folders above this one through which other users could replace it, from the root down. */
export async function exposedAbove(files: Files, path: string): Promise<ExposedFolder[]> {
  const found: ExposedFolder[] = [];
  for (let at = dirname(await files.realPath(path)); ; at = dirname(at)) {
    const facts = await files.facts(at);
    const reason = facts === null ? null : checkParent(facts, files.self);
    if (facts !== null && reason !== null) {
      found.unshift({ path: at, reason, owner: facts.owner, mode: octal(facts.mode) });
    }
    if (at === dirname(at)) return found;
  }
}

function checkParent({ owner, mode }: FileFacts, self: number): string | null {
  if (owner !== ROOT && owner !== self) return `belongs to user ID ${owner}`;
  return (mode & 0o002) !== 0 && (mode & STICKY) === 0 ? 'can be written by everybody' : null;
}

/**
 * Whether a folder in a checkout has the checkout's owner, and may be written by others only if they share its group
 * and the checkout also allows that.
 */
export async function hasCheckoutOwnership(files: Files, path: string, checkout: string): Promise<boolean> {
  if (!isWithin(path, checkout)) return false;
  const [facts, around] = [await followedFacts(files, path), await followedFacts(files, checkout)];
  if (facts === null || around === null || facts.owner !== around.owner || (facts.mode & 0o002) !== 0) return false;
  return (facts.mode & 0o020) === 0 || (facts.group === around.group && (around.mode & 0o020) !== 0);
}

/** Whether a path is below a folder. Pure. */
export function isWithin(path: string, folder: string): boolean {
  const relativePath = relative(folder, path);
  return relativePath !== '' && relativePath !== '..' && !relativePath.startsWith(join('..', '/'));
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
