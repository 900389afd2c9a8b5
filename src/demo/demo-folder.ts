// The demo's own folder: emptied at each start, and never any other.
//
// Guarantees that nothing is removed from a folder that the demo did not make: a marker file says whose it is. The
// marker is written first and removed never, so a crash in the middle leaves a folder that the next start recognises.

import { lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { coded } from '#errors/coded-error.ts';

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

/**
 * Empties the folder, or makes it, and makes its parts.
 * @throws CodedError DEMO-FOLDER when it is a link, or holds anything and is not the demo's
 */
export async function prepareFolder(dir: string): Promise<DemoFolder> {
  await mkdir(dir, { recursive: true, mode: FOLDER_MODE });
  // `mkdir` is content with a link to a folder; what it points at is not ours.
  if (!(await lstat(dir)).isDirectory()) throw coded('DEMO-FOLDER', { dir });
  const names = await readdir(dir);
  if (names.length > 0 && !names.includes(MARKER)) throw coded('DEMO-FOLDER', { dir });
  await writeFile(join(dir, MARKER), MARKER_TEXT);
  for (const name of names.filter((one) => one !== MARKER)) await rm(join(dir, name), { recursive: true, force: true });
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
