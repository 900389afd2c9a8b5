// A machine with apt and a signed repository in files, without another source of packages. It is this system with its own
// database of packages, or the Debian in the folder SALLYPORT_DEBIAN_ROOT (CONTRIBUTING.md).

import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Machine, type Ran } from '#test/support/machine.ts';
import { programOutput } from '#tools/package/programs.ts';
import { readRelease } from '#tools/package/release.ts';
import { makeAptRepository } from '#tools/package/repositories.ts';
import { exportKey, findKey, inline, type Signing } from '#tools/package/signing.ts';
import { madePackages } from './made-packages.ts';

export const NEW = '9.0.0-1';
const BASE = process.env['SALLYPORT_DEBIAN_ROOT'] ?? '';
const SOURCES =
  'Types: deb\nURIs: file:/repository/apt\nSuites: stable\nComponents: main\nSigned-By: /etc/apt/keyrings/sallyport.asc\n';

/** A key without a passphrase, in a keyring that only this process uses. */
export function makeKey(name: string, kind = 'ed25519'): Signing {
  const flags = ['--batch', '--quiet', '--passphrase', '', '--quick-gen-key'];
  programOutput('gpg', [...flags, `${name} <${name}@example.com>`, kind, 'sign', 'never']);
  return findKey(`${name}@example.com`);
}

export class AptMachine {
  readonly release = readRelease(true);
  readonly old = `${this.release.packageVersion}-1`;
  readonly machine: Machine;
  readonly #work: string;
  readonly #stranger: Signing;

  private constructor(machine: Machine, work: string, stranger: Signing) {
    this.machine = machine;
    this.#work = work;
    this.#stranger = stranger;
  }

  /** Boots it. The repository has the package that was made, and the same one with version `NEW`. */
  static async boot(): Promise<AptMachine> {
    const work = mkdtempSync(join(tmpdir(), 'sallyport-apt-'));
    process.env['GNUPGHOME'] = join(work, 'keys');
    mkdirSync(join(work, 'keys'), { mode: 0o700 });
    const signing = makeKey('test');
    const [machine, stranger] = [await Machine.boot(BASE), makeKey('stranger')];
    const made = new AptMachine(machine, work, stranger);
    await (BASE === '' ? preparePackageManager(machine) : removeSources(machine));
    const deb = join(madePackages(), `sallyport_${made.old}_amd64.deb`);
    makeAptRepository(made.release, [deb, withVersion(work, deb, NEW)], { output: work, signing });
    machine.copy(join(work, 'apt'), '/repository/apt');
    exportKey(signing, work);
    machine.write('/etc/apt/keyrings/sallyport.asc', readFileSync(join(work, 'sallyport-archive-key.asc'), 'utf8'));
    machine.write('/etc/apt/sources.list.d/sallyport.sources', SOURCES);
    return made;
  }

