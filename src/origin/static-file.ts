// Opens the file that a request target names, if it is in the served folder and may be served.
//
// Guarantees: no access outside the folder. A name is percent-decoded once and then used literally. The response is
// "not found" for all of these: hidden files, encoded dots, slashes and control characters, symbolic links in any part
// of the path, special files, and files of the vendor's tools (`.meta.json`, `.new`, `.jsonl`). Requires that no
// attacker renames folders inside the served folder at the same time.

import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Representation } from './conditions.ts';

export interface ServedFile extends Representation {
  readonly handle: FileHandle;
  readonly type: string;
  readonly cacheControl: string;
}

/** Longer or deeper targets are refused; no file of ours needs them. */
const MAX_TARGET_LENGTH = 16_384;
const DEEPEST_FOLDER = 8;

const TYPES: readonly (readonly [ending: RegExp, type: string, cacheControl: string])[] = [
  // Signed metadata with their version in the name, and targets with their digest: they never change either.
  [/^(?:\d+\.[^/]+|[0-9a-f]{64}\.[^/]+)\.json$/, 'application/json', 'public, max-age=604800, immutable, no-transform'],
  // An id never changes its bytes, so caches may keep them; no intermediary may rewrite them.
  [/\.jar$/i, 'application/java-archive', 'public, max-age=604800, immutable, no-transform'],
  [/\.json$/i, 'application/json', 'no-cache, no-transform'],
];
const OTHER_TYPE = ['application/octet-stream', 'no-cache, no-transform'] as const;

/** Side files of the builder, partly written files, and the record of receipts, which contains the ids of agents. */
const NOT_SERVED = /(?:\.meta\.json|\.new|\.jsonl)$/i;

/** The parts of the path in a target; null when it cannot name a file of ours, 'malformed' when it is not a path. */
export function pathOf(target: string): readonly string[] | null | 'malformed' {
  if (target.length > MAX_TARGET_LENGTH) return null;
  // RFC 9112, 3.2.2: a server must also accept the absolute form.
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

/** Opens the file; null when no such file may be served. The caller closes the handle. */
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
  // Strong: publishing is a rename, so other bytes always mean another inode or another time in nanoseconds.
  const etag = `"${facts.size.toString(16)}-${facts.mtimeNs.toString(16)}-${facts.ino.toString(16)}"`;
  return { handle, type, cacheControl, etag, length: Number(facts.size), modifiedMs: Number(facts.mtimeMs) };
}

async function openInside(root: string, path: string): Promise<FileHandle | null> {
  try {
    // The real path differs if any part is a link. O_NONBLOCK: opening a FIFO must not hang.
    if ((await realpath(path)) !== path || !path.startsWith(`${root}/`)) return null;
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    // Missing, no permission, name too long: the client learns only that it is not there.
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
