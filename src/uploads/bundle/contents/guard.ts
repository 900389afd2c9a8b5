// Decides which files and folders are never collected. They are compared by device and inode, so that a second path to
// them, such as another mount, is also recognized. Paths that do not exist when a bundle begins cannot be compared. The
// state folder and the configuration exist while the daemon runs.

import { type FileFacts, type FileIdentity, type Files, isSameFile } from '#system/files.ts';
import type { NeverCollected } from './contents-types.ts';

/** Memory and settings of processes, and what systemd keeps secret for services. */
const SYSTEM_FOLDERS = ['/proc', '/sys', '/run/credentials', '/run/secrets'];

/** Refuses files and folders. */
export interface Guard {
  /** Why a folder is not entered; null if it may be. */
  folder(facts: FileIdentity): string | null;
  /** Why a file is not collected; null if it may be. */
  file(facts: FileFacts): string | null;
}

/** @throws CodedError FILE-FAILED if a path cannot be examined */
export async function makeGuard(files: Files, never: NeverCollected): Promise<Guard> {
  const folders = await identitiesOf(files, [...SYSTEM_FOLDERS, ...never.folders]);
  const named = await identitiesOf(files, never.files);
  return {
    folder: (facts) => (isIn(facts, folders) ? 'it belongs to Sallyport or the system and is never collected' : null),
    file: (facts) => {
      if (facts.kind === 'symbolic link') return 'it is a symbolic link; links are never followed';
      if (facts.kind !== 'file') return `it is a ${facts.kind}`;
      if (facts.links !== 1) return `it has ${facts.links} names (hard links)`;
      return isIn(facts, named) ? 'it can contain secrets of Sallyport and is never collected' : null;
    },
  };
}

function isIn(facts: FileIdentity, identities: readonly FileIdentity[]): boolean {
  return identities.some((identity) => isSameFile(identity, facts));
}

/** Of the paths, and of what they link to. */
async function identitiesOf(files: Files, paths: readonly string[]): Promise<FileIdentity[]> {
  const found: FileIdentity[] = [];
  for (const path of paths) {
    const facts = await files.facts(path);
    if (facts === null) continue;
    found.push(facts);
    if (facts.kind !== 'symbolic link') continue;
    const real = await files.realPath(path).catch(() => null);
    const target = real === null ? null : await files.facts(real);
    if (target !== null) found.push(target);
  }
  return found;
}
