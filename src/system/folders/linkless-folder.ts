// Reads files of other users without following a symbolic link in any part of their path. Needs Linux with /proc.
//
// Guarantees: each part of a path is opened relative to the descriptor of its parent. A user who replaces a folder with
// a link meanwhile cannot redirect it. A FIFO or a device is refused without waiting for it.

import { fstatSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import { factsOfStats } from '#system/disk/real-file.ts';
import type { FileFacts, OpenFile } from '#system/files.ts';
import { realFiles } from '#system/real-files.ts';
import { type OpenFolder, openFolder } from './open-folder.ts';

/** A folder whose entries are opened without following a link. */
export interface LinklessFolder {
  /** From the root of the file system. */
  readonly path: string;
  readonly facts: FileFacts;
  /** Up to `limit` names, sorted; `isComplete` is false if there are more. @throws CodedError FILE-FAILED */
  names(limit: number): Promise<{ readonly names: readonly string[]; readonly isComplete: boolean }>;
  /** lstat of an entry; null if it does not exist. @throws CodedError FILE-FAILED */
  factsOf(name: string): Promise<FileFacts | null>;
  /** @throws CodedError FILE-SYMLINK, FILE-FAILED */
  openFolder(name: string): Promise<LinklessFolder>;
  /** Opens a regular file for reading and never waits for a FIFO. @throws CodedError FILE-SYMLINK, FILE-SPECIAL, FILE-FAILED */
  openFile(name: string): Promise<OpenFile>;
  close(): void;
}

/** The root of the file system. @throws CodedError FILE-FAILED */
export function openLinkless(): LinklessFolder {
  return linkless('/', openFolder('/'));
}

function linkless(path: string, folder: OpenFolder): LinklessFolder {
  const pathOf = (name: string) => (path === '/' ? `/${name}` : `${path}/${name}`);
  const at = (name: string) => `${folder.path}/${name}`;
  const named = async <T>(name: string, act: () => Promise<T> | T): Promise<T> => {
    try {
      return await act();
    } catch (thrown) {
      throw withPath(thrown, pathOf(name));
    }
  };
  return {
    path,
    facts: factsOfStats(fstatSync(folder.descriptor, { bigint: true })),
    names: (limit) => named('', () => namesIn(folder.path, path, limit)),
    factsOf: (name) => named(name, () => realFiles.facts(at(name))),
    openFolder: (name) =>
      named(name, async () => {
        const facts = await realFiles.facts(at(name));
        if (facts?.kind === 'symbolic link') throw coded('FILE-SYMLINK', { path: at(name) });
        return linkless(pathOf(name), openFolder(at(name), { follow: false }));
      }),
    openFile: (name) => named(name, () => realFiles.openToRead(at(name))),
    close: folder.close,
  };
}

async function namesIn(
  folder: string,
  path: string,
  limit: number,
): Promise<{ names: readonly string[]; isComplete: boolean }> {
  const names: string[] = [];
  try {
    // Closed by the loop, however it ends.
    for await (const { name } of await opendir(`${folder}/.`)) {
      if (names.length === limit) return { names: names.sort(), isComplete: false };
      names.push(name);
    }
  } catch (thrown) {
    throw failure('list', path, thrown);
  }
  return { names: names.sort(), isComplete: true };
}

/** The failure with the path that people know, instead of that of the descriptor. */
function withPath(thrown: unknown, path: string): unknown {
  return thrown instanceof CodedError ? new CodedError(thrown.code, { ...thrown.facts, path }, thrown) : thrown;
}

function failure(operation: string, path: string, thrown: unknown): CodedError {
  const { code: errno = 'unknown' } = thrown as NodeJS.ErrnoException;
  return (
    exhaustion(thrown, `${operation} ${path}`) ??
    coded('FILE-FAILED', { operation, path, reason: errno, errno }, thrown)
  );
}
