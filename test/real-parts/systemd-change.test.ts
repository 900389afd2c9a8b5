// The change service under a real systemd, with real users: who may change what, and what the journal says of them.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { CONFIG_FILE, Installed } from '#test/support/installed.ts';
import type { Machine, Ran } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';

const SOCKET = '/run/sallyport-change.sock';
const UNIT = '/usr/lib/systemd/system/sallyport-change@.service';
const QUOTA_OFF = '/etc/systemd/system/sallyport-change@.service.d/quota-off.conf';
const INSTALL_DOC = fileURLToPath(new URL('../../docs/install.md', import.meta.url));

/** Members of both groups, a member of only the service's group, and another user. */
const USERS = {
  alice: { uid: 1_601, groups: 'sallyport,sallyport-admin' },
  carol: { uid: 1_602, groups: 'sallyport,sallyport-admin' },
  bob: { uid: 1_603, groups: 'sallyport' },
  mallory: { uid: 1_604, groups: 'nogroup' },
} as const;

const LINES = [
  '# ours',
  'proxy_enabled: true',
  'proxies:',
  '  - { name: corp, address: 127.0.0.1, port: 1, default: true, authentication: basic, user: u, password: { file: secrets/corp } }',
];

/** Connects, sends the text, prints what comes back; or connects many times, and goes away at once. Starts faster than Node. */
const CLIENT = `
import errno, socket, sys
path, text, times = sys.argv[1:]
for _ in range(int(times)):
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(path)
        client.sendall(text.encode())
        while text and (part := client.recv(65536)):
            sys.stdout.write(part.decode())
    except OSError as error:
        print(errno.errorcode[error.errno])
    client.close()
`;

// Tests start several processes in the machine, and others may run at the same time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

