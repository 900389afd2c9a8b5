// Checks whether the command of `updates.on_published` exists. A missing command is only a warning, because it may be
// installed later. Whether the command is safe to run is checked before each run, not here.

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { Finding } from '#config/problem.ts';
import type { Salvaged } from './salvaged.ts';

/** A warning if the command is missing or not executable. */
export async function checkHookFile({ updates }: Salvaged): Promise<Finding[]> {
  const command = updates?.on_published?.command;
  if (command === undefined) return [];
  const wrong = await hookFileProblem(command);
  if (wrong === null) return [];
  const path = ['updates', 'on_published', 'command'];
  return [{ path, severity: 'warning', at: 'value', found: command, allowed: '', message: wrong }];
}

async function hookFileProblem(command: string): Promise<string | null> {
  try {
    if (!(await stat(command)).isFile()) return 'This is not a program.';
    await access(command, constants.X_OK);
    return null;
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return code === 'EACCES' ? 'This user is not allowed to run it.' : 'This program does not exist.';
  }
}
