// A process that takes the lock of a folder, prints `held` or the code of its failure, and waits until it is killed.
// Arguments: the folder, then optionally `command`.

import { CodedError } from '#errors/coded-error.ts';
import { systemClock } from '#system/clock.ts';
import { acquireLock } from '#system/lock.ts';
import { realFiles } from '#system/real-files.ts';

const [dir = '', mode] = process.argv.slice(2);
try {
  await acquireLock(dir, { files: realFiles, clock: systemClock, mode: mode === 'command' ? 'command' : 'daemon' });
  process.stdout.write('held\n');
  process.stdin.resume();
} catch (thrown) {
  process.stdout.write(`${thrown instanceof CodedError ? thrown.message : String(thrown)}\n`);
}
