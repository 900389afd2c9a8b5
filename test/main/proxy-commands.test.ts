// The `proxy` and `route` commands with a daemon that follows the file.

import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Status } from '#control/control.ts';
import { Site } from '#test/support/site.ts';

let site: Site;
beforeEach(async () => {
  site = await Site.make();
});
afterEach(() => site.remove());

describe('a proxy command', () => {
  it('adds a proxy to the daemon; the password is only in its file', async () => {
    await site.configure();
    await writeFile(join(site.dir, 'password'), 'a password of mine\n', { mode: 0o600 });
    const daemon = site.start(['run']);
    await daemon.line('Listening for commands on');
    const flags = ['--address', 'proxy.example.com', '--authentication', 'basic', '--user', 'svc'];

    const added = await site.run([
      'proxy',
      'add',
      'corp',
      ...flags,
      '--password-file',
      join(site.dir, 'password'),
      '--json',
    ]);
    const status = JSON.parse((await site.run(['status', '--json'])).out) as Status;

    expect(JSON.parse(added.out)).toMatchObject({ name: 'corp', is_default: true, daemon: 'taken' });
    expect(added.code).toBe(0);
    expect(status.config.refused).toBeNull();
    expect(await readFile(site.config, 'utf8')).toMatch(/password: \{ file: \S+password \}/);
    expect((await stat(site.config)).mode & 0o777).toBe(0o600);
  });

  it('deletes a proxy in use; the daemon accepts the direct routes', async () => {
    await site.configure({
      proxies: [
        { name: 'a', address: '127.0.0.1', port: 1, default: true },
        { name: 'b', address: '127.0.0.1', port: 2 },
      ],
      updates: { feed_url: 'https://updates.example.com/feed.json' },
    });
    const daemon = site.start(['run']);
    await daemon.line('Listening for commands on');

    const deleted = await site.run(['proxy', 'delete', 'a', '--force', '--new-default', 'none']);
    const routes = JSON.parse((await site.run(['route', 'show', '--json'])).out) as Status['routes'];

    expect(deleted.code).toBe(0);
    expect(deleted.out).toContain('The running daemon has applied the change');
    expect(routes.find(({ purpose }) => purpose === 'updates')).toMatchObject({
      proxy: null,
      set_to: 'none',
      why: [expect.stringMatching(/^use_proxy_for\.updates is none \(sallyport\.yaml:\d+\)$/)],
    });
  });
});

describe('a password', () => {
  it('is refused as an argument and not repeated', async () => {
    await site.configure();
    const { code, out, err } = await site.run(['proxy', 'add', 'a', '--address', 'a', '--password', 'hunter2hunter2']);
    expect(code).toBe(64);
    expect(err).toContain('A password cannot be an argument');
    expect(out + err).not.toContain('hunter2');
  });

  it('is read from a pipe to its end', async () => {
    await site.configure();
    const flags = ['--address', 'a', '--authentication', 'basic', '--user', 'u', '--password-stdin'];
    const adding = site.start(['proxy', 'add', 'a', ...flags]);
    const { code, err } = await adding.ended;
    // Standard input is empty here.
    expect(code).toBe(64);
    expect(err).toContain('The password is empty.');
  });
});
