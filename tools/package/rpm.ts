/**
 * Makes the rpm from the files of the tree, with a fixed build host and fixed times. Its scripts are in the
 * specification.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOutput } from './programs.ts';
import { type Architecture, type Release, ROOT } from './release.ts';

/** Makes `sallyport-V-1.A.rpm` in `output` from the tree. Returns its path. */
export function makeRpm(
  release: Release,
  architecture: Architecture,
  from: { readonly root: string; readonly work: string; readonly output: string },
): string {
  const top = join(from.work, `rpm-${architecture.node}`);
  for (const name of ['BUILD', 'BUILDROOT', 'RPMS', 'SOURCES', 'SPECS'])
    mkdirSync(join(top, name), { recursive: true });
  writeFileSync(join(top, 'SPECS', 'sallyport.spec'), specification(release, from.root));
  const defines: Readonly<Record<string, string>> = {
    _topdir: top,
    _buildhost: 'sallyport.invalid',
    _vendor: 'sallyport',
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    // The files are taken as they are: nothing is stripped, compressed or byte-compiled.
    __os_install_post: '%{nil}',
    debug_package: '%{nil}',
    _build_id_links: 'none',
    // SHA-256 for the digests of files, and xz or gzip, all of which RHEL 8 can read.
    _source_filedigest_algorithm: '8',
    _binary_filedigest_algorithm: '8',
    _binary_payload: release.fast ? 'w1.gzdio' : 'w9.xzdio',
  };
  const flags = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  programOutput(
    'rpmbuild',
    ['-bb', '--target', `${architecture.rpm}-linux`, ...flags, join(top, 'SPECS/sallyport.spec')],
    {
      env: { SOURCE_DATE_EPOCH: String(release.epoch), HOME: from.work },
    },
  );
  const name = `sallyport-${release.packageVersion}-1.${architecture.rpm}.rpm`;
  const file = join(from.output, name);
  copyFileSync(join(top, 'RPMS', architecture.rpm, name), file);
  return file;
}

function specification(release: Release, root: string): string {
  const folder = join(ROOT, 'tools', 'package');
  const day = new Date(release.epoch * 1_000).toUTCString();
  const [, weekday, date, month, year] = /^(\w+), (\d+) (\w+) (\d+)/.exec(day) ?? [];
  const values: Readonly<Record<string, string>> = {
    VERSION: release.packageVersion,
    MAINTAINER: release.maintainer,
    TREE: root,
    DATE: `${weekday} ${month} ${date} ${year}`,
    // Documentation of rpm: a percent sign in a script has to be doubled.
    SERVICE: readFileSync(join(folder, 'service.sh'), 'utf8').replaceAll('%', '%%').trimEnd(),
    FILES: fileList(root),
  };
  const template = readFileSync(join(folder, 'rpm', 'sallyport.spec'), 'utf8');
  return template.replaceAll(/@([A-Z]+)@/g, (_, name: string) => values[name] ?? '');
}

/** Every file, and the folders that only this package has. Files elsewhere do not make their folders ours. */
function fileList(root: string): string {
  const ours = /^usr\/(?:lib\/sallyport|share\/sallyport|share\/doc\/sallyport)(?:\/|$)/;
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .sort()
    .flatMap((entry) => {
      const isFolder = statSync(join(root, entry)).isDirectory();
      if (isFolder) return ours.test(entry) ? [`%dir "/${entry}"`] : [];
      return [entry.startsWith('usr/share/doc/') ? `%doc "/${entry}"` : `"/${entry}"`];
    })
    .join('\n');
}
