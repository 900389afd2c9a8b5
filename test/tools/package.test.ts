// What the packages have in common, without making one: versions, licenses, the bill of materials, scripts, file lists.
// test/packages installs real ones.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pack } from '#tools/package/archive.ts';
import { folderOf, licenseText } from '#tools/package/licenses.ts';
import { npmEnvironment } from '#tools/package/parts.ts';
import { missingPackages, programOutput } from '#tools/package/programs.ts';
import { ARCHITECTURES, packageVersionOf, type Release, ROOT, readRelease } from '#tools/package/release.ts';
import { type Component, makeSbom } from '#tools/package/sbom.ts';

const work = mkdtempSync(join(tmpdir(), 'sallyport-package-test-'));
afterAll(() => rmSync(work, { recursive: true }));

const RELEASE: Release = {
  version: '1.2.3',
  packageVersion: '1.2.3',
  epoch: 1_700_000_000,
  fast: true,
  maintainer: 'A <a@example.com>',
};
const [X64] = ARCHITECTURES;

/** npm's name of a package that is installed here. */
const installed = (name: string): Component => {
  const { version, license } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'),
  ) as Component;
  return { name, version, ...(license === undefined ? {} : { license }) };
};

describe('release', () => {
  it('release: a pre-release sorts before its release for package managers', () => {
    expect(packageVersionOf('1.2.3-rc.1')).toBe('1.2.3~rc.1');
    expect(packageVersionOf('1.2.3')).toBe('1.2.3');
    const older = spawnSync('dpkg', ['--compare-versions', '1.2.3~rc.1', 'lt', '1.2.3']);
    if (older.error === undefined) expect(older.status).toBe(0);
  });

  it('release: a version or a maintainer that package managers cannot read is refused', () => {
    for (const version of ['1.2', '1.2.3+build', '1.2.3 ', 'v1.2.3'])
      expect(() => packageVersionOf(version)).toThrow('allowed');
    for (const maintainer of ['nobody', 'A <a>', 'A <a@b>\nPackager: x']) {
      expect(() => readRelease(true, maintainer)).toThrow('--maintainer');
    }
  });
});

describe('archive', () => {
  it('archive: times, order and owners of the files do not change its bytes', () => {
    const made = ['one', 'other'].map((name, index) => {
      const folder = join(work, name);
      mkdirSync(join(folder, 'tree'), { recursive: true });
      for (const file of index === 0 ? ['a', 'b'] : ['b', 'a']) writeFileSync(join(folder, 'tree', file), file);
      utimesSync(join(folder, 'tree', 'a'), index, index);
      const file = join(folder, 'made.tar.gz');
      pack(RELEASE, file, { folder, names: ['tree'], gzip: true });
      return readFileSync(file);
    });
    expect(made[0]?.equals(made[1] ?? Buffer.alloc(0))).toBe(true);
  });
});

describe('bill of materials', () => {
  it('sbom: it lists each module once, Node, and what Node includes', () => {
    const kit = join(work, 'kit');
    mkdirSync(kit);
    writeFileSync(join(kit, 'node'), 'node');
    const components = ['zod', 'ws', '@tufjs/models'].map(installed);
    const sbom = JSON.parse(makeSbom(RELEASE, X64 ?? never(), { kit, components })) as {
      components: { name: string; version: string; purl?: string; components?: { name: string }[] }[];
    };
    const [node, ...modules] = sbom.components;
    expect(node).toMatchObject({ name: 'node', version: process.versions.node });
    expect(node?.components?.map(({ name }) => name)).toEqual(expect.arrayContaining(['openssl', 'v8', 'zlib']));
    expect(modules.map(({ name, version }) => ({ name, version }))).toEqual(
      components.map(({ name, version }) => ({ name, version })),
    );
    expect(modules[2]?.purl).toMatch(/^pkg:npm\/%40tufjs\/models@/);
  });

  it('licenses: every module has a text or a name, and an unknown version is an error', () => {
    mkdirSync(join(work, 'node'));
    writeFileSync(join(work, 'node', 'LICENSE'), 'the license of Node');
    // combine-errors has its license only in its readme.
    const modules = join(work, 'node_modules');
    mkdirSync(join(modules, 'copied'), { recursive: true });
    writeFileSync(join(modules, 'copied', 'package.json'), '{}');
    writeFileSync(join(modules, 'copied', 'LICENSE.txt'), 'the license of what was copied');
    const components = [...['zod', 'combine-errors'].map(installed), { name: 'copied', version: '1.0.0' }];
    const text = licenseText(components, { nodePackage: join(work, 'node'), modules });
    expect(text).toContain('the license of what was copied');
    expect(text).toContain('the license of Node');
    expect(text).toMatch(/combine-errors 3\.0\.3[\s\S]*MIT/);
    expect(() => folderOf({ name: 'zod', version: '0.0.1' })).toThrow('zod 0.0.1');
  });
});

describe('scripts', () => {
  const folder = join(ROOT, 'tools', 'package');

  it('package scripts: the shell accepts each of them with the shared part', () => {
    const shared = readFileSync(join(folder, 'service.sh'), 'utf8');
    const names = readdirSync(join(folder, 'deb')).filter((name) => name.endsWith('.sh'));
    expect(names.length).toBe(4);
    for (const name of names) {
      const text = readFileSync(join(folder, 'deb', name), 'utf8').replace('@SERVICE@\n', shared);
      expect(text).toContain('park()');
      expect(spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    }
  });

  it('package programs: npm gets only proxies, its settings and certificates', () => {
    const given = { HTTPS_PROXY: 'http://proxy.example', npm_config_cafile: '/ca', SALLYPORT_NPM_CA_CERTS: '/extra' };
    expect(npmEnvironment({ ...given, LANG: 'de', NODE_OPTIONS: '--inspect', no_proxy: undefined })).toEqual({
      HTTPS_PROXY: 'http://proxy.example',
      npm_config_cafile: '/ca',
      NODE_EXTRA_CA_CERTS: '/extra',
    });
  });

  it('package programs: a missing one is reported with its Debian package', () => {
    expect(missingPackages(['sh', 'no-such-program'])).toEqual(['no-such-program']);
    expect(() => programOutput('no-such-program', [])).toThrow('cannot be started');
    expect(() => programOutput('sh', ['-c', 'echo why >&2; exit 3'])).toThrow(/exit status 3:\nwhy/);
  });
});

function never(): never {
  throw new Error('no architecture');
}
