/** Static repositories for apt and dnf: folders that any web server, file share or removable disk can offer. */
import { copyFileSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { programOutput } from './programs.ts';
import { ARCHITECTURES, type Release } from './release.ts';
import { detach, inline, type Signing } from './signing.ts';

const SUITE = 'stable';
const COMPONENT = 'main';

/** `apt/` in `output`: a pool, and one suite `stable` with the component `main`. */
export function makeAptRepository(
  release: Release,
  debs: readonly string[],
  to: { readonly output: string; readonly signing: Signing | null },
): void {
  const root = join(to.output, 'apt');
  const pool = join('pool', COMPONENT, 's', 'sallyport');
  mkdirSync(join(root, pool), { recursive: true });
  for (const deb of debs) copyFileSync(deb, join(root, pool, basename(deb)));
  const suite = join(root, 'dists', SUITE);
  for (const { deb } of ARCHITECTURES.filter((one) => debs.some((file) => file.endsWith(`_${one.deb}.deb`)))) {
    const folder = join(suite, COMPONENT, `binary-${deb}`);
    mkdirSync(folder, { recursive: true });
    const packages = programOutput('apt-ftparchive', ['--arch', deb, 'packages', pool], { cwd: root });
    writeFileSync(join(folder, 'Packages'), packages);
    writeFileSync(join(folder, 'Packages.gz'), gzipSync(packages, { level: 9 }));
  }
  writeFileSync(join(suite, 'Release'), releaseFile(release, root, debs));
  if (to.signing === null) return;
  inline(to.signing, join(suite, 'Release'), join(suite, 'InRelease'));
  detach(to.signing, join(suite, 'Release'), join(suite, 'Release.gpg'));
}

function releaseFile(release: Release, root: string, debs: readonly string[]): string {
  const names = ARCHITECTURES.filter((one) => debs.some((file) => file.endsWith(`_${one.deb}.deb`)));
  const fields = {
    Origin: 'Sallyport',
    Label: 'Sallyport',
    Suite: SUITE,
    Codename: SUITE,
    Architectures: names.map(({ deb }) => deb).join(' '),
    Components: COMPONENT,
    Date: new Date(release.epoch * 1_000).toUTCString().replace('GMT', '+0000'),
  };
  const flags = Object.entries(fields).flatMap(([name, value]) => ['-o', `APT::FTPArchive::Release::${name}=${value}`]);
  // Only SHA-256 and SHA-512: apt refuses older digests.
  const digests = ['MD5', 'SHA1'].flatMap((name) => ['-o', `APT::FTPArchive::Release::${name}=false`]);
  return programOutput('apt-ftparchive', [...flags, ...digests, 'release', join('dists', SUITE)], {
    cwd: root,
    env: { SOURCE_DATE_EPOCH: String(release.epoch) },
  });
}

/** `rpm/` in `output`, with `repodata/`. The rpm packages are signed before. */
export function makeRpmRepository(
  release: Release,
  rpms: readonly string[],
  to: { readonly output: string; readonly signing: Signing | null },
): void {
  const root = join(to.output, 'rpm');
  mkdirSync(root, { recursive: true });
  for (const rpm of rpms) {
    const copy = join(root, basename(rpm));
    copyFileSync(rpm, copy);
    // createrepo_c writes the time of the file into the list.
    utimesSync(copy, release.epoch, release.epoch);
  }
  const fixed = ['--revision', String(release.epoch), '--set-timestamp-to-revision', '--simple-md-filenames'];
  const sorted = readdirSync(root)
    .filter((name) => name.endsWith('.rpm'))
    .sort();
  const list = join(to.output, 'rpm.list');
  writeFileSync(list, `${sorted.join('\n')}\n`);
  const flags = ['--no-database', '--general-compress-type=gz', '--workers=1', `--pkglist=${list}`];
  programOutput('createrepo_c', [...fixed, ...flags, root], { env: { SOURCE_DATE_EPOCH: String(release.epoch) } });
  programOutput('rm', ['-f', list]);
  if (to.signing !== null) {
    detach(to.signing, join(root, 'repodata', 'repomd.xml'), join(root, 'repodata', 'repomd.xml.asc'));
  }
}
