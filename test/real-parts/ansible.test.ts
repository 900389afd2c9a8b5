// The role in deploy/ansible, run by Debian's Ansible against this host in folders of its own. systemctl is a script that
// keeps the state of the unit. The tarball has an install.sh that installs the program of the tests.

import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROGRAM_PATH } from '#test/support/built-program.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { SignedOrigin } from '#test/support/signed-origin.ts';
import { Site } from '#test/support/site.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/ansible', import.meta.url));
const SECRET = 'hunter2-is-secret';
const OTHER_SECRET = 'another-secret-9';
const JAR = makeJar('u1', 4_000);
const { version: VERSION } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** What `systemctl` is for Ansible: a unit that can be enabled, started and reloaded. */
const SYSTEMCTL = `#!/bin/sh
case $1 in
  show) echo LoadState=loaded; [ -e "$STATE/started" ] && echo ActiveState=active || echo ActiveState=inactive;;
  is-enabled) [ -e "$STATE/enabled" ] && echo enabled || { echo disabled; exit 1; };;
  is-active) [ -e "$STATE/started" ];;
  enable) touch "$STATE/enabled"; echo enable >> "$STATE/calls";;
  start) touch "$STATE/started"; echo start >> "$STATE/calls";;
  reload) echo reload >> "$STATE/calls";;
esac
`;

interface Run {
  readonly status: number;
  readonly output: string;
}

