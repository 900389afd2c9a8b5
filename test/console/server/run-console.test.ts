// The console's process: what it prints, where it listens, and when it ends.

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { linkLines, sshLine, sshTargetOf } from '#console/links.ts';
import { MAX_CONSOLE_CONNECTIONS } from '#console/server/connection-limit.ts';
import { ConsoleRig, type ConsoleRigOptions } from '#test/support/console-rig.ts';
import { fakeControl } from '#test/support/fake-control.ts';
import { describeWith } from '#test/support/real-parts.ts';

const rigs: ConsoleRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

async function start(options: ConsoleRigOptions = {}): Promise<ConsoleRig> {
  const rig = await ConsoleRig.start(options);
  rigs.push(rig);
  return rig;
}

it('console: ENTER prints another link, and both work', async () => {
  const rig = await start();
  rig.press('\r');

  expect(rig.links).toHaveLength(2);
  for (const link of rig.links) expect((await rig.useKey(link.split('#')[1])).status).toBe(200);
});

it.each([
  ['Ctrl-C', (rig: ConsoleRig) => rig.press('\u0003')],
  ['Ctrl-D', (rig: ConsoleRig) => rig.press('\u0004')],
  ['the end of its terminal', (rig: ConsoleRig) => rig.hangUp()],
])('console: %s ends it, and nothing listens any more', async (_name, end) => {
  const rig = await start();
  end(rig);
  await rig.ended;

  await expect(rig.connect()).rejects.toThrow('ECONNREFUSED');
  expect(rig.clock.pending).toBe(0);
});

it('console: 30 minutes without a page end it, and a request starts the 30 minutes again', async () => {
  const rig = await start();
  const session = await rig.begin();
  rig.clock.advance(29 * 60_000);
  await rig.send('/api/session', { headers: session });
  rig.clock.advance(29 * 60_000);
  // Without a token, a request does not count.
  await rig.send('/');
  expect((await rig.send('/')).status).toBe(200);

  rig.clock.advance(60_000);
  await rig.ended;
  expect(rig.printed.at(-1)).toContain('30 minutes');
});

it('console: an open stream keeps it, and its end begins the 30 minutes', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const rig = await start({ control: fakeControl({ follow: () => promise }) });
  const text = JSON.stringify({ after: null });
  const headers = { ...(await rig.begin()), 'content-type': 'application/json' };
  const stream = rig.send('/api/streams/follow', { method: 'POST', headers, text });
  await rig.send('/api/session', { headers });
  rig.clock.advance(31 * 60_000);
  expect((await rig.send('/')).status).toBe(200);

  resolve();
  await stream;
  rig.clock.advance(30 * 60_000);
  await rig.ended;
});

it('console: its socket and folder are open to its user only, and are removed', async () => {
  const runtimeDir = await mkdtemp(join(tmpdir(), 'runtime-'));
  const rig = await start({ listen: { kind: 'socket' }, runtimeDir });
  const { socket } = rig;

  expect(dirname(dirname(socket))).toBe(runtimeDir);
  expect([statSync(socket).mode & 0o777, statSync(dirname(socket)).mode & 0o777]).toEqual([0o600, 0o700]);
  expect((await rig.useKey()).status).toBe(200);
  rig.press('\u0003');
  await rig.ended;
  expect(statSync(dirname(socket), { throwIfNoEntry: false })).toBeUndefined();
});

it('console: a runtime folder that others can open is not used', async () => {
  const runtimeDir = await mkdtemp(join(tmpdir(), 'runtime-'));
  spawnSync('chmod', ['0755', runtimeDir]);
  const rig = await start({ listen: { kind: 'socket' }, runtimeDir });

  expect(rig.socket.startsWith(`${runtimeDir}/`)).toBe(false);
  expect(statSync(dirname(rig.socket)).mode & 0o777).toBe(0o700);
});

it('console: a port that is in use is an error that names it', async () => {
  const { port } = await start();
  const second = ConsoleRig.start({ listen: { kind: 'port', port } });

  await expect(second).rejects.toMatchObject({ code: 'CONSOLE-LISTEN', facts: { address: `127.0.0.1:${port}` } });
});

it('console: the ssh command names user, host and port, and nothing that a shell would run', () => {
  const target = sshTargetOf({ SSH_CONNECTION: '192.0.2.1 5000 192.0.2.9 2222' }, { user: 'anna', host: 'gateway1' });
  const socket = { kind: 'socket', path: "/run/user/1000/it's/console.sock" } as const;

  expect(sshLine({ kind: 'port', port: 4711 }, target)).toBe(
    'ssh -N -L 127.0.0.1:8743:127.0.0.1:4711 -p 2222 anna@gateway1',
  );
  expect(sshLine(socket, target)).toContain(String.raw`8743:'/run/user/1000/it'\''s/console.sock' `);
  // sudo drops the variables of ssh, and keeps the name of the caller.
  expect(sshTargetOf({ SUDO_USER: 'anna' }, { user: 'root', host: 'h' })).toEqual({
    user: 'anna',
    host: 'h',
    port: null,
  });
  expect(sshTargetOf({ SUDO_USER: '-oProxyCommand=x' }, { user: 'a;b', host: '$(x)' })).toEqual({
    user: 'USER',
    host: 'HOST',
    port: null,
  });
  expect(linkLines(socket, target, 'KEY').join('\n')).not.toContain('On this host');
});

describeWith(['root and setpriv'], 'console: another user of this host', () => {
  it('console: another user of this host cannot connect to the socket', async () => {
    const { socket } = await start({ listen: { kind: 'socket' } });
    const mayWrite = (...user: string[]) => spawnSync('setpriv', [...user, 'test', '-w', socket]).status;

    expect(mayWrite('--reuid=64103', '--regid=64103', '--clear-groups')).toBe(1);
    expect(mayWrite()).toBe(0);
  });
});

it('console: connections with a token are never closed for new ones', async () => {
  const rig = await start();
  const session = await rig.begin();
  const own = await rig.connect();
  own.write(`GET /api/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${session.authorization}\r\n\r\n`);
  await new Promise((resolve) => own.once('data', resolve));
  const others = await Promise.all(Array.from({ length: MAX_CONSOLE_CONNECTIONS + 10 }, () => rig.connect()));
  for (const other of others) other.resume();
  await rig.send('/');
  own.write(`GET /api/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${session.authorization}\r\n\r\n`);
  const again = await new Promise((resolve) => own.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1'))));

  expect(again).toMatch(/^HTTP\/1\.1 200 /);
  for (const one of [own, ...others]) one.destroy();
});
