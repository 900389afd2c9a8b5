// The rpm from a signed repository in files, by dnf, on a machine with a real systemd and without a network. The machine has
// Debian's libraries: a package without files provides the names that Fedora's packages have for them.

import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Machine } from '#test/support/machine.ts';
import { programOutput } from '#tools/package/programs.ts';
import { ARCHITECTURES, type Release, readRelease } from '#tools/package/release.ts';
import { makeRpmRepository } from '#tools/package/repositories.ts';
import { makeRpm } from '#tools/package/rpm.ts';
import { detach, exportKey, type Signing, signRpms } from '#tools/package/signing.ts';
import { makeKey } from './apt-machine.ts';
import { madePackages } from './made-packages.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 });

const LIBRARIES = 'libraries/RPMS/noarch/debian-libraries-1-1.noarch.rpm';
const KEY_FILE = '/etc/pki/rpm-gpg/RPM-GPG-KEY-sallyport';
const REPOSITORY = `[sallyport]
name=Sallyport
baseurl=file:///repository/rpm
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=file://${KEY_FILE}
`;

describe('the rpm', () => {
  let machine: Machine;
  let signing: Signing;
  let stranger: Signing;
  const work = mkdtempSync(join(tmpdir(), 'sallyport-dnf-'));
  const release = readRelease(true);
  const newer: Release = { ...release, version: '9.0.0', packageVersion: '9.0.0' };
  const made = join(madePackages(), `sallyport-${release.packageVersion}-1.x86_64.rpm`);

  beforeAll(async () => {
    process.env['GNUPGHOME'] = join(work, 'keys');
    mkdirSync(join(work, 'keys'), { mode: 0o700 });
    signing = makeKey('test', 'rsa3072');
    stranger = makeKey('stranger', 'rsa3072');
    const files = [join(work, 'old.rpm'), makeNewer(), makeLibraries()];
    cpSync(made, files[0] ?? '');
    signRpms(signing, files);
    const output = join(work, 'repository');
    mkdirSync(output);
    makeRpmRepository(release, files, { output, signing });
    exportKey(signing, output);
    machine = await Machine.boot();
    machine.copy(output, '/repository');
    machine.write(KEY_FILE, readFileSync(join(output, 'sallyport-archive-key.asc'), 'utf8'));
    machine.write('/etc/yum.repos.d/sallyport.repo', REPOSITORY);
    machine.write('/etc/dnf/dnf.conf', '[main]\ninstall_weak_deps=False\nbest=True\n');
    await machine.run('mkdir', '-p', '/var/lib/rpm', '/var/cache/dnf');
  });
  afterAll(() => {
    programOutput('gpgconf', ['--kill', 'all']);
    rmSync(work, { recursive: true, force: true });
  });

  /** The same tree with another version. */
  const makeNewer = () => {
    const root = join(work, 'tree');
    programOutput('dpkg-deb', [
      '--extract',
      join(madePackages(), `sallyport_${release.packageVersion}-1_amd64.deb`),
      root,
    ]);
    const [architecture] = ARCHITECTURES;
    if (architecture === undefined) throw new Error('no architecture');
    return makeRpm(newer, architecture, { root, work, output: work });
  };
  /** What the rpm requires, provided by a package without files. */
  const makeLibraries = () => {
    const query = ['--dbpath', join(work, 'no-database'), '--query', '--package', '--requires', made];
    const required = programOutput('rpm', query).split('\n');
    const names = required.map((line) => line.trim()).filter((line) => line !== '' && !/^rpmlib|^systemd/.test(line));
    const provides = [...new Set(names), 'systemd = 252'].map((name) => `Provides: ${name}`).join('\n');
    const head =
      'Name: debian-libraries\nVersion: 1\nRelease: 1\nSummary: Names\nLicense: None\nBuildArch: noarch\nAutoReqProv: no';
    const file = join(work, 'libraries.spec');
    writeFileSync(file, `${head}\n${provides}\n%description\nNames.\n%files\n`);
    // rpmbuild keeps a database in the home folder.
    programOutput('rpmbuild', ['-bb', '--define', `_topdir ${join(work, 'libraries')}`, file], { env: { HOME: work } });
    return join(work, LIBRARIES);
  };
  const dnf = (...args: readonly string[]) => machine.try('dnf', '--quiet', '--assumeyes', '--releasever=1', ...args);
  const dnfMust = async (...args: readonly string[]) => {
    const ran = await dnf(...args);
    expect(`${ran.status} ${ran.stderr}`, args.join(' ')).toMatch(/^0 /);
  };
  const installed = async () => (await machine.run('rpm', '--query', 'sallyport')).trim();

  it('dnf: it refuses a changed, unsigned or wrongly signed list, and such an rpm', async () => {
    const repository = machine.outside('/repository/rpm');
    const list = join(repository, 'repodata/repomd.xml');
    const other = (name: string, sign: (file: string) => void) => {
      const [file, output] = [join(work, 'other.rpm'), join(work, name)];
      cpSync(made, file);
      sign(file);
      mkdirSync(output);
      makeRpmRepository(release, [file, join(work, LIBRARIES)], { output, signing });
      rmSync(repository, { recursive: true });
      machine.copy(join(output, 'rpm'), '/repository/rpm');
    };
    const damages: Readonly<Record<string, () => void>> = {
      'a changed list': () => appendFileSync(list, '\n'),
      'a list without a signature': () => rmSync(`${list}.asc`),
      'a list with the signature of another key': () => detach(stranger, list, `${list}.asc`),
      'an rpm without a signature': () => other('unsigned', () => undefined),
      'an rpm with the signature of another key': () => other('stranger', (file) => signRpms(stranger, [file])),
    };
    for (const [name, damage] of Object.entries(damages)) {
      damage();
      const ran = await dnf('--refresh', 'install', 'sallyport');
      expect(ran.status, name).not.toBe(0);
      expect(ran.stderr, name).toMatch(/GPG|signature|not signed|Public key/i);
      rmSync(repository, { recursive: true });
      machine.copy(join(work, 'repository/rpm'), '/repository/rpm');
    }
    expect(machine.exists('/usr/bin/sallyport')).toBe(false);
  });

  it('dnf: the first installation starts nothing; an upgrade starts again what ran', async () => {
    await dnfMust('--refresh', 'install', `sallyport-${release.packageVersion}`);
    expect(await machine.show('ActiveState')).toBe('inactive');
    expect(await machine.run('rpm', '--query', '--list', 'sallyport')).not.toMatch(/^\/etc/m);
    const refused = await machine.try('/checkout/systemd/install.sh', '--node', '/usr/lib/sallyport/node');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('the rpm sallyport owns') });

    machine.write(
      '/etc/sallyport/sallyport.yaml',
      'version: 2\nupdates:\n  feed_url: http://127.0.0.1:9/feed.json\n',
      0o640,
      'sallyport',
    );
    await machine.run('systemctl', 'start', 'sallyport.service');
    await dnfMust('upgrade', 'sallyport');
    expect(await installed()).toContain('sallyport-9.0.0');
    expect(await machine.show('ActiveState')).toBe('active');
  });

  it('dnf: a downgrade leaves a stopped service stopped; removing keeps settings and data', async () => {
    await machine.run('systemctl', 'stop', 'sallyport.service');
    await dnfMust('downgrade', 'sallyport');
    expect(await installed()).toContain(`sallyport-${release.packageVersion}`);
    expect(await machine.show('ActiveState')).toBe('inactive');
    await machine.run('systemctl', 'start', 'sallyport.service');

    await dnfMust('remove', 'sallyport');
    expect(await machine.show('ActiveState')).toBe('inactive');
    expect(machine.exists('/usr/bin/sallyport')).toBe(false);
    expect(machine.exists('/etc/sallyport/sallyport.yaml')).toBe(true);
    expect(machine.exists('/var/lib/sallyport/agent.json')).toBe(true);
  });
});
