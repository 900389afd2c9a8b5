// The folder of the demo, which is emptied at each start.
//
// Guarantees: files are removed only from a folder that has the demo's marker file. The folder is locked first, so
// nothing is removed while another demo, or a Sallyport with the demo's configuration, uses it. The marker is written
// first and never removed, so after a crash the next start still recognizes the folder.

import { lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { systemClock } from '#system/clock.ts';
import { acquireLock, LOCK_FILE, LOCK_NOTE } from '#system/lock.ts';
import { realFiles } from '#system/real-files.ts';

export interface DemoFolder {
  /** The folder that holds the others. */
  readonly root: string;
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

/** Releases locks and resources when it is disposed. */
interface Cleanup {
  defer(end: () => void): void;
}

/**
 * Makes or empties the folder, and makes its subfolders. It stays locked until the cleanup.
 * @throws CodedError DEMO-FOLDER if it is a link, or is not empty and has no marker; LOCK-HELD
 */
export async function prepareFolder(dir: string, cleanup: Cleanup): Promise<DemoFolder> {
  await mkdir(dir, { recursive: true, mode: FOLDER_MODE });
  // `mkdir` accepts a link to a folder, but the folder that the link points to is not the demo's.
  if (!(await lstat(dir)).isDirectory()) throw coded('DEMO-FOLDER', { dir });
  const names = await readdir(dir);
  if (names.length > 0 && !names.includes(MARKER)) throw coded('DEMO-FOLDER', { dir });
  await writeFile(join(dir, MARKER), MARKER_TEXT);
  const lock = await acquireLock(dir, LOCKING);
  cleanup.defer(() => lock.release());
  await emptyFolder(dir);
  const folders = {
    origin: join(dir, 'origin'),
    config: join(dir, 'config'),
    packages: join(dir, 'packages'),
    logs: join(dir, 'logs'),
    state: join(dir, 'state'),
  };
  for (const path of Object.values(folders)) await mkdir(path, { mode: FOLDER_MODE });
  return { root: dir, ...folders };
}

/** Fails while a Sallyport with the configuration of an earlier demo is running. */
async function emptyFolder(dir: string): Promise<void> {
  const names = (await readdir(dir)).filter((name) => !KEPT.includes(name));
  const state = names.includes('state') ? await acquireLock(join(dir, 'state'), LOCKING) : null;
  try {
    for (const name of names) await rm(join(dir, name), { recursive: true, force: true });
  } finally {
    state?.release();
  }
}