describeWith(['systemd', 'python3'], 'the change service in a real systemd', () => {
  let installed: Installed;
  let machine: Machine;
  let original: string;

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
    // With its quota of half a core, each start of the service takes a second.
    machine.write(QUOTA_OFF, '[Service]\nCPUQuota=\n');
    await machine.run('systemctl', 'daemon-reload');
    await machine.run('systemctl', 'start', 'sallyport-change.socket');
    await configure();
    original = content();
    await machine.run('systemctl', 'start', 'sallyport.service');
  });
  afterAll(() => installed.release());
  async function configure(): Promise<void> {
    machine.write('/etc/sallyport/secrets/corp', 'the password of corp\n', 0o640);
    await machine.run('chown', 'sallyport:sallyport', '/etc/sallyport/secrets/corp');
    installed.configure(LINES);
  }

  /** Undoes the change of a test, which the daemon then applies. */
  afterEach(async () => {
    if (content() === original) return;
    const applied = () => installed.log().split('New configuration loaded').length;
    const before = applied();
    await configure();
    await machine.until('the daemon has applied the configuration', () => applied() > before);
  });

  function as(user: keyof typeof USERS, command: string, ...args: readonly string[]): Promise<Ran> {
    const { uid, groups } = USERS[user];
    return machine.try('setpriv', `--reuid=${uid}`, `--regid=${uid}`, `--groups=${groups}`, '--', command, ...args);
  }
  const send = async (user: keyof typeof USERS, text: string) =>
    (await as(user, 'python3', '-c', CLIENT, SOCKET, text, '1')).stdout;
  async function request(user: keyof typeof USERS, over: object): Promise<string> {
    const digest = createHash('sha256').update(content()).digest('hex');
    const whole = { verb: 'apply', digest, edits: [], secret: null, window_ms: 20_000, waits: false, ...over };
    return await send(user, `${JSON.stringify(whole)}\n`);
  }
  const set = (path: (string | number)[], value: unknown) => ({ edits: [{ kind: 'set', path, value }] });
  const content = () => readFileSync(machine.outside(CONFIG_FILE), 'utf8');
  const journal = () => installed.journal('SYSLOG_IDENTIFIER=sallyport-change');

  it("change service: a member's change keeps owner, group, mode and comments of the file", async () => {
    const { status, stdout, stderr } = await as('alice', 'sallyport', 'proxy', 'disable');
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    expect(stdout).toContain('The new settings work.');
    expect(stdout).toContain('The running daemon has applied the change');
    expect(content()).toContain('# ours\nproxy_enabled: false\n');
    expect(await machine.run('stat', '-c', '%a %U:%G', CONFIG_FILE)).toBe('640 root:sallyport\n');
  });

  it("change service: a member's password is stored in a file for root and the service", async () => {
    const secret = { path: ['proxies', 0, 'password'], value: 'typed by alice' };
    // No purpose uses the proxy, so nothing has to be tested.
    expect(await request('alice', { ...set(['proxies', 0, 'port'], 2), secret })).toContain(
      '"stored":"secrets/corp.2"',
    );
    const stored = '/etc/sallyport/secrets/corp.2';
    expect(await machine.run('stat', '-c', '%a %U:%G', stored)).toBe('640 root:sallyport\n');
    expect(await machine.run('cat', stored)).toBe('typed by alice\n');
    expect(await journal()).not.toContain('typed by alice');
  });

  it('change service: the journal names the user of each change, as the kernel reports it', async () => {
    await request('alice', set(['proxy_enabled'], false));
    await request('carol', set(['proxy_enabled'], true));
    const told = await journal();
    expect(told).toMatch(/Settings changed at the request of user 1601 \(process \d+\): proxy_enabled\./);
    expect(told).toMatch(/Settings changed at the request of user 1602 \(process \d+\): proxy_enabled\./);
    expect(installed.log()).toMatch(/user 1601 \(process \d+\)/);
  });

  it('change service: users outside the group cannot connect', async () => {
    for (const user of ['bob', 'mallory'] as const) expect(await send(user, '{}\n'), user).toBe('EACCES\n');
    const { status, stderr } = await as('bob', 'sallyport', 'proxy', 'disable');
    expect([status, stderr]).toEqual([78, expect.stringContaining('[CONFIG-FORBIDDEN]')]);
    expect(content()).toContain('proxy_enabled: true');
  });

  it('change service: keys of root, sources of secrets and new places for them are refused', async () => {
    const before = content();
    const refused: [object, string][] = [
      [set(['updates', 'feed_url'], 'https://evil.example/'), 'KEY-AUTHORITY'],
      [set(['updates', 'on_published'], { command: '/bin/sh' }), 'KEY-AUTHORITY'],
      [set(['proxies', 0, 'password'], { file: '/etc/shadow' }), 'KEY-AUTHORITY'],
      [set(['proxies', 0, 'port'], 9), 'SECRET-NOT-IN-FORCE'],
    ];
    const answers = await Promise.all(refused.map(([over]) => request('alice', over)));
    for (const [index, [, code]] of refused.entries()) expect(answers[index]).toContain(`"${code}"`);
    expect(await send('alice', '{"verb":"apply","text":"version: 1"}\n')).toContain('"CHANGE-REQUEST"');
    expect(content()).toBe(before);
  });

  it('change service: connecting in a loop does not block other users', async () => {
    await as('alice', 'python3', '-c', CLIENT, SOCKET, '', '300');
    const isFree = async () =>
      (await request('carol', { ...set(['proxy_enabled'], false), verb: 'try' })).includes('"tried"');
    await machine.until('the service answers again', isFree, 30_000);
    expect(await machine.show('ActiveState', 'sallyport-change.socket')).toBe('active');
  });

  it('change service: nothing is written while the daemon is down', async () => {
    await machine.run('systemctl', 'stop', 'sallyport.service');
    expect(await request('alice', set(['proxy_enabled'], false))).toContain('"CHANGE-UNTRIED"');
    expect(content()).toContain('proxy_enabled: true');
    await machine.run('systemctl', 'start', 'sallyport.service');
  });

  it('change service: connections per user, CPU time and memory are limited', async () => {
    await machine.run('rm', QUOTA_OFF);
    await machine.run('systemctl', 'daemon-reload');
    expect(await machine.show('MaxConnectionsPerSource', 'sallyport-change.socket')).toBe('4');
    const unit = 'sallyport-change@1.service';
    expect(await machine.show('CPUQuotaPerSecUSec', unit)).toBe('500ms');
    expect(await machine.show('CPUWeight', unit)).toBe('20');
    expect(await machine.show('MemoryMax', unit)).toBe(`${512 * 1_024 * 1_024}`);
  });

  it('change service: systemd-analyze verify accepts the units', async () => {
    const verified = await machine.try('systemd-analyze', 'verify', UNIT, 'sallyport-change.socket');
    expect(verified).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('change service: the exposure is the one in docs/install.md, at most 1.5', async () => {
    const { stdout } = await machine.try('systemd-analyze', 'security', '--offline=true', '--no-pager', UNIT);
    const level = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? '';
    expect(Number(level)).toBeLessThanOrEqual(1.5);
    expect(readFileSync(INSTALL_DOC, 'utf8')).toContain(`reports **${level}** for \`sallyport-change@.service\``);
  });
});
