// A disk of a few MiB in a mount namespace of its own. Needs the part `mounts` (real-parts.ts).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A small disk. It exists until its keeper ends, whatever happens to those who use it. */
export interface SmallDisk {
  readonly keeper: ChildProcess;
  /** For `nsenter --mount=`: in it, the disk is at the given folder. */
  readonly namespace: string;
  /** The folder as every process can reach it. */
  readonly path: string;
}

/** Mounts a tmpfs at an existing folder. End the keeper after use. */
export async function mountSmallDisk(folder: string, mib: number): Promise<SmallDisk> {
  const script = `mount -t tmpfs -o size=${mib}m none "$0" && echo ready && exec sleep 600`;
  const keeper = spawn('unshare', ['--mount', 'sh', '-c', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(keeper.stdout as NodeJS.ReadableStream, 'data');
  return { keeper, namespace: `/proc/${keeper.pid}/ns/mnt`, path: `/proc/${keeper.pid}/root${folder}` };
}
