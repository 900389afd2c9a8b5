// Finds the files of a pattern, and opens each again when it is read.
//
// Guarantees: no link is followed in any part of a path, and folders that the guard forbids are not entered. A file is
// read only if it is still the one that was listed. The number of folders and names has limits. Relies on
// `linkless-folder.ts`.

import { CodedError } from '#errors/coded-error.ts';
import { type FileFacts, isSameFile, type OpenFile } from '#system/files.ts';
import { type LinklessFolder, openLinkless } from '#system/folders/linkless-folder.ts';
import type { BundleItem, FileContent, LeftOut } from './contents-types.ts';
import { isWild, matchesPart, parsePattern } from './file-pattern.ts';
import type { Guard } from './guard.ts';
import { LeftOutError, unreadable } from './left-out.ts';

/** Names that are read from one folder. */
const MAX_NAMES = 20_000;
/** Folders that one pattern enters. */
const MAX_FOLDERS = 1_000;

/** The files of a pattern, and what in its folders cannot be collected. */
export interface FoundFiles {
  readonly items: readonly BundleItem[];
  readonly leftOut: readonly LeftOut[];
}

interface Search {
  readonly parts: readonly string[];
  readonly guard: Guard;
  readonly nameOf: (path: string) => string;
  readonly signal: AbortSignal;
  readonly items: BundleItem[];
  readonly leftOut: LeftOut[];
  folders: number;
}

interface FindOptions {
  readonly guard: Guard;
  /** The name in the archive for an absolute path. */
  readonly nameOf: (path: string) => string;
  readonly signal: AbortSignal;
}

/** Never throws because of what is on the disk. @throws the reason of the signal */
export async function findFiles(pattern: string, options: FindOptions): Promise<FoundFiles> {
  const { root, parts } = parsePattern(pattern);
  const search: Search = { ...options, parts, items: [], leftOut: [], folders: 0 };
  let folder: LinklessFolder | null = null;
  try {
    folder = await enter(root, options.guard);
    await look(search, folder, 0);
  } catch (thrown) {
    options.signal.throwIfAborted();
    search.leftOut.push({ name: options.nameOf(pattern), reason: await folderReason(thrown, folder) });
  } finally {
    folder?.close();
  }
  return search;
}

/** Opens folders one below the other. @throws CodedError, LeftOutError */
async function enter(names: readonly string[], guard: Guard): Promise<LinklessFolder> {
  let folder = openLinkless();
  for (const name of names) folder = await step(folder, name, guard);
  return folder;
}

/** The folder below; the given one is closed. */
async function step(folder: LinklessFolder, name: string, guard: Guard): Promise<LinklessFolder> {
  try {
    const next = await openBelow(folder, name, guard);
    return next;
  } finally {
    folder.close();
  }
}

async function openBelow(folder: LinklessFolder, name: string, guard: Guard): Promise<LinklessFolder> {
  try {
    const next = await folder.openFolder(name);
    const refused = guard.folder(next.facts);
    if (refused === null) return next;
    next.close();
    throw new LeftOutError(refused);
  } catch (thrown) {
    throw thrown instanceof CodedError
      ? new LeftOutError(await unreadable(thrown, folder.facts), { cause: thrown })
      : thrown;
  }
}

async function folderReason(thrown: unknown, folder: LinklessFolder | null): Promise<string> {
  if (thrown instanceof LeftOutError) return thrown.message;
  if (thrown instanceof CodedError) return await unreadable(thrown, folder?.facts ?? null);
  throw thrown;
}

async function look(search: Search, folder: LinklessFolder, at: number): Promise<void> {
  const part = search.parts[at] ?? '';
  const isLast = at === search.parts.length - 1;
  search.folders += 1;
  for (const name of await namesOf(search, folder, part)) {
    search.signal.throwIfAborted();
    const path = pathIn(folder.path, name);
    try {
      const facts = await folder.factsOf(name);
      if (facts === null) {
        if (!isWild(part)) search.leftOut.push({ name: search.nameOf(path), reason: 'it does not exist' });
      } else if (isLast) take(search, path, facts);
      else if (facts.kind === 'directory') await lookBelow(search, { folder, name, at });
    } catch (thrown) {
      search.signal.throwIfAborted();
      search.leftOut.push({ name: search.nameOf(path), reason: await folderReason(thrown, folder) });
    }
  }
}

