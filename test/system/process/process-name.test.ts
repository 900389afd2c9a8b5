// The name of our process in the process list.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { nameProcess } from '#system/process/process-name.ts';

const MODULE = fileURLToPath(new URL('../../../src/system/process/process-name.ts', import.meta.url));

it.runIf(process.platform === 'linux')('process name: a process that names itself keeps its command line', () => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { nameProcess } from ${JSON.stringify(MODULE)};
    nameProcess('sallyport');
    const read = (name) => readFileSync('/proc/self/' + name, 'utf8');
    console.log(JSON.stringify([read('comm').trim(), read('cmdline').includes('an-argument')]));`;
  const args = ['--input-type=module-typescript', '-e', script, 'an-argument'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ stdout: stdout.trim(), stderr }).toMatchObject({ stdout: '["sallyport",true]' });
});

it('process name: a name that cannot be set is not a failure', () => {
  expect(() => nameProcess('sallyport', '/proc/nowhere/comm')).not.toThrow();
});
