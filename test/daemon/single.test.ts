// One Sallyport for each state folder, as real processes.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';

let dir = '';
let config = '';
let started: SallyportProcess[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-single-'));
  config = await writeConfig(dir, { updates: { feed_url: 'http://127.0.0.1:1/feed.json' } });
  started = [];
});
afterEach(async () => {
  for (const { child, ended } of started) {
    child.kill('SIGKILL');
    await ended;
  }
  await rm(dir, { recursive: true, force: true });
});

function start(...args: string[]): SallyportProcess {
  const process = startSallyport(['--config', config, ...args]);
  started.push(process);
  return process;
}

/** What a clean-up of /run removes: the daemon runs, and its sockets are gone. */
async function removeSockets(): Promise<void> {
  for (const name of ['control.sock', 'operate.sock', 'look.sock', 'admin.sock']) await rm(join(dir, name));
}

describe('a second Sallyport', () => {
  it('is refused by code and pid and touches nothing, also as a command', async () => {
    const first = start('run');
    await first.said('Listening for commands on');
    await removeSockets();
    const refused = [['run'], ['check'], ['updates', 'verify']].map((command) => start(...command));

    for (const second of refused) {
      expect(await second.ended).toBe(19);
      expect(second.lines.join('\n')).toContain(
        `[LOCK-HELD] Another Sallyport is using ${dir}/state: process ${first.child.pid} `,
      );
    }
    expect(await readFile(join(dir, 'logs', 'sallyport.log'), 'utf8')).not.toContain('LOCK-HELD');
  });

  it('starts at once after a kill -9 of the first', async () => {
    const first = start('run');
    await first.said('Listening for commands on');
    first.child.kill('SIGKILL');
    await first.ended;
    const second = start('run');

    await second.said('Listening for commands on');
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });
});
