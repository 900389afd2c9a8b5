// The tarball on a system that has only what the installation runs: without libatomic, then with it. Nothing of this machine
// is in reach but the programs that are copied, each with the libraries that it loads.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { programOutput } from '#tools/package/programs.ts';
import { readRelease } from '#tools/package/release.ts';
import { madePackages } from './made-packages.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** What install.sh and the command `sallyport` run. */
const PROGRAMS = [
  ...[
    'sh',
    'cat',
    'chmod',
    'cp',
    'dirname',
    'head',
    'id',
    'install',
    'ls',
    'mkdir',
    'mv',
    'rm',
    'rmdir',
    'sed',
    'uname',
  ],
  ...['getent', 'groupadd', 'nologin', 'setpriv', 'useradd', 'usermod'],
];

describe('the tarball', () => {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-minimal-'));
  const name = `sallyport-${readRelease(true).version}-linux-x64`;
  const node = join(root, 'opt', name, 'node');
  let atomic = '';
  afterAll(() => rmSync(root, { recursive: true }));

  beforeAll(() => {
    for (const folder of [
      'dev',
      'etc',
      'opt',
      'proc',
      'tmp',
      'usr/bin',
      'usr/lib',
      'var/lib',
      'var/log',
      'var/spool',
    ]) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    for (const link of ['bin', 'sbin', 'lib', 'lib64']) {
      programOutput('ln', ['-s', link.startsWith('lib') ? 'usr/lib' : 'usr/bin', join(root, link)]);
    }
    programOutput('ln', ['-s', 'bin', join(root, 'usr/sbin')]);
    programOutput('tar', ['-xzf', join(madePackages(), `${name}.tar.gz`), '-C', join(root, 'opt')]);
    for (const program of PROGRAMS) {
      const path = realpathSync(programOutput('sh', ['-c', `PATH=/usr/sbin:/usr/bin; command -v ${program}`]).trim());
      cpSync(path, join(root, 'usr/bin', program));
      for (const library of librariesOf(path)) addLibrary(library);
    }
    for (const library of librariesOf(node)) {
      if (basename(library).startsWith('libatomic.so')) atomic = library;
      else addLibrary(library);
    }
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
    writeFileSync(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\n');
  });

  /** Libraries that a program loads, by ldd: `name => path (address)`, and the loader. */
  const librariesOf = (path: string): string[] =>
    [...programOutput('ldd', [path]).matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
  const addLibrary = (library: string) => {
    const to = join(root, 'usr/lib', basename(library));
    if (!existsSync(to)) cpSync(realpathSync(library), to);
  };
  const run = (...command: readonly string[]) => {
    const flags = [
      '--bind',
      root,
      '/',
      '--proc',
      '/proc',
      '--dev',
      '/dev',
      '--unshare-pid',
      '--unshare-net',
      '--cap-add',
      'ALL',
      '--die-with-parent',
    ];
    const env = { PATH: '/usr/bin', LD_LIBRARY_PATH: '/usr/lib' };
    return spawnSync('/usr/bin/bwrap', [...flags, '--', ...command], { encoding: 'utf8', env });
  };

  it('tarball: without libatomic the installation names it and the command, and changes nothing', () => {
    expect(basename(atomic)).toBe('libatomic.so.1');
    const before = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
    const ran = run(`/opt/${name}/systemd/install.sh`);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('needs the library libatomic.so.1');
    expect(ran.stderr).toContain('apt-get install libatomic1');
    expect(ran.stderr).toContain('dnf install libatomic');
    expect(readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()).toEqual(before);
  });

  it('tarball: with libatomic it installs a program that runs with what was copied', () => {
    addLibrary(atomic);
    const installed = run(`/opt/${name}/systemd/install.sh`);
    expect([installed.status, installed.stderr]).toEqual([0, '']);
    rmSync(join(root, 'opt', name), { recursive: true });
    const versions = run('/usr/bin/sallyport', 'version', '--json');
    expect([versions.status, versions.stderr]).toEqual([0, '']);
    expect(JSON.parse(versions.stdout)).toMatchObject({ sallyport: readRelease(true).version });
    const checked = run('/usr/bin/sallyport', '-c', '/usr/share/sallyport/sallyport.example.yaml', 'config', 'check');
    expect(checked.stdout + checked.stderr).toMatch(/no errors/);
    expect(existsSync(join(root, dirname('usr/lib/systemd/system/sallyport.service'), 'sallyport.service'))).toBe(true);
  });
});
