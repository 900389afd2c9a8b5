// The menu on a terminal under a real systemd: its user, what that can reach, and a change through the change service.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { buildFeed } from '#origin/feed-builder.ts';
import { ActivationRig } from '#test/support/activation-rig.ts';
import { ca, startFeedOrigin } from '#test/support/diagnosis-rig.ts';
import { CONFIG_FILE, Installed } from '#test/support/installed.ts';
import { type LoginProxy, startLoginProxy } from '#test/support/login-proxy.ts';
import type { Machine } from '#test/support/machine.ts';
import { MachineTerminal } from '#test/support/machine-terminal.ts';
import { describeWith } from '#test/support/real-parts.ts';
import type { TlsOrigin } from '#test/support/tls-origin.ts';

const UNIT = '/usr/lib/systemd/system/sallyport-menu@.service';
const TMUX = ['tmux', '-S', '/run/tmux-of-the-test'] as const;
const PIN = '90210';
const PASSWORD = 'Zq7!vX#9kP';
const SECRETS = '/etc/sallyport/secrets';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

describeWith(['systemd', 'tmux'], 'the menu in a real systemd', () => {
  let installed: Installed;
  let machine: Machine;
  let unit = '';
  let origin: TlsOrigin;
  let proxy: LoginProxy;
  let vendor: ActivationRig;

  beforeAll(async () => {
    [origin, vendor] = await Promise.all([startFeedOrigin(), ActivationRig.start()]);
    proxy = await startLoginProxy('ntlm', { user: 'svc', password: PASSWORD, domain: '' }, origin.port);
    installed = await Installed.take();
    machine = installed.machine;
    machine.write('/etc/sallyport/secrets/pin', `${PIN}\n`, 0o640, 'sallyport');
    machine.write('/etc/sallyport/secrets/corp', 'the password of corp\n', 0o640, 'sallyport');
    machine.write('/etc/sallyport/ca.pem', ca.cert);
    installed.configure([
      'menu: { pin: { file: secrets/pin } }',
      `updates: { feed_url: "https://localhost:${origin.port}/feed.json", ca_file: /etc/sallyport/ca.pem }`,
      'proxies:',
      '  - { name: corp, address: 127.0.0.1, port: 1, default: true, authentication: basic, user: u, password: { file: secrets/corp } }',
    ]);
    // With its quota of half a core, each start of the service takes a second.
    machine.write('/etc/systemd/system/sallyport-change@.service.d/quota-off.conf', '[Service]\nCPUQuota=\n');
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
    // A hangup of the terminal would end tmux.
    machine.write(dropIn('terminal'), '[Service]\nTTYVHangup=no\nTTYReset=no\nTTYVTDisallocate=no\n');
    await machine.run('systemctl', 'daemon-reload');
    await machine.run('systemctl', 'start', 'sallyport.service', 'sallyport-change.socket');
  });
  afterAll(async () => {
    await machine.try('systemctl', 'stop', unit);
    await machine.try(...TMUX, 'kill-server');
    await installed.release();
    await Promise.all([origin.close(), proxy.close(), vendor.close()]);
  });

  const dropIn = (name: string) => `/etc/systemd/system/${unit}.d/${name}.conf`;
  const screen = () => machine.run(...TMUX, 'capture-pane', '-p');
  const keys = (...names: readonly string[]) => machine.run(...TMUX, 'send-keys', ...names);
  const shows = (text: string) =>
    machine.until(`the menu shows ${text}`, async () => (await screen()).includes(text), 20_000);
  const modes = () => machine.run('stat', '-c', '%a %U:%G %n', CONFIG_FILE, `${SECRETS}/corp.2`);
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

  it('menu unit: ENABLE PROXY with a typed password writes the bytes that the commands write', async () => {
    await shows('CONNECTED');
    const before = content();
    await keys('Enter');
    await shows('> ENABLE PROXY');
    await keys('Enter', 'Enter', 'Enter');
    await shows('PROXY PORT');
    await keys(String(proxy.port), 'Enter');
    await shows('PROXY USER');
    await keys('svc', 'Enter');
    await shows('PROXY PASS');
    await keys('-l', PASSWORD);
    await keys('Enter');
    await shows('REALLY ENABLE PROXY?');
    await keys('Enter');
    await shows('CONNECTED');
    expect(proxy.counted.tunnels).toBeGreaterThan(0);
    const after = content();
    expect(await installed.journal('SYSLOG_IDENTIFIER=sallyport-change')).toMatch(
      /Settings changed at the request of user \d+ .*: proxies\[0\]\.port, proxies\[0\]\.authentication, /,
    );
    expect(after).toMatch(/password: \{ ?file: secrets\/corp\.2 ?\}/);
    expect(await modes()).toBe(`640 root:sallyport ${CONFIG_FILE}\n640 root:sallyport ${SECRETS}/corp.2\n`);
    expect(readFileSync(machine.outside(`${SECRETS}/corp.2`), 'utf8')).toBe(`${PASSWORD}\n`);
    // The old password is removed once the daemon uses the new one.
    expect(machine.exists(`${SECRETS}/corp`)).toBe(false);
    for (const text of [await screen(), await installed.journal(), installed.log(), after])
      expect(text).not.toContain(PASSWORD);

    machine.write(`${SECRETS}/corp`, 'the password of corp\n', 0o640, 'sallyport');
    machine.write(CONFIG_FILE, before, 0o640, 'sallyport');
    await machine.run('rm', `${SECRETS}/corp.2`);
    const change = `proxy change --port ${proxy.port} --authentication auto --user svc --password-stdin`;
    await machine.run('sh', '-c', `echo '${PASSWORD}' | sallyport ${change} && sallyport proxy enable`);
    expect(content()).toBe(after);
    expect(await modes()).toBe(`640 root:sallyport ${CONFIG_FILE}\n640 root:sallyport ${SECRETS}/corp.2\n`);
  });

  it('menu unit: USER LOGIN leads to an activation through the change service', async () => {
    const { updates } = vendor.through({}) as { updates: { ca_file: string } };
    await buildFeed(vendor.platform.dir, { expiresDays: 30 });
    machine.write('/etc/sallyport/vendor.pem', readFileSync(updates.ca_file, 'utf8'));
    installed.configure([
      'menu: { pin: { file: secrets/pin } }',
      `updates: { feed_url: "https://localhost:${vendor.tls.port}/feed.json", ca_file: /etc/sallyport/vendor.pem }`,
      `activation: { license_keys: ["${vendor.signer.publicKey}"] }`,
      'proxies: [{ name: corp, address: 127.0.0.1, port: 1, default: true }]',
    ]);
    await machine.run('systemctl', 'restart', 'sallyport.service', unit);
    await shows('ENTER PIN');
    await keys(PIN, 'Enter');
    await shows('CHANGE PROXY PARAMS');
    await keys('Down', 'Enter');
    await shows('REALLY DISABLE PROXY?');
    await keys('Enter');
    // The first line of each screen may have USER LOGIN already.
    await shows('CONNECTED, NOT ACTIVATED');
    await keys('Enter');
    await shows('ACTIVATION KEY');
    const key = await vendor.key();
    await keys('-l', key);
    await keys('Enter');
    const name = (await machine.run('hostname')).trim().toUpperCase();
    await shows(name);
    expect(vendor.platform.origin.platform.keys[0]?.holder).not.toBeNull();
    expect(await machine.run('sallyport', 'activation', 'show')).toContain('activated');
    expect(await installed.journal('SYSLOG_IDENTIFIER=sallyport-change')).toMatch(
      /Activation: with a key, requested by user \d+/,
    );
    const found = await machine.try(
      'grep',
      '-rlE',
      key.replaceAll('-', '-?'),
      '/var/lib/sallyport',
      '/var/log',
      '/etc',
    );
    for (const text of [await screen(), await installed.journal(), found.stdout]) expect(text).not.toContain(key);
    expect(found.stdout).toBe('');
  });

  it('menu unit: it hangs up its terminal first, so that no earlier program reads the PIN', async () => {
    const terminal = await MachineTerminal.open(machine);
    const earlier = '/run/earlier-program';
    const read = `exec cat < /dev/${terminal.name} > ${earlier}`;
    const own = `sallyport-menu@${terminal.name.replace('/', '-')}.service`;
    const written = () => readFileSync(machine.outside(earlier), 'utf8');
    try {
      await machine.run('systemd-run', '--collect', '--unit=earlier-program', 'sh', '-c', read);
      await terminal.type('typed before\r');
      await machine.until('the earlier program reads', () => machine.exists(earlier) && written() !== '');
      await machine.run('systemctl', 'start', own);
      await machine.until('the menu asks for the PIN', () => terminal.screen.includes('ENTER PIN'), 20_000);
      await terminal.type(`${PIN}\r`);
      await machine.until('the menu is open', () => terminal.screen.includes('SETUP NETWORK'), 20_000);
      expect(written()).toBe('typed before\n');
      expect(await machine.show('ActiveState', 'earlier-program.service')).toBe('inactive');
    } finally {
      await machine.try('systemctl', 'stop', own, 'earlier-program.service');
      await terminal.close();
    }
  });

  it('menu unit: when its user leaves it, it starts again and is locked', async () => {
    await keys('C-c');
    await shows('ENTER PIN');
  });

  it('menu unit: a menu that could not start for long comes back by itself', async () => {
    await machine.run('systemctl', 'stop', unit);
    const failing = '[Service]\nExecStartPre=/usr/bin/test -e /run/repaired\nRestartSec=20ms\n';
    machine.write(dropIn('failing'), failing);
    await machine.run('systemctl', 'daemon-reload');
    await machine.try('systemctl', 'start', unit);
    // By default, systemd gives up after 5 starts in 10 s.
    await machine.until('it has failed 7 times', async () => Number(await machine.show('NRestarts', unit)) > 6, 30_000);
    machine.write('/run/repaired', '');
    await machine.until('it runs', async () => (await machine.show('ActiveState', unit)) === 'active', 30_000);
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
