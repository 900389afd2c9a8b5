// What is in the packages, without installing them, for each architecture that was made: CI makes x64, a release both.
// Nothing of another architecture is run.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { nativeFiles } from '#tools/package/parts.ts';
import { programOutput } from '#tools/package/programs.ts';
import { ARCHITECTURES, ROOT, readRelease } from '#tools/package/release.ts';
import type { Component } from '#tools/package/sbom.ts';
import { madePackages } from './made-packages.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const PROGRAM = 'usr/lib/sallyport';
const { version, packageVersion } = readRelease(true);
const folder = madePackages();
const work = mkdtempSync(join(tmpdir(), 'sallyport-contents-'));
afterAll(() => rmSync(work, { recursive: true }));
const made = ARCHITECTURES.filter(({ node }) =>
  readdirSync(folder).includes(`sallyport-${version}-linux-${node}.tar.gz`),
);

/** Elf64_Ehdr as readelf prints it. */
const MACHINE = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' } as const;

it('packages: those for x64 were made', () => {
  expect(made.map(({ node }) => node)).toContain('x64');
});

describe.each(made)('packages for $node', ({ node, deb, rpm }) => {
  const kit = join(work, node, `sallyport-${version}-linux-${node}`);
  const tree = join(work, node, 'deb');
  const debFile = join(folder, `sallyport_${packageVersion}-1_${deb}.deb`);
  const rpmFile = join(folder, `sallyport-${packageVersion}-1.${rpm}.rpm`);

  beforeAll(() => {
    mkdirSync(tree, { recursive: true });
    programOutput('tar', ['-xzf', join(folder, `sallyport-${version}-linux-${node}.tar.gz`), '-C', join(work, node)]);
    programOutput('dpkg-deb', ['--extract', debFile, tree]);
  });

  it('packages: machine code is for the architecture, and needs at most glibc 2.28 and libatomic', () => {
    const files = nativeFiles(kit);
    expect(files.length).toBe(2);
    for (const file of files) expect(programOutput('readelf', ['--file-header', file])).toContain(MACHINE[node]);
    const depends = programOutput('dpkg-deb', ['--field', debFile, 'Depends']);
    expect(depends).toMatch(/libc6 \(>= 2\.28\)/);
    expect(depends).toMatch(/libatomic1.*libstdc\+\+6.*systemd \(>= 239\)/);
    const required = programOutput('rpm', [...NO_DATABASE, '--query', '--package', '--requires', rpmFile]);
    expect(required).toMatch(/^libatomic\.so\.1\(/m);
    expect(required).toMatch(/^systemd >= 239$/m);
    const glibc = [...required.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    expect(Math.max(...glibc)).toBe(28);
  });

  it('packages: deb, rpm and tarball name their architecture and have the same program', () => {
    expect(programOutput('dpkg-deb', ['--field', debFile, 'Architecture', 'Version'])).toBe(
      `Architecture: ${deb}\nVersion: ${packageVersion}-1\n`,
    );
    const query = ['--query', '--package', '--queryformat', '%{ARCH} %{VERSION}-%{RELEASE}', rpmFile];
    expect(programOutput('rpm', [...NO_DATABASE, ...query])).toBe(`${rpm} ${packageVersion}-1`);

    const inDeb = digestsBelow(join(tree, PROGRAM));
    expect(inDeb.size).toBeGreaterThan(50);
    expect(rpmDigests(rpmFile)).toEqual(inDeb);
    const inTar = digestsBelow(kit);
    for (const [name, digest] of inDeb) {
      expect(inTar.get(name.replace(/^program\//, '')), name).toBe(digest);
    }
  });

  it('packages: neither deb nor rpm has a file in /etc, and no file is writable for others', () => {
    const listed = programOutput('rpm', [...NO_DATABASE, '--query', '--package', '--dump', rpmFile]);
    for (const line of listed.trim().split('\n')) {
      const [path = '', , , , mode = '', user, group] = line.split(' ');
      expect(path).not.toMatch(/^\/etc/);
      expect([user, group]).toEqual(['root', 'root']);
      expect(Number.parseInt(mode, 8) & 0o022, path).toBe(0);
    }
    expect(readdirSync(tree)).toEqual(['usr']);
    expect(programOutput('find', [tree, '-perm', '/022', '-not', '-type', 'l'])).toBe('');
  });

  it('sbom: it lists Node with its digest, and exactly the modules that the program contains', () => {
    const sbom = JSON.parse(readFileSync(join(folder, `sallyport-${version}-linux-${node}.cdx.json`), 'utf8')) as {
      components: (Component & { hashes?: { content: string }[] })[];
    };
    const [first, ...modules] = sbom.components;
    expect(first?.hashes?.[0]?.content).toBe(sha256(join(kit, 'node')));
    const listed = modules.map((one) => `${one.name}@${one.version}`).sort();
    const components = JSON.parse(readFileSync(join(kit, 'components.json'), 'utf8')) as Component[];
    expect(components.map((one) => `${one.name}@${one.version}`).sort()).toEqual(listed);
    const copied = programOutput('find', [join(kit, 'node_modules'), '-name', 'package.json'])
      .trim()
      .split('\n');
    expect([...new Set([...bundledModules(), ...copied.map(nameAndVersion)])].sort()).toEqual(listed);
  });
});

const NO_DATABASE = ['--dbpath', join(work, 'no-database')];

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function digestsBelow(root: string): Map<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    names.filter((name) => statSync(join(root, name)).isFile()).map((name) => [name, sha256(join(root, name))]),
  );
}

/** The digests that rpm itself verifies. */
function rpmDigests(file: string): Map<string, string> {
  const lines = programOutput('rpm', [...NO_DATABASE, '--query', '--package', '--dump', file])
    .trim()
    .split('\n');
  const files = lines.map((line) => line.split(' ')).filter(([, , , digest = '']) => /^[0-9a-f]{64}$/.test(digest));
  const ours = files.filter(([path = '', , , digest]) => path.startsWith(`/${PROGRAM}/`) && !/^0+$/.test(digest ?? ''));
  return new Map(ours.map(([path = '', , , digest = '']) => [path.slice(PROGRAM.length + 2), digest]));
}

function nameAndVersion(file: string): string {
  const { name, version: own } = JSON.parse(readFileSync(file, 'utf8')) as Component;
  return `${name}@${own}`;
}

let known: readonly string[] | undefined;

/** The npm packages of which the program has code: from the source maps, which the list of components is not made from. */
function bundledModules(): readonly string[] {
  if (known !== undefined) return known;
  const program = join(work, 'with-maps');
  const args = [join(ROOT, 'tools', 'bundle.ts'), join(ROOT, 'src', 'main.ts'), program, '--maps'];
  const built = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect([built.status, built.stderr]).toEqual([0, '']);
  const maps = globSync(join(program, '**', '*.map'));
  expect(maps.length).toBeGreaterThan(50);
  const sources = maps.flatMap((map) => (JSON.parse(readFileSync(map, 'utf8')) as { sources: string[] }).sources);
  const folders = sources.flatMap(
    (source) => /node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(source) ?? [],
  );
  known = [...new Set(folders)].map((path) => nameAndVersion(join(ROOT, path, 'package.json')));
  return known;
}
