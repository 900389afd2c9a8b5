// systemd/install.sh into a tree of its own (DESTDIR), by any user: from what a build makes, and with a Node that does not
// start. What it does on a running system is in test/real-parts/systemd-install.test.ts.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-install-'));
  // As `npm run build` lays it out, with a program and a Node that cost nothing.
  const kit = join(dir, 'program');
  mkdirSync(join(kit, 'parts'), { recursive: true });
  writeFileSync(join(kit, 'main.js'), 'console.log("main");\n');
  writeFileSync(join(kit, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(join(kit, 'parts', 'part.js'), '\n');
  // Not every page: each costs the script some processes.
  const pages = ['docs/install.md', 'docs/operations.md', 'docs/man'];
  for (const part of ['systemd', ...pages, 'LICENSE', 'config/sallyport.example.yaml', 'config/sallyport.schema.json'])
    cpSync(join(ROOT, part), join(kit, part), { recursive: true });
  node('echo v26.10.0');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The Node of the kit is this script. */
function node(script: string): void {
  writeFileSync(join(dir, 'program', 'node'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, 'program', 'node'), 0o755);
}

function install(...args: readonly string[]) {
  const env = { PATH: process.env['PATH'], DESTDIR: join(dir, 'tree') };
  const ran = spawnSync('sh', [join(dir, 'program/systemd/install.sh'), ...args], { cwd: '/', env, encoding: 'utf8' });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

const tree = () => readdirSync(join(dir, 'tree'), { recursive: true, encoding: 'utf8' }).sort();
const lib = () => readdirSync(join(dir, 'tree/usr/lib/sallyport'), { recursive: true, encoding: 'utf8' }).sort();

describe('install.sh', { timeout: 60_000 }, () => {
  it('install.sh: a copy of the build is enough to install from', () => {
    expect(install()).toMatchObject({ status: 0, err: '' });
    expect(lib()).toEqual([
      'LICENSE',
      'node',
      'program',
      'program/main.js',
      'program/package.json',
      'program/parts',
      'program/parts/part.js',
    ]);
    expect(tree()).toEqual(
      expect.arrayContaining([
        'usr/bin/sallyport',
        'usr/lib/systemd/system/sallyport.service',
        'usr/share/doc/sallyport/install.md',
        'usr/share/doc/sallyport/examples/logrotate/sallyport',
        'usr/share/doc/sallyport/examples/support-logs.conf',
        'usr/share/sallyport/sallyport.example.yaml',
        'usr/share/sallyport/sallyport.schema.json',
        'usr/share/bash-completion/completions/sallyport',
        'usr/share/fish/vendor_completions.d/sallyport.fish',
        'usr/share/man/man5/sallyport.yaml.5',
        'usr/share/man/man8/sallyport.8',
        'usr/share/zsh/site-functions/_sallyport',
      ]),
    );
  });

  it('install.sh: an upgrade deletes the manual page of older versions in section 1', () => {
    const old = join(dir, 'tree/usr/share/man/man1/sallyport.1');
    mkdirSync(dirname(old), { recursive: true });
    writeFileSync(old, '.Dt SALLYPORT 1\n');

    expect(install().status).toBe(0);
    expect(existsSync(old)).toBe(false);
  });

  it('install.sh: a second run gives the same result and removes unfinished files', () => {
    install();
    const before = tree();
    expect(before.filter((name) => /\.(?:new|old)$/.test(name))).toEqual([]);

    const old = join(dir, 'tree/usr/share/doc/sallyport/examples/logrotate/logrotate.new');
    writeFileSync(old, 'left by an older version');
    mkdirSync(join(dir, 'tree/usr/lib/sallyport.new'));
    expect(install().status).toBe(0);
    expect(tree()).toEqual(before);
  });

  it('install.sh: an interrupted upgrade keeps the previous program', () => {
    install();
    const usrLib = join(dir, 'tree/usr/lib');
    cpSync(join(usrLib, 'sallyport'), join(usrLib, 'sallyport.old'), { recursive: true });
    rmSync(join(usrLib, 'sallyport'), { recursive: true });
    node('exit 1');

    expect(install().status).toBe(1);
    expect(existsSync(join(usrLib, 'sallyport/program/main.js'))).toBe(true);
    expect(existsSync(join(usrLib, 'sallyport.old'))).toBe(false);
  });

  it('install.sh: a full disk or an unreadable file leaves nothing unfinished', () => {
    rmSync(join(dir, 'program/docs/operations.md'));
    mkdirSync(join(dir, 'program/docs/operations.md'));

    expect(install().status).not.toBe(0);
    expect(tree().filter((name) => /\.(?:new|old)$/.test(name))).toEqual([]);
  });
});

describe('install.sh with a Node that does not start', () => {
  it('install.sh: a missing libatomic is reported with its package', () => {
    node(
      'echo "$0: error while loading shared libraries: libatomic.so.1: cannot open shared object file" >&2; exit 127',
    );
    const { status, err } = install();

    expect(status).toBe(1);
    expect(err).toMatch(/needs the library libatomic\.so\.1, which is missing here/);
    expect(err).toMatch(/apt-get install libatomic1\n.*dnf install libatomic\n/);
    expect(existsSync(join(dir, 'tree'))).toBe(false);
  });

  it('install.sh: another missing library is named', () => {
    node('echo "$0: error while loading shared libraries: libfoo.so.2: cannot open shared object file" >&2; exit 127');
    expect(install().err).toContain('needs the library libfoo.so.2');
  });

  it('install.sh: the error message of a Node that fails otherwise is shown', () => {
    node('echo "version GLIBC_2.28 not found" >&2; exit 1');
    expect(install().err).toContain('does not start here: version GLIBC_2.28 not found');
  });

  it('install.sh: a Node that is too old is reported with its version', () => {
    node('echo v20.1.0');
    expect(install().err).toContain('is v20.1.0; 24.15 or newer is needed');
  });
});

it('install.sh: --purge removes changes to the unit, --remove keeps them', { timeout: 120_000 }, () => {
  install();
  const dropIn = join(dir, 'tree/etc/systemd/system/sallyport.service.d');
  mkdirSync(dropIn, { recursive: true });
  writeFileSync(join(dropIn, 'override.conf'), '[Service]\n');

  expect(install('--remove').status).toBe(0);
  expect(readFileSync(join(dropIn, 'override.conf'), 'utf8')).toBe('[Service]\n');
  expect(install('--purge').status).toBe(0);
  expect(existsSync(dropIn)).toBe(false);
  expect(tree().filter((name) => name.includes('allyport'))).toEqual([]);
});
