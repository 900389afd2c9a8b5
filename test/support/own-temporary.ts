// Gives the whole run its own temporary folder and removes it at the end, with everything that a test left in it. All users
// can write to it, with the sticky bit, as in /tmp: tests run servers and programs as other users.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Vitest calls this before the first test, and the returned function after the last. Test processes inherit TMPDIR. */
export async function setup(): Promise<() => Promise<void>> {
  const outer = process.env['TMPDIR'];
  // Short: the path of a socket has room for 107 bytes.
  const own = await mkdtemp(join(tmpdir(), 'st-'));
  await chmod(own, 0o1777);
  process.env['TMPDIR'] = own;
  return async () => {
    if (outer === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = outer;
    await rm(own, { recursive: true, force: true, maxRetries: 5 });
  };
}