async function namesOf({ leftOut, nameOf }: Search, folder: LinklessFolder, part: string): Promise<readonly string[]> {
  if (!isWild(part)) return [part];
  const { names, isComplete } = await folder.names(MAX_NAMES);
  if (!isComplete) {
    leftOut.push({ name: nameOf(folder.path), reason: `it has more than ${MAX_NAMES} entries; the rest was not read` });
  }
  return names.filter((name) => matchesPart(name, part));
}

async function lookBelow(
  search: Search,
  { folder, name, at }: { folder: LinklessFolder; name: string; at: number },
): Promise<void> {
  if (search.folders >= MAX_FOLDERS) throw new LeftOutError(`the source has more than ${MAX_FOLDERS} folders`);
  const below = await openBelow(folder, name, search.guard);
  try {
    await look(search, below, at + 1);
  } catch (thrown) {
    throw thrown instanceof CodedError ? new LeftOutError(await unreadable(thrown, below.facts)) : thrown;
  } finally {
    below.close();
  }
}

function take({ guard, nameOf, items, leftOut }: Search, path: string, facts: FileFacts): void {
  // A folder that matches the last part was not meant.
  if (facts.kind === 'directory') return;
  const refused = guard.file(facts);
  if (refused === null) items.push({ name: nameOf(path), ...contentOf(path, facts, guard) });
  else leftOut.push({ name: nameOf(path), reason: refused });
}

function contentOf(path: string, facts: FileFacts, guard: Guard): Pick<BundleItem, 'modifiedMs' | 'content'> {
  const content: FileContent = {
    kind: 'file',
    path,
    size: facts.size,
    identity: facts,
    open: () => openListed(path, facts, guard),
  };
  return { modifiedMs: facts.modifiedMs, content };
}

/** @throws LeftOutError */
async function openListed(path: string, listed: FileFacts, guard: Guard): Promise<OpenFile> {
  const names = path.split('/').slice(1);
  const folder = await enter(names.slice(0, -1), guard);
  try {
    const file = await openSame(folder, { name: names.at(-1) ?? '', listed });
    if (guard.file(file.facts()) === null) return file;
    await file.close();
    throw new LeftOutError('it changed into something else while the bundle was made');
  } finally {
    folder.close();
  }
}

interface Listed {
  readonly name: string;
  readonly listed: FileFacts;
}

/** Opens the file of this name, or that to which a rotation has given another name since. */
async function openSame(folder: LinklessFolder, { name, listed }: Listed): Promise<OpenFile> {
  const file = await openIfSame(folder, { name, listed });
  if (file !== null) return file;
  const { names } = await folder.names(MAX_NAMES);
  const stem = name.replace(/[.-]\d+(?:\.\w+)?$/, '');
  for (const other of names) {
    if (!other.startsWith(stem)) continue;
    const facts = await folder.factsOf(other);
    const moved = isSameFile(listed, facts) ? await openIfSame(folder, { name: other, listed }) : null;
    if (moved !== null) return moved;
  }
  throw new LeftOutError('it was removed or replaced while the bundle was made');
}

async function openIfSame(folder: LinklessFolder, { name, listed }: Listed): Promise<OpenFile | null> {
  if (!isSameFile(listed, await folder.factsOf(name))) return null;
  try {
    const file = await folder.openFile(name);
    if (isSameFile(listed, file.facts())) return file;
    await file.close();
    return null;
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    if (thrown.facts['errno'] === 'ENOENT') return null;
    throw new LeftOutError(await unreadable(thrown, listed), { cause: thrown });
  }
}

function pathIn(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}
