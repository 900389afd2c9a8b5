// The script that installs: again, over a running service, away again, and into the tree of a package.

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { CONFIG_FILE, Installed } from '#test/support/installed.ts';
import type { Machine } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';

// Tests start several processes in the machine, and others may run at the same time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** /usr has everything of the machine out here; the layer on top of it has only what changed since the boot. */
const CHANGES_OF_USR = '/.changes';
const FOLDERS = ['/etc/sallyport', '/var/lib/sallyport', '/var/log/sallyport', '/var/spool/sallyport'];

describeWith(['systemd'], 'systemd/install.sh', () => {
  let installed: Installed;
  let machine: Machine;

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
  });
  afterAll(() => installed.release());

  /** Names, modes and owners of everything that is ours. */
  const tree = async () => {
    const find = (folders: string, path: string) =>
      `find ${folders} -path '*allyport*' -printf '${path} %M %u:%g\\n' 2>/dev/null`;
    const both = `{ ${find(CHANGES_OF_USR, '/usr/%P')}; ${find(FOLDERS.join(' '), '%p')}; } | sort`;
    return await machine.run('sh', '-c', both);
  };

  it('install.sh: it installs all files, and only root may write to them', async () => {
    const lines = (await tree()).trim().split('\n');
    const has = (line: string) => expect(lines).toContain(line);

    has('/usr/bin/sallyport -rwxr-xr-x root:root');
    has('/usr/lib/sallyport/node -rwxr-xr-x root:root');
    has('/usr/lib/sallyport/program/main.js -rw-r--r-- root:root');
    has('/usr/lib/systemd/system/sallyport.service -rw-r--r-- root:root');
    has('/usr/lib/systemd/system/sallyport-change.socket -rw-r--r-- root:root');
    has('/usr/lib/systemd/system/sallyport-change@.service -rw-r--r-- root:root');
    // Only users whom an admin has named may change the configuration, and the socket is off.
    expect(await machine.run('getent', 'group', 'sallyport-admin')).toMatch(
      /^sallyport-admin:[^:]*:\d+:sallyport-console$/m,
    );
    expect(await machine.show('ActiveState', 'sallyport-change.socket')).toBe('inactive');
    has('/etc/sallyport drwxr-x--- root:sallyport');
    has('/usr/share/sallyport/sallyport.example.yaml -rw-r--r-- root:root');
    has('/var/lib/sallyport drwx--x--x sallyport:sallyport');
    has('/var/log/sallyport drwxr-x--- sallyport:sallyport');
    has('/var/spool/sallyport/new drwxrws--T sallyport:sallyport-submit');
    has('/var/spool/sallyport/tmp drwxrws--T sallyport:sallyport-submit');
    has('/var/spool/sallyport/rejected drwxr-s--- sallyport:sallyport-submit');
    expect(await machine.run('id', '-nG', 'sallyport')).toContain('sallyport-submit');
    const ours = lines.filter((line) => line.startsWith('/usr/'));
    expect(ours.filter((line) => !/ [-d]rw[-x]r-[-x]r-[-x] root:root$/.test(line))).toEqual([]);
  });

  it('install.sh: the command uses its own places, whatever the environment says', async () => {
    const env = ['NODE_OPTIONS=--inspect', 'NODE_TLS_REJECT_UNAUTHORIZED=0', 'SSLKEYLOGFILE=/tmp/keys'];
    const ran = await machine.try('env', ...env, 'sallyport', 'config', 'check');

    expect(ran.stderr).toContain('NODE_OPTIONS is set; it is not passed on');
    expect(ran.stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED is set; it is not passed on');
    expect(ran.stderr).toContain('SSLKEYLOGFILE is set; it is not passed on');
    expect(ran.stdout + ran.stderr).toContain(CONFIG_FILE);
  });

  it('install.sh: running it again changes no file of the admin and starts no stopped service', async () => {
    installed.configure(['logging:', '  level: debug']);
    const before = await tree();
    await installed.install();

    expect(await tree()).toBe(before);
    expect(await machine.run('cat', CONFIG_FILE)).toContain('level: debug');
    expect(await machine.show('ActiveState')).toBe('inactive');
  });

  it('install.sh: an upgrade restarts a running service', async () => {
    await machine.run('systemctl', 'start', 'sallyport.service');
    const before = await machine.show('MainPID');
    expect(await machine.run('cat', `/proc/${before}/comm`)).toBe('sallyport\n');
    await installed.install();

    expect(await machine.show('ActiveState')).toBe('active');
    expect(await machine.show('MainPID')).not.toBe(before);
  });

  it('install.sh: commands of root that work on the state run as the service user', async () => {
    await machine.run('systemctl', 'stop', 'sallyport.service');
    const commands = [
      'check',
      'status',
      'diagnose',
      'updates list',
      'proxy test',
      'timeout explain 48MB',
      'route show',
    ];
    for (const command of commands) {
      const ran = await machine.try('sallyport', ...command.split(' '));
      expect(ran.stdout + ran.stderr, command).not.toContain('STATE-OF-OTHERS');
    }

    const find = ['find', '/var/lib/sallyport', '/var/log/sallyport', '!', '-user', 'sallyport'];
    expect(await machine.run(...(find as [string, ...string[]]))).toBe('');
  });

  it('install.sh: DESTDIR makes the tree of a package and changes nothing else', async () => {
    const before = await tree();
    const script = '/checkout/systemd/install.sh --node /node/node --program /program';
    await machine.run('sh', '-c', `DESTDIR=/tmp/tree ${script}`);

    expect(await tree()).toBe(before);
    await machine.run('test', '-x', '/tmp/tree/usr/bin/sallyport');
    await machine.run('test', '-f', '/tmp/tree/usr/lib/sallyport/program/main.js');
  });

  it('install.sh: --remove keeps the files of the admin, --purge removes them', async () => {
    await machine.run('systemctl', 'start', 'sallyport.service');
    await machine.run('/checkout/systemd/install.sh', '--remove');
    expect(await machine.show('ActiveState')).toBe('inactive');
    const left = await tree();
    expect(left).not.toContain('/usr');
    expect(left).toContain(CONFIG_FILE);
    expect(left).toContain('/var/lib/sallyport/agent.json');

    await installed.edit('Nice=1');
    await machine.run('/checkout/systemd/install.sh', '--purge');
    expect(await tree()).toBe('');
    expect(await machine.run('find', '/etc/systemd', '-name', '*allyport*')).toBe('');
    expect((await machine.try('id', 'sallyport')).status).not.toBe(0);
    for (const group of ['sallyport-admin', 'sallyport-submit']) {
      expect((await machine.try('getent', 'group', group)).status).not.toBe(0);
    }
  });
});
