/** Makes the Debian package. Its scripts are in deb/ (deb-prerm(5), deb-postinst(5)). It puts no file into /etc. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { nativeFiles, nativeFilesHere } from './parts.ts';
import { programOutput } from './programs.ts';
import { type Architecture, type Release, ROOT } from './release.ts';
import { settle } from './tree.ts';

const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];

/** Makes `sallyport_V-1_A.deb` in `output` from the tree, which it changes. Returns its path. */
export function makeDeb(
  release: Release,
  architecture: Architecture,
  from: { readonly root: string; readonly kit: string; readonly work: string; readonly output: string },
): string {
  const { root } = from;
  const control = join(root, 'DEBIAN');
  mkdirSync(control);
  addDebianPages(release, root);
  writeFileSync(join(control, 'control'), controlText(release, architecture, { root, depends: dependsOf(from) }));
  writeFileSync(join(control, 'md5sums'), md5sums(root));
  for (const script of SCRIPTS) writeFileSync(join(control, script), scriptText(script));
  settle(release, root);
  for (const script of SCRIPTS) chmodSync(join(control, script), 0o755);
  const file = join(from.output, `sallyport_${release.packageVersion}-1_${architecture.deb}.deb`);
  // One thread: the blocks of several would depend on the number of cores.
  const compression = [...(release.fast ? ['-Zgzip', '-z1'] : ['-Zxz', '-z9']), '--threads-max=1'];
  programOutput('dpkg-deb', ['--root-owner-group', ...compression, '--build', root, file], {
    env: { SOURCE_DATE_EPOCH: String(release.epoch) },
  });
  rmSync(control, { recursive: true });
  return file;
}

/** The shared functions come first in each script, because dpkg runs only one file. */
function scriptText(script: string): string {
  const folder = join(ROOT, 'tools', 'package', 'deb');
  const shared = readFileSync(join(ROOT, 'tools', 'package', 'service.sh'), 'utf8');
  return readFileSync(join(folder, `${script}.sh`), 'utf8').replace('@SERVICE@\n', shared);
}

/** Debian policy 12.5 and 12.7: copyright and compressed changelogs, of the package and of the program. */
function addDebianPages({ packageVersion, maintainer, epoch }: Release, root: string): void {
  const doc = join(root, 'usr', 'share', 'doc', 'sallyport');
  const folder = join(ROOT, 'tools', 'package', 'deb');
  cpSync(join(folder, 'copyright'), join(doc, 'copyright'));
  const overrides = join(root, 'usr', 'share', 'lintian', 'overrides');
  mkdirSync(overrides, { recursive: true });
  cpSync(join(folder, 'lintian-overrides'), join(overrides, 'sallyport'));
  const date = new Date(epoch * 1_000).toUTCString().replace('GMT', '+0000');
  const entry = `sallyport (${packageVersion}-1) stable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${maintainer}  ${date}\n`;
  writeFileSync(join(doc, 'changelog.Debian.gz'), gzipSync(entry, { level: 9 }));
  writeFileSync(join(doc, 'changelog.gz'), gzipSync(readFileSync(join(ROOT, 'CHANGELOG.md')), { level: 9 }));
  rmSync(join(doc, 'CHANGELOG.md'), { force: true });
  // Debian keeps site-functions for the admin.
  const zsh = join(root, 'usr', 'share', 'zsh');
  renameSync(join(zsh, 'site-functions'), join(zsh, 'vendor-completions'));
  const man = join(root, 'usr', 'share', 'man');
  for (const entry of readdirSync(man, { recursive: true, encoding: 'utf8' })) {
    const page = join(man, entry);
    if (!/\.\d$/.test(page)) continue;
    writeFileSync(`${page}.gz`, gzipSync(readFileSync(page), { level: 9 }));
    rmSync(page);
  }
}