  close(): void {
    spawnSync('gpgconf', ['--kill', 'all']);
    rmSync(this.#work, { recursive: true, force: true });
  }

  apt(...args: readonly string[]): Promise<Ran> {
    return this.machine.try('apt-get', '--quiet=2', '--yes', ...args);
  }

  async aptMust(...args: readonly string[]): Promise<void> {
    const ran = await this.apt(...args);
    expect(`${ran.status} ${ran.stderr}`, args.join(' ')).toMatch(/^0 /);
  }

  async installed(): Promise<string | undefined> {
    return (await this.machine.run('dpkg-query', '-W', 'sallyport')).split('\t')[1]?.trim();
  }

  log(): string {
    return readFileSync(this.machine.outside('/var/log/sallyport/sallyport.log'), 'utf8');
  }

  configure(lines: readonly string[]): void {
    this.machine.write('/etc/sallyport/sallyport.yaml', `version: 2\n${lines.join('\n')}\n`, 0o640, 'sallyport');
  }

  /** Calls this with each kind of damage to the repository, and repairs it afterwards. */
  async whileSpoiled(check: (damage: string) => Promise<void>): Promise<void> {
    const apt = this.machine.outside('/repository/apt');
    const [suite, kept] = [join(apt, 'dists'), join(this.#work, 'dists')];
    cpSync(suite, kept, { recursive: true });
    const pool = join(apt, 'pool/main/s/sallyport');
    const debs = readdirSync(pool).map((name) => [join(pool, name), statSync(join(pool, name)).size] as const);
    for (const [damage, spoil] of this.#damages(apt)) {
      spoil();
      await this.#forgetLists();
      await check(damage);
      rmSync(suite, { recursive: true });
      cpSync(kept, suite, { recursive: true });
      for (const [deb, bytes] of debs) truncateSync(deb, bytes);
    }
    await this.#forgetLists();
  }

  #damages(apt: string): readonly (readonly [string, () => void])[] {
    const suite = join(apt, 'dists/stable');
    const signed = join(suite, 'InRelease');
    return [
      [
        'a changed list',
        () => {
          for (const name of ['Packages', 'Packages.gz']) appendFileSync(join(suite, 'main/binary-amd64', name), 'x');
        },
      ],
      ['a changed Release', () => replace(signed, 'Origin: Sallyport', 'Origin: Sallyp0rt')],
      [
        'no signature',
        () => {
          for (const name of ['InRelease', 'Release.gpg']) rmSync(join(suite, name));
        },
      ],
      ['the signature of another key', () => inline(this.#stranger, join(suite, 'Release'), signed)],
      [
        'a changed package',
        () => {
          const pool = join(apt, 'pool/main/s/sallyport');
          for (const name of readdirSync(pool)) appendFileSync(join(pool, name), 'x');
        },
      ],
    ];
  }

  /** What apt has read before would be used again. */
  async #forgetLists(): Promise<void> {
    await this.machine.run('sh', '-c', 'rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin');
  }

  /** Every file and folder that a package could leave: not those of the package manager, of PID 1 and of the list of users. */
  async files(): Promise<string[]> {
    const places = ['/etc', '/usr', '/var', '/run', '/opt', '/srv', '/root', '/home'];
    const found = await this.machine.try('find', ...places, '-xdev');
    return found.stdout.split('\n').filter((path) => path !== '' && !NOT_OURS.test(path));
  }
}

/** apt and dpkg with their logs, the database of fonts and pages of `man`, PID 1 with its journal, and the users. */
const NOT_OURS = new RegExp(
  [
    '^/var/(?:lib/(?:apt|dpkg|systemd)|cache|log/(?:apt|dpkg\\.log|journal|alternatives\\.log))(?:/|$)',
    '^/run/(?:systemd|log|udev|lock|initctl|credentials|utmp|user|mount)(?:/|$)',
    '^/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-?$',
    '^/etc/\\.(?:pwd\\.lock|updated)$',
    '^/var/(?:\\.updated|tmp/)',
  ].join('|'),
);

function replace(file: string, from: string, to: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
}

/** The database of packages of this machine, so that dependencies are met, and folders that apt wants. */
async function preparePackageManager(machine: Machine): Promise<void> {
  await machine.run(
    'mkdir',
    '-p',
    ...['info', 'updates', 'triggers', 'alternatives'].map((name) => `/var/lib/dpkg/${name}`),
    ...['/var/lib/apt/lists/partial', '/var/cache/apt/archives/partial', '/var/log/apt', '/etc/alternatives'],
    ...['apt.conf.d', 'preferences.d', 'trusted.gpg.d'].map((name) => `/etc/apt/${name}`),
  );
  machine.write('/var/lib/dpkg/status', readFileSync('/var/lib/dpkg/status', 'utf8'));
  // apt converts an armored key with awk, which is a link to an alternative.
  await machine.run('ln', '-s', readlinkSync('/etc/alternatives/awk'), '/etc/alternatives/awk');
  // The machine has no user _apt.
  machine.write('/etc/apt/apt.conf.d/sandbox', 'APT::Sandbox::User "root";\n');
}

/** Those of the network. */
async function removeSources(machine: Machine): Promise<void> {
  await machine.run('sh', '-c', 'rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*');
}

/** The same package with another version, without compression. */
function withVersion(work: string, deb: string, version: string): string {
  const folder = join(work, 'unpacked');
  programOutput('dpkg-deb', ['--raw-extract', deb, folder]);
  const control = join(folder, 'DEBIAN', 'control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`));
  const file = join(work, `sallyport_${version}_amd64.deb`);
  programOutput('dpkg-deb', ['--root-owner-group', '-Znone', '--build', folder, file]);
  rmSync(folder, { recursive: true });
  return file;
}
