// The demo's own folder: emptied at each start, and never any other.
//
// Guarantees that nothing is removed from a folder that the demo did not make: a marker file says whose it is, nor from
// one that another demo, or a Sallyport with its configuration, works in: it is locked first. The marker is written
// first and removed never, so a crash in the middle leaves a folder that the next start recognizes.

import { lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { systemClock } from '#system/clock.ts';
import { acquireLock, LOCK_FILE, LOCK_NOTE } from '#system/lock.ts';
import { realFiles } from '#system/real-files.ts';

export interface DemoFolder {
  readonly origin: string;
  readonly config: string;
  readonly packages: string;
  readonly logs: string;
  readonly state: string;
}

const MARKER = '.sallyport-demo';
const MARKER_TEXT = 'Made by the Sallyport demo, which empties this folder at each start.\n';
const FOLDER_MODE = 0o700;
const KEPT: readonly string[] = [MARKER, LOCK_FILE, LOCK_NOTE];
const LOCKING = { files: realFiles, clock: systemClock, mode: 'daemon' } as const;

/** What is made or held stays until this is disposed of. */
interface Cleanup {
  defer(end: () => void): void;
}

/**
 * Empties the folder, or makes it, and makes its parts. From here on it is ours alone, until the cleanup.
 * @throws CodedError DEMO-FOLDER when it is a link, or holds anything and is not the demo's; LOCK-HELD
 */
export async function prepareFolder(dir: string, cleanup: Cleanup): Promise<DemoFolder> {
  await mkdir(dir, { recursive: true, mode: FOLDER_MODE });
  // `mkdir` is content with a link to a folder; what it points at is not ours.
  if (!(await lstat(dir)).isDirectory()) throw coded('DEMO-FOLDER', { dir });
  const names = await readdir(dir);
  if (names.length > 0 && !names.includes(MARKER)) throw coded('DEMO-FOLDER', { dir });
  await writeFile(join(dir, MARKER), MARKER_TEXT);
  const lock = await acquireLock(dir, LOCKING);
  cleanup.defer(() => lock.release());
  await emptyFolder(dir);
  const folder = {
    origin: join(dir, 'origin'),
    config: join(dir, 'config'),
    packages: join(dir, 'packages'),
    logs: join(dir, 'logs'),
    state: join(dir, 'state'),
  };
  for (const path of Object.values(folder)) await mkdir(path, { mode: FOLDER_MODE });
  return folder;
}

/** Not while somebody runs Sallyport with the configuration of an earlier demo. */
async function emptyFolder(dir: string): Promise<void> {
  const names = (await readdir(dir)).filter((name) => !KEPT.includes(name));
  const state = names.includes('state') ? await acquireLock(join(dir, 'state'), LOCKING) : null;
  try {
    for (const name of names) await rm(join(dir, name), { recursive: true, force: true });
  } finally {
    state?.release();
  }
}
