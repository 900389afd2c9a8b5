// Gives a complete file its final name, and fails if that name already exists.

import { link } from 'node:fs/promises';
import { coded } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';

/** File systems without hard links answer with one of these. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Returns false if the name exists. The file keeps its first name, unless the file system has no hard links: then it is
 * renamed, and a name that is created at the same moment is replaced. Not durable before the folder is synced.
 * @throws CodedError FILE-FAILED
 */
export async function publishNew(files: Files, from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (thrown) {
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) {
      throw coded('FILE-FAILED', { operation: 'create', path: to, reason: code, errno: code }, thrown);
    }
  }
  if ((await files.facts(to)) !== null) return false;
  await files.rename(from, to);
  return true;
}
