// The menu on a terminal under a real systemd: its user, what that can reach, and a change through the change service.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { CONFIG_FILE, Installed } from '#test/support/installed.ts';
import type { Machine } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';

const UNIT = '/usr/lib/systemd/system/sallyport-menu@.service';
const DROP_IN = '/etc/systemd/system/sallyport-menu@.service.d/terminal.conf';
const TMUX = ['tmux', '-S', '/run/tmux-of-the-test'] as const;
const PIN = '90210';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeWith(['systemd', 'tmux'], 'the menu in a real systemd', () => {
  let installed: Installed;
  let machine: Machine;
  let unit = '';

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
    machine.write('/etc/sallyport/secrets/pin', `${PIN}\n`, 0o640, 'sallyport');
    machine.write('/etc/sallyport/secrets/corp', 'the password of corp\n', 0o640, 'sallyport');
    installed.configure([
      'menu: { pin: { file: secrets/pin } }',
      'proxies:',
      '  - { name: corp, address: 127.0.0.1, port: 1, default: true, authentication: basic, user: u, password: { file: secrets/corp } }',
    ]);
    // A hangup of the terminal would end tmux.
    machine.write(DROP_IN, '[Service]\nTTYVHangup=no\nTTYReset=no\nTTYVTDisallocate=no\n');
    await machine.run('systemctl', 'daemon-reload');
    await machine.run('systemctl', 'start', 'sallyport.service', 'sallyport-change.socket');
    // The pane is the terminal of the unit; its own program only keeps it open.
    await machine.run(
      ...TMUX,
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      '80',
      '-y',
      '24',
      "trap '' HUP; sleep 3600",
    );
    const tty = (await machine.run(...TMUX, 'display-message', '-p', '#{pane_tty}')).trim();
    unit = `sallyport-menu@${tty.replace('/dev/', '').replaceAll('/', '-')}.service`;
  });
  afterAll(async () => {
    await machine.try('systemctl', 'stop', unit);
    await machine.try(...TMUX, 'kill-server');
    await installed.release();
  });

  const screen = () => machine.run(...TMUX, 'capture-pane', '-p');
  const keys = (...names: readonly string[]) => machine.run(...TMUX, 'send-keys', ...names);
  const shows = (text: string) =>
    machine.until(`the menu shows ${text}`, async () => (await screen()).includes(text), 20_000);
  const content = () => readFileSync(machine.outside(CONFIG_FILE), 'utf8');

  it('menu unit: it is installed disabled, and sallyport-admin is the only group of its user', async () => {
    expect((await machine.try('systemctl', 'is-enabled', 'sallyport-menu@tty1.service')).stdout.trim()).toBe(
      'disabled',
    );
    expect((await machine.run('id', '-nG', 'sallyport-menu')).trim()).toBe('sallyport-admin');
  });

  it('menu unit: the user of the menu reaches neither the configuration nor the daemon', async () => {
    for (const path of [CONFIG_FILE, '/etc/sallyport/secrets/pin']) {
      const { status } = await machine.try(
        'setpriv',
        '--reuid=sallyport-menu',
        '--regid=sallyport-admin',
        '--clear-groups',
        'cat',
        path,
      );
      expect(status).not.toBe(0);
    }
  });

  it('menu unit: it asks for the PIN, and changes the proxy through the change service', async () => {
    await machine.run('systemctl', 'start', unit);
    await shows('ENTER PIN');
    await keys('00000', 'Enter');
    await shows('WRONG PIN');
    await keys(PIN, 'Enter');
    await shows('CHANGE PROXY PARAMS');
    await keys('Down', 'Enter');
    await shows('REALLY DISABLE PROXY?');
    await keys('Enter');
    await machine.until('the file is changed', () => content().includes('proxy_enabled: false'), 30_000);
    await machine.until('the journal names the change', async () =>
      /Settings changed at the request of user \d+.*: proxy_enabled\./.test(
        await installed.journal('SYSLOG_IDENTIFIER=sallyport-change'),
      ),
    );
    expect(await installed.journal()).not.toContain(PIN);
    expect(await screen()).not.toContain(PIN);
  });

  it('menu unit: when its user leaves it, it starts again and is locked', async () => {
    await keys('C-c');
    await shows('ENTER PIN');
  });

  it('menu unit: systemd-analyze verify accepts the unit, and its exposure is at most 2', async () => {
    const verified = await machine.try('systemd-analyze', 'verify', unit);
    expect(verified).toEqual({ status: 0, stdout: '', stderr: '' });
    const { stdout } = await machine.try('systemd-analyze', 'security', '--offline=true', '--no-pager', UNIT);
    const level = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? '';
    expect(Number(level)).toBeLessThanOrEqual(2);
  });
});
