// Removes one of our own folders with everything in it.

import { join } from 'node:path';
import type { Files } from '#system/files.ts';

/**
 * Removes a folder and its content; links are removed, never followed. False if there was none. A crash leaves a part of
 * it, and the next call removes the rest. @throws CodedError FILE-*
 */
export async function removeTree(files: Files, path: string): Promise<boolean> {
  for (const name of await files.list(path)) {
    const entry = join(path, name);
    const facts = await files.facts(entry);
    if (facts?.kind === 'directory') await removeTree(files, entry);
    else await files.remove(entry);
  }
  return await files.removeFolder(path);
}