describeWith(['ansible', 'tar'], 'ansible', () => {
  let dir: string;
  let first: Run;
  const path = (...names: string[]) => join(dir, ...names);
  const config = () => readFileSync(path('etc', 'sallyport.yaml'), 'utf8');
  const secret = () => readFileSync(path('etc', 'secrets', 'proxy-password'), 'utf8');
  const calls = () => readFileSync(path('calls'), 'utf8').trim().split('\n');

  function play(playbook: string, inventory: string, more: readonly string[] = []): Promise<Run> {
    const environment = {
      PATH: `${path('bin')}:/usr/bin:/bin:/usr/sbin:/sbin`,
      HOME: dir,
      LANG: 'C.UTF-8',
      STATE: dir,
      ANSIBLE_ROLES_PATH: join(DEPLOY, 'roles'),
      ANSIBLE_LOCAL_TEMP: path('local'),
      ANSIBLE_REMOTE_TMP: path('remote'),
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_PIPELINING: '1',
      ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
    };
    return new Promise((resolve) => {
      execFile(
        'ansible-playbook',
        ['-i', inventory, '-c', 'local', playbook, ...more],
        { env: environment, maxBuffer: 16_777_216 },
        (error, out, err) => resolve({ status: Number(error?.code ?? 0), output: out + err }),
      );
    });
  }

  /** Runs the role with these settings; `more` are options of ansible-playbook. */
  async function role(
    settings: Record<string, unknown>,
    password = SECRET,
    more: readonly string[] = [],
  ): Promise<Run> {
    const ids = { sallyport_owner: process.getuid?.(), sallyport_group: process.getgid?.() };
    const variables = {
      ...ids,
      sallyport_install: 'tarball',
      sallyport_tarball: path('sallyport.tar.gz'),
      sallyport_version: VERSION,
      sallyport_command: path('bin', 'sallyport'),
      sallyport_config_dir: path('etc'),
      sallyport_secrets: { 'proxy-password': password },
      sallyport_settings: {
        version: 2,
        proxies: [
          {
            ...{ name: 'corp', default: true, address: 'proxy.example.com', port: 3_128 },
            ...{ authentication: 'basic', user: 'sallyport' },
            password: { file: path('etc', 'secrets', 'proxy-password') },
          },
        ],
        updates: { feed_url: 'https://updates.example.com/feed.json' },
        ...settings,
      },
    };
    writeFileSync(path('variables.json'), JSON.stringify(variables));
    return await play(path('play.yml'), 'localhost,', ['-e', `@${path('variables.json')}`, ...more]);
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sallyport-ansible-'));
    mkdirSync(path('bin'));
    mkdirSync(path('tarball', 'systemd'), { recursive: true });
    writeFileSync(path('bin', 'systemctl'), SYSTEMCTL, { mode: 0o755 });
    writeFileSync(path('program'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM_PATH}' "$@"\n`, { mode: 0o755 });
    const script = `#!/bin/sh\ncp '${path('program')}' '${path('bin', 'sallyport')}'\n`;
    writeFileSync(path('tarball', 'systemd', 'install.sh'), script, { mode: 0o755 });
    execFileSync('tar', ['-C', dir, '-czf', path('sallyport.tar.gz'), 'tarball']);
    const tasks = [{ hosts: 'all', gather_facts: false, roles: ['sallyport'] }];
    writeFileSync(path('play.yml'), JSON.stringify(tasks));
    first = await role({}, SECRET, ['-vvv', '--diff']);
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('ansible: the first run installs, configures and starts, and shows no secret', () => {
    expect(first, first.output).toMatchObject({ status: 0 });
    expect(first.output).not.toContain(SECRET);
    expect(secret()).toBe(SECRET);
    expect(statSync(path('etc', 'secrets', 'proxy-password')).mode & 0o777).toBe(0o640);
    expect(config()).toContain('address: proxy.example.com');
    expect(config()).not.toContain(SECRET);
    const checked = execFileSync(path('bin', 'sallyport'), [
      'config',
      'check',
      '--config',
      path('etc', 'sallyport.yaml'),
    ]);
    expect(checked.toString('utf8')).toContain('no errors.');
    expect(calls().slice(0, 2).toSorted()).toEqual(['enable', 'start']);
  });

  it('ansible: a second run changes nothing', { timeout: 120_000 }, async () => {
    const before = calls();
    const { status, output } = await role({});
    expect(output).toMatch(/changed=0 /);
    expect(status).toBe(0);
    expect(calls()).toEqual(before);
  });

  it('ansible: a wrong setting stops it before anything is replaced', { timeout: 120_000 }, async () => {
    const before = [config(), secret(), calls()];
    const { status, output } = await role({ retry: { attempts: 'many' } }, OTHER_SECRET, ['-vvv']);
    expect(status).not.toBe(0);
    expect(output).toContain('retry.attempts');
    expect(output).not.toContain(OTHER_SECRET);
    expect([config(), secret(), calls()]).toEqual(before);
  });

  it('ansible: a new password is written, and the service reloads once', { timeout: 120_000 }, async () => {
    const before = calls();
    const { status, output } = await role({ retry: { attempts: 3 } }, OTHER_SECRET, ['-vvv', '--diff']);
    expect(status, output).toBe(0);
    expect(secret()).toBe(OTHER_SECRET);
    expect(output).toContain('attempts: 3');
    expect(output).not.toMatch(new RegExp(`${SECRET}|${OTHER_SECRET}`));
    expect(calls()).toEqual([...before, 'reload']);
  });

  it('ansible: the air-gap example carries an update to another host', { timeout: 120_000 }, async () => {
    const origin = await SignedOrigin.start();
    const [vendor, host] = await Promise.all([Site.make(), Site.make()]);
    try {
      origin.validFromNow();
      origin.offer([{ item: itemFor('u1', JAR), bytes: JAR }]);
      for (const site of [vendor, host]) {
        const root = await site.write('root.json', Buffer.from(origin.repository.initialRoot).toString('utf8'));
        await site.configure({ updates: origin.settings(root) });
        const command = `#!/bin/sh\nexec '${path('program')}' --config '${site.config}' "$@"\n`;
        writeFileSync(join(site.dir, 'sallyport'), command, { mode: 0o755 });
      }
      expect((await vendor.run(['check'])).code).toBe(0);
      const line = (name: string, { dir: own }: Site) =>
        `${name} ansible_become=false sallyport_command=${join(own, 'sallyport')} sallyport_bundle_folder=${own}`;
      const groups = ['[sallyport_connected]', line('a', vendor), '[sallyport_isolated]', line('b', host), ''];
      writeFileSync(path('inventory'), groups.join('\n'));
      const local = ['-e', `sallyport_bundle_local=${path('carried.tar')}`];
      const { status, output } = await play(join(DEPLOY, 'air-gap.yml'), path('inventory'), local);
      expect(status, output).toBe(0);
      expect(readFileSync(join(host.dir, 'packages', 'u1.jar')).equals(JAR)).toBe(true);
    } finally {
      await Promise.all([vendor.remove(), host.remove(), origin.close()]);
    }
  });

  it('ansible: the example of a playbook is valid', { timeout: 120_000 }, async () => {
    writeFileSync(path('vault.yml'), 'proxy_password: x\n');
    copyFileSync(join(DEPLOY, 'example.yml'), path('example.yml'));
    const { status, output } = await play(path('example.yml'), 'localhost,', ['--syntax-check']);
    expect(status, output).toBe(0);
  });
});
