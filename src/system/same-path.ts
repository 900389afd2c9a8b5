// Whether two paths lead to the same file, also by way of symbolic links.

import type { Files } from './files.ts';

/** A path that leads nowhere is the same as itself only. */
export async function isSamePath(files: Pick<Files, 'realPath'>, one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const real = await Promise.all([one, other].map((path) => files.realPath(path).catch(() => path)));
  return real[0] === real[1];
}
