// The program as it is installed, for tests that start it as a process. The tests start it several hundred times, and
// the bundle needs half the CPU time of the sources (0.4 s instead of 0.8 s).
//
// The first test file that needs it builds it in the temporary folder of the run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MAIN_PATH } from './main-path.ts';

const BUNDLE = fileURLToPath(new URL('../../tools/bundle.ts', import.meta.url));

const BATCH = fileURLToPath(new URL('batch.ts', import.meta.url));

/** The file to start Node with. It is not in a checkout, so that its default places are those of an installed program. */
export const PROGRAM_PATH = join(built(MAIN_PATH, 'program'), 'main.js');

/** The file to start Node with for `BatchProcess`: several commands of the program in one process. */
export function builtBatch(): string {
  return join(built(BATCH, 'batch'), 'main.js');
}

/** Builds the entry into a folder of this name, unless this run has it already. */
function built(entry: string, name: string): string {
  return onceInRun(name, (folder) => {
    const { status, stderr } = spawnSync(process.execPath, [BUNDLE, entry, folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the bundle failed: ${stderr}`);
  });
}

/** A folder that the first file of this run that needs it makes; returns its path. */
export function onceInRun(name: string, make: (folder: string) => void): string {
  const final = join(tmpdir(), name);
  if (existsSync(final)) return final;
  const own = mkdtempSync(join(tmpdir(), 'building-'));
  const made = join(own, name);
  make(made);
  try {
    renameSync(made, final);
  } catch (error) {
    // Another file of this run was faster.
    if (!existsSync(final)) throw error;
  }
  rmSync(own, { recursive: true, force: true });
  return final;
}
