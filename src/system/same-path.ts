// Checks whether two paths refer to the same file, even through symbolic links.

import type { Files } from './files.ts';

/** A path that does not exist equals only itself. */
export async function isSamePath(files: Pick<Files, 'realPath'>, one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const real = await Promise.all([one, other].map((path) => files.realPath(path).catch(() => path)));
  return real[0] === real[1];
}
