// Gives the whole run a temporary folder of its own, which is gone afterwards, whatever a test left in it. It is open to
// all, with the sticky bit, as /tmp is: tests run parts and programs as other users.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Vitest calls it before the first test, and what it returns after the last. The processes of tests inherit TMPDIR. */
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