function controlText(
  { packageVersion, maintainer }: Release,
  { deb }: Architecture,
  { root, depends }: { readonly root: string; readonly depends: string },
): string {
  const kib = Math.ceil(bytesBelow(root) / 1_024);
  return [
    'Package: sallyport',
    `Version: ${packageVersion}-1`,
    `Architecture: ${deb}`,
    `Maintainer: ${maintainer}`,
    `Installed-Size: ${kib}`,
    `Depends: ${depends}, systemd (>= 239)`,
    'Recommends: ca-certificates',
    'Section: net',
    'Priority: optional',
    'Description: fetches update packages through a corporate forward proxy',
    ' Sallyport is a service for hosts that reach the network only through a',
    ' forward proxy. It fetches update packages, verifies, publishes and',
    ' acknowledges them, and sends support logs and exposure analytics out.',
    ' .',
    ' It includes its own Node.js, which only Sallyport uses.',
    '',
  ].join('\n');
}

/**
 * `Depends` from the libraries that the machine code needs, with the versions of their symbols. dpkg-shlibdeps knows only the
 * libraries of this machine, so it reads the files for this machine, which must name the same libraries.
 */
function dependsOf({ kit, work }: { readonly kit: string; readonly work: string }): string {
  const [files, here] = [nativeFiles(kit), nativeFilesHere()];
  if (librariesOf(files) !== librariesOf(here)) {
    throw new Error(`the files in ${kit} need ${librariesOf(files)}, those for this machine ${librariesOf(here)}`);
  }
  const folder = mkdtempSync(join(work, 'shlibdeps-'));
  mkdirSync(join(folder, 'debian'));
  writeFileSync(join(folder, 'debian', 'control'), 'Source: sallyport\n\nPackage: sallyport\nArchitecture: any\n');
  const text = programOutput('dpkg-shlibdeps', ['-O', ...here.map((file) => `-e${file}`)], { cwd: folder });
  const [, depends] = /^shlibs:Depends=(.*)$/m.exec(text) ?? [];
  if (depends === undefined || !depends.includes('libatomic1')) {
    throw new Error(`dpkg-shlibdeps found no libatomic1: ${text}`);
  }
  return depends.replace(/\blibc6 \(>= [^)]*\)/, `libc6 (>= ${newestGlibc(files)})`);
}

/** The names of the shared libraries, without the loader, whose name contains the architecture. */
function librariesOf(files: readonly string[]): string {
  const text = programOutput('readelf', ['--dynamic', '--wide', ...files]);
  const names = [...text.matchAll(/\(NEEDED\).*\[([^\]]+)\]/g)].map(([, name]) => name ?? '');
  return [...new Set(names)]
    .filter((name) => !name.startsWith('ld-linux'))
    .sort()
    .join(' ');
}

/**
 * The newest version of a glibc symbol that the files use. dpkg-shlibdeps would name the release of this machine's glibc
 * that merged libdl and libpthread (2.34), which is newer than what the files need.
 */
function newestGlibc(files: readonly string[]): string {
  const text = programOutput('readelf', ['--version-info', '--wide', ...files]);
  const versions = [...text.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(
    ([, major, minor]) => [Number(major), Number(minor)] as const,
  );
  const [newest] = versions.sort((one, other) => other[0] - one[0] || other[1] - one[1]);
  if (newest === undefined) throw new Error('readelf found no version of glibc');
  return newest.join('.');
}

function filesBelow(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (one) => !/^DEBIAN(?:\/|$)/.test(one),
  );
  return entries.filter((entry) => statSync(join(root, entry)).isFile()).sort();
}

function bytesBelow(root: string): number {
  return filesBelow(root).reduce((sum, entry) => sum + statSync(join(root, entry)).size, 0);
}

function md5sums(root: string): string {
  const sum = (entry: string) =>
    createHash('md5')
      .update(readFileSync(join(root, entry)))
      .digest('hex');
  return filesBelow(root)
    .map((entry) => `${sum(entry)}  ${entry}\n`)
    .join('');
}
