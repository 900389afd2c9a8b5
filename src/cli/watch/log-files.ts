// The files of a log: the current one, and the older ones that a rotation left next to it.
//
// Guarantees: a file that is renamed while the files are opened is neither lost nor opened twice, because the newest is
// opened first and files are compared by inode. No symbolic link is followed. The names of Sallyport's own rotation and
// of logrotate are recognized, also names with dates.

import { basename, dirname, join } from 'node:path';
import { asCoded } from '#errors/coded-error.ts';
import { type FileIdentity, type Files, isSameFile, type OpenFile } from '#system/files.ts';

/** What follows the name: `.2`, `.2.gz`, or `-20261130.gz` of logrotate with `dateext`. */
const ROTATED = /^(?:\.(\d{1,4})|-(\d{8}(?:-?\d{1,10})?))(\.(?:gz|xz|bz2|zst|lz4|Z))?$/;
/** Formats that only their own programs read. */
const UNREADABLE = /\.(?:xz|bz2|zst|lz4|Z)$/;

interface Wanted {
  /** Files that were last changed before this moment are left out; null for all. */
  readonly sinceMs: number | null;
  /** Only files that are newer than this one; null for all. */
  readonly after: FileIdentity | null;
}

interface OpenedLog {
  /** Oldest first; the last one is the current file, if it exists. */
  readonly files: readonly OpenFile[];
  /** Names of files in a format that cannot be read here. */
  readonly skipped: readonly string[];
}

/** Opens the files. The caller closes them. @throws CodedError FILE-* if the current file cannot be opened */
export async function openLogFiles(files: Files, path: string, { sinceMs, after }: Wanted): Promise<OpenedLog> {
  const current = await files.openToRead(path);
  if (after !== null && isSameFile(current.facts(), after)) return { files: [current], skipped: [] };
  const opened = [current];
  const [readable, skipped] = partition(olderFiles(path, await files.list(dirname(path))));
  try {
    for (const older of readable.toReversed()) {
      const file = await openIfThere(files, older);
      if (file === null) continue;
      const facts = file.facts();
      const isEnd = (after !== null && isSameFile(facts, after)) || (sinceMs !== null && facts.modifiedMs < sinceMs);
      const isKnown = opened.some((one) => isSameFile(one.facts(), facts));
      if (isEnd || isKnown) await file.close();
      else opened.unshift(file);
      if (isEnd) return { files: opened, skipped };
    }
  } catch (thrown) {
    for (const file of opened) await file.close();
    throw thrown;
  }
  // The end was not met: that file was compressed or deleted meanwhile. What is older than the current file is unknown.
  if (after !== null) for (const file of opened.splice(0, opened.length - 1)) await file.close();
  return { files: opened, skipped };
}

/** The paths that can be read, and the names of the others. */
function partition(paths: readonly string[]): [readable: string[], skipped: string[]] {
  const readable = paths.filter((path) => !UNREADABLE.test(path));
  return [readable, paths.filter((path) => UNREADABLE.test(path)).map((path) => basename(path))];
}

/** A rotation may delete a file that was listed. @throws CodedError FILE-* for any other reason */
async function openIfThere(files: Files, path: string): Promise<OpenFile | null> {
  try {
    return await files.openToRead(path);
  } catch (thrown) {
    if (isMissingFile(thrown)) return null;
    throw thrown;
  }
}

/** Whether an operation failed because the file does not exist. */
export function isMissingFile(thrown: unknown): boolean {
  return asCoded(thrown).facts['errno'] === 'ENOENT';
}

/** The paths of the older files, oldest first. */
export function olderFiles(path: string, names: readonly string[]): string[] {
  const name = basename(path);
  const rotated = names.flatMap((one) => {
    const [, number, date, packed] = (one.startsWith(name) ? ROTATED.exec(one.slice(name.length)) : null) ?? [];
    return number === undefined && date === undefined ? [] : [{ one, number: Number(number ?? 0), date, packed }];
  });
  // A program that compresses a file deletes the original last.
  const whole = rotated.filter(
    ({ one, packed }) => packed === undefined || !names.includes(one.slice(0, -packed.length)),
  );
  const dated = whole
    .filter(({ date }) => date !== undefined)
    .toSorted((a, b) => ((a.date ?? '') < (b.date ?? '') ? -1 : 1));
  const numbered = whole.filter(({ date }) => date === undefined).toSorted((a, b) => b.number - a.number);
  return [...dated, ...numbered].map(({ one }) => join(dirname(path), one));
}
