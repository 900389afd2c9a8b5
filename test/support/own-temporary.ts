// Gives the whole test run its own temporary folder. At its end, it ends the machines and servers that workers kept for
// their suites (machine.ts, kept-servers.ts), and removes the folder. All users can write to it, with the sticky bit as
// in /tmp, because tests run programs as other users.
//
// The folder is in memory if the machine has enough of it, because tests sync thousands of small files: 1,500 files
// written, synced and renamed took 2.9 s of a core on ext4 and less than 1 s on tmpfs. If TMPDIR is set, that folder is
// used.

import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { endKeptServers } from './kept-servers.ts';
import { endMachines } from './machine.ts';

const MEMORY = '/dev/shm';
/** Tests write attachments of 300 MB and copies of Node. A container often has only 64 MB here. */
const ENOUGH_BYTES = 4e9;

/** Vitest calls this before the first test, and the returned function after the last. Test processes inherit TMPDIR. */
export async function setup(): Promise<() => Promise<void>> {
  const outer = process.env['TMPDIR'];
  const own = (outer === undefined ? await folderInMemory() : null) ?? (await makeFolder(tmpdir()));
  process.env['TMPDIR'] = own;
  return async () => {
    await Promise.all([endMachines(own), endKeptServers(own)]);
    if (outer === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = outer;
    await remove(own);
  };
}

/** Makes the folder in memory; null where there is too little of it or programs in it cannot be executed. */
async function folderInMemory(): Promise<string | null> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    if (Math.min(bavail * bsize, freemem()) < ENOUGH_BYTES) return null;
    const own = await makeFolder(MEMORY);
    const script = join(own, 'executable');
    await writeFile(script, '#!/bin/sh\n', { mode: 0o700 });
    const { status } = spawnSync(script);
    await rm(script);
    if (status === 0) return own;
    await remove(own);
  } catch {
    // No such folder, or one that this user cannot write.
  }
  return null;
}

async function makeFolder(parent: string): Promise<string> {
  // Short: the path of a socket has room for 107 bytes.
  const folder = await mkdtemp(join(parent, 'st-'));
  await chmod(folder, 0o1777);
  return folder;
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
