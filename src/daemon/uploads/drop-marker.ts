// Removes the marker file from drop directories that no daemon reads, so that `submit` writes no documents there.
// `DropDirectory` creates the marker.

import { join } from 'node:path';
import { DROP_DIRECTORY, DROP_MARKER } from '#config/places.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';

/** The configured directory if it is not read, and the usual one if it is not the configured one. Never throws coded errors. */
export async function closeUnreadDirectories(
  files: Pick<Files, 'facts' | 'remove' | 'self'>,
  configured: string | undefined,
  isRead: boolean,
): Promise<void> {
  for (const dir of new Set([configured ?? DROP_DIRECTORY, DROP_DIRECTORY])) {
    if (isRead && dir === configured) continue;
    await close(files, dir).catch(asCoded);
  }
}

/** That of another user belongs to another Sallyport. */
async function close(files: Pick<Files, 'facts' | 'remove' | 'self'>, dir: string): Promise<void> {
  const facts = await files.facts(dir);
  if (facts?.owner === files.self) await files.remove(join(dir, DROP_MARKER));
}
