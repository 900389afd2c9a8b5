// Opens the file that a request target names, if it lies in the served folder and is meant to be served.
//
// Guarantees: no way out of the folder. A name is taken literally after one decoding; dots, slashes and control
// characters that hide in it, hidden files, symbolic links on any step of the way, special files and our own side files
// are all the same answer: not there. Relies on nobody hostile renaming folders inside the served one meanwhile.

import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Representation } from './conditions.ts';

export interface ServedFile extends Representation {
  readonly handle: FileHandle;
  readonly type: string;
  readonly cacheControl: string;
}

/** A target that is longer or deeper than any file of ours. */
const MAX_TARGET_LENGTH = 16_384;
const DEEPEST_FOLDER = 8;

const TYPES: readonly (readonly [ending: RegExp, type: string, cacheControl: string])[] = [
  // An id keeps its bytes for ever, so a cache may keep them, too; nothing on the way may rewrite them.
  [/\.jar$/i, 'application/java-archive', 'public, max-age=604800, immutable, no-transform'],
  [/\.json$/i, 'application/json', 'no-cache, no-transform'],
];
const OTHER_TYPE = ['application/octet-stream', 'no-cache, no-transform'] as const;

/** Side files of the builder, files half written, and the record of receipts, which holds the ids of agents. */
const NOT_SERVED = /(?:\.meta\.json|\.new|\.jsonl)$/i;

/** The parts of the path that a target names; null when it cannot name a file of ours, 'malformed' when it is no path. */
export function pathOf(target: string): readonly string[] | null | 'malformed' {
  if (target.length > MAX_TARGET_LENGTH) return null;
  // RFC 9112, 3.2.2: a server takes the absolute form, too.
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? '';
  if (!path.startsWith('/')) return 'malformed';
  const parts: string[] = [];
  for (const raw of path.slice(1).split('/')) {
    const part = decode(raw);
    if (part === null) return 'malformed';
    if (!isPlainName(part)) return null;
    parts.push(part);
  }
  return parts.length <= DEEPEST_FOLDER ? parts : null;
}

/** Opens the file; null when there is none that may be served. The caller closes the handle. */
export async function openServed(root: string, parts: readonly string[]): Promise<ServedFile | null> {
  const path = join(root, ...parts);
  const name = parts.at(-1) ?? '';
  if (NOT_SERVED.test(name)) return null;
  const handle = await openInside(root, path);
  if (handle === null) return null;
  const facts = await handle.stat({ bigint: true });
  if (!facts.isFile()) {
    await handle.close();
    return null;
  }
  const [, type, cacheControl] = TYPES.find(([ending]) => ending.test(name)) ?? [null, ...OTHER_TYPE];
  // Strong: publishing is a rename, so other bytes always mean another inode or another time to the nanosecond.
  const etag = `"${facts.size.toString(16)}-${facts.mtimeNs.toString(16)}-${facts.ino.toString(16)}"`;
  return { handle, type, cacheControl, etag, length: Number(facts.size), modifiedMs: Number(facts.mtimeMs) };
}

async function openInside(root: string, path: string): Promise<FileHandle | null> {
  try {
    // The real path differs as soon as any step is a link. O_NONBLOCK: opening a FIFO must not hang.
    if ((await realpath(path)) !== path || !path.startsWith(`${root}/`)) return null;
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    // Missing, no permission, too long a name: whoever asks learns no more than that it is not there.
    return null;
  }
}

function decode(raw: string): string | null {
  try {
    return decodeURIComponent(raw);
  } catch {
    return null;
  }
}

function isPlainName(part: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return part !== '' && !part.startsWith('.') && !/[\u0000-\u001f\u007f/\\]/.test(part);
}
