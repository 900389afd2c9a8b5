// `feed build DIR`: makes feed.json from a folder of .JARs, for any static host.
//
// Guarantees: the agent accepts the output as the successor of the existing feed.json. The serial increases with every
// change, and the bytes of an id never change. A package that changes while it is hashed is reported. The feed is
// written with `writeDurably`, so a crash leaves the old feed or the new one.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { realFiles } from '#system/real-files.ts';
import { assembleFeed, compareIds, type FoundJar, renderFeed } from './feed-assemble.ts';
import { FEED_NAME, type Feed, type ItemMeta, idProblem, MAX_FEED_BYTES, readFeed, readMeta } from './feed-format.ts';
import { readJar } from './jar-facts.ts';

export interface BuildOptions {
  /** Days until agents refuse the feed as stale. Default: 30. */
  readonly expiresDays?: number;
  readonly clock?: Clock;
  readonly files?: Files;
}

export interface BuiltFeed {
  readonly feed: Feed;
  readonly warnings: readonly string[];
  /** false when feed.json was right and stayed unchanged. */
  readonly changed: boolean;
  readonly path: string;
}

/** Long enough for a vendor's holidays, short enough to notice a feed that is held back. */
const DEFAULT_EXPIRES_DAYS = 30;
const MAX_EXPIRES_DAYS = 3_650;

const JAR_ENDING = /\.jar$/i;
const META_ENDING = '.meta.json';
const MAX_META_BYTES = 64 * 1024;
/** Static servers run as another user. */
const FEED_MODE = 0o644;

/**
 * Builds the feed of a folder and writes it when something changed.
 * @throws CodedError FEED-BUILD, FEED-LIMIT, ID-INVALID, ID-DUPLICATE, ID-REUSED, REQUIRES-*, FILE-*
 */
export async function buildFeed(dir: string, options: BuildOptions = {}): Promise<BuiltFeed> {
  const { expiresDays = DEFAULT_EXPIRES_DAYS, clock = systemClock, files = realFiles } = options;
  if (!(expiresDays > 0 && expiresDays <= MAX_EXPIRES_DAYS)) {
    const reason = `expires days must be above 0 and at most ${MAX_EXPIRES_DAYS}, not ${expiresDays}`;
    throw coded('FEED-BUILD', { file: FEED_NAME, reason });
  }
  const names = await listFolder(dir, files);
  const previous = await readPrevious(dir, names);
  const metas = await readMetas(dir, names);
  const found = await readJars(dir, names);
  const built = assembleFeed({ found, metas, previous, nowMs: clock.now(), expiresDays });
  const path = join(dir, FEED_NAME);
  if (built.changed) await writeDurably(files, path, Buffer.from(renderFeed(built.feed)), FEED_MODE);
  return { ...built, path };
}

/** Hidden files are not packages: editors and file transfers create them. */
async function listFolder(dir: string, files: Files): Promise<readonly string[]> {
  const facts = await files.facts(dir);
  if (facts === null) throw coded('FEED-BUILD', { file: dir, reason: 'there is no such folder' });
  if (facts.kind !== 'directory')
    throw coded('FEED-BUILD', { file: dir, reason: `it is a ${facts.kind}, not a folder` });
  return (await files.list(dir)).filter((name) => !name.startsWith('.')).sort(compareIds);
}

async function readPrevious(dir: string, names: readonly string[]): Promise<Feed | null> {
  if (!names.includes(FEED_NAME)) return null;
  const read = readFeed(await readText(dir, FEED_NAME, MAX_FEED_BYTES));
  if ('feed' in read) return read.feed;
  // If the feed started over at serial 1, every agent would refuse it as gone back, so the builder does not guess.
  const reason = `the feed built before ${read.problem}; put the one back that you published last`;
  throw coded('FEED-BUILD', { file: FEED_NAME, reason });
}

async function readMetas(dir: string, names: readonly string[]): Promise<ReadonlyMap<string, ItemMeta>> {
  const metas = new Map<string, ItemMeta>();
  for (const name of names.filter((one) => one.endsWith(META_ENDING))) {
    const read = readMeta(await readText(dir, name, MAX_META_BYTES));
    if ('problem' in read) throw coded('FEED-BUILD', { file: name, reason: read.problem });
    metas.set(name.slice(0, -META_ENDING.length), read.meta);
  }
  return metas;
}

async function readJars(dir: string, names: readonly string[]): Promise<readonly FoundJar[]> {
  const found: FoundJar[] = [];
  for (const file of names.filter((name) => JAR_ENDING.test(name))) {
    const id = file.replace(JAR_ENDING, '');
    const problem = idProblem(id);
    if (problem !== null) throw coded('ID-INVALID', { id, reason: problem, file });
    const facts = await guarded(file, () => readJar(join(dir, file)));
    if ('problem' in facts) throw coded('FEED-BUILD', { file, reason: facts.problem });
    found.push({ id, file, facts });
  }
  return found;
}

async function readText(dir: string, name: string, limitBytes: number): Promise<string> {
  const bytes = await guarded(name, () => readFile(join(dir, name)));
  if (bytes.length > limitBytes) {
    throw coded('FEED-BUILD', {
      file: name,
      reason: `it has ${bytes.length} bytes, more than the limit of ${limitBytes}`,
    });
  }
  return bytes.toString('utf8');
}

/** Converts file system errors to a coded error that names the file. */
async function guarded<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ELOOP' ? 'is a symbolic link' : (error as Error).message;
    throw coded('FEED-BUILD', { file, reason }, error);
  }
}
