/**
 * Makes tar archives whose bytes depend only on the contents: names are sorted, there is one owner and one time, and
 * nothing else comes from the file system.
 */
import { renameSync } from 'node:fs';
import { programOutput } from './programs.ts';
import type { Release } from './release.ts';

/** Packs `names` in `folder` into `file`. With `gzip`, without its name and time. */
export function pack(
  release: Release,
  file: string,
  from: { readonly folder: string; readonly names: readonly string[]; readonly gzip: boolean },
): void {
  const tar = from.gzip ? file.replace(/\.gz$/, '') : file;
  const fixed = [
    '--sort=name',
    '--format=gnu',
    `--mtime=@${release.epoch}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
  ];
  programOutput('tar', ['--create', ...fixed, `--file=${tar}`, `--directory=${from.folder}`, ...from.names]);
  if (!from.gzip) return;
  programOutput('gzip', ['--no-name', release.fast ? '-1' : '-9', '--force', tar]);
  renameSync(`${tar}.gz`, file);
}
