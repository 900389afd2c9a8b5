// Another user of the host opens connections to the console without a pause.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { ConsoleRig } from '#test/support/console-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';

/** Opens 200 connections, and another one for each that is closed. Prints a line for each hundred. */
const FLOOD = `
const { connect } = require('node:net');
let opened = 0;
function another() {
  const socket = connect(Number(process.argv[1]), '127.0.0.1', () => {
    opened += 1;
    if (opened % 100 === 0) console.log(opened);
  });
  socket.on('error', () => {}).on('close', () => setTimeout(another, 50));
}
for (let n = 0; n < 200; n += 1) another();
setTimeout(() => process.exit(), 60_000);
`;
const OTHER_USER = '1';
const WAIT = { timeout: 20_000 };

describeWith(['root and setpriv'], 'console: a flood of connections', () => {
  it('console: 1,000 connections of another user keep no new connection of a session out', async () => {
    const rig = await ConsoleRig.start();
    const { authorization } = await rig.begin();
    const head = `GET /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${authorization}\r\n\r\n`;
    const run = ['--reuid', OTHER_USER, '--clear-groups', process.execPath, '-e', FLOOD, String(rig.port)];
    const flood = spawn('setpriv', run, { stdio: ['ignore', 'pipe', 'inherit'] });
    let hundreds = 0;
    flood.stdout.setEncoding('utf8').on('data', (text: string) => {
      hundreds += text.split('\n').length - 1;
    });
    try {
      await expect.poll(() => hundreds, WAIT).toBeGreaterThanOrEqual(10);
      for (let n = 0; n < 5; n += 1) {
        const slow = await rig.connect();
        const answer = Promise.race([once(slow, 'data'), once(slow, 'close').then(() => ['closed'])]);
        const before = hundreds;
        // Meanwhile, far more than 64 connections of the other user arrive.
        await expect.poll(() => hundreds, WAIT).toBeGreaterThan(before + 2);
        slow.write(head);
        expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 200 /);
        slow.destroy();
      }
    } finally {
      flood.kill('SIGKILL');
      await once(flood, 'close');
      await rig.close();
    }
  }, 120_000);
});
