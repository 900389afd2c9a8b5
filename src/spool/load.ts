// At the start, reads the folder with the waiting entries of one kind of data, and cleans up after a crash.
//
// Guarantees: it does not fail because of the content of the folder or a full disk. An unusable entry is set aside with
// its attachment, and reported. If a file cannot be read, it stays in place until the next start.

import { join } from 'node:path';
import { asCoded, CodedError } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { UNFINISHED_SUFFIX } from '#system/durable.ts';
import { missingAttachment } from './attachment.ts';
import type { HeadRecord } from './entry.ts';
import type { KindFolder } from './folder.ts';
import type { SpoolKind } from './kind.ts';
import { type EntryPart, type OwnName, readName, SETTLED_FILE } from './names.ts';
import type { EntryProblem } from './quarantine.ts';
import type { SettledKeys } from './settled-keys.ts';

/** An entry that was found. */
interface Found {
  readonly sequence: number;
  readonly record: HeadRecord;
  /** Bytes of its head. */
  readonly bytes: number;
}

/** The content of the folder. */
export interface Loaded {
  /** In order of acceptance; each key once, none of them settled. */
  readonly entries: readonly Found[];
  /** Numbers of entries whose keys are known, but not in `settled.log` yet. */
  readonly unlisted: readonly number[];
  readonly nextSequence: number;
}

export interface LoadContext<Body> {
  readonly folder: KindFolder;
  readonly kind: SpoolKind<Body>;
  readonly settled: SettledKeys;
  readonly report: Report;
}

/** Loads the waiting entries. @throws CodedError FILE-* when the folder itself cannot be read */
export async function loadFolder<Body>(context: LoadContext<Body>): Promise<Loaded> {
  const { folder } = context;
  const names = (await folder.files.list(folder.dir)).map((name) => ({ name, own: readName(name) }));
  await clearUnfinished(folder, names);
  const own = names.flatMap((found) => found.own ?? []);
  const finished = own.filter(({ unfinished }) => !unfinished);
  const numbers = (part: EntryPart) =>
    finished
      .filter((found) => found.part === part)
      .map(({ sequence }) => sequence)
      .sort((a, b) => a - b);
  const heads = numbers('json');
  const headed = new Set(heads);
  for (const sequence of numbers('attachment')) {
    if (!headed.has(sequence)) await removeQuietly(folder, folder.path(sequence, 'attachment'));
  }
  const unlisted = await loadUnlisted(context, numbers('settled'));
  const entries = await loadHeads(context, heads);
  // A process that died may have left names that a power cut would lose; from here on they must be durable.
  await folder.files.syncDirectory(folder.dir);
  const last = finished.reduce((most, { sequence }) => Math.max(most, sequence), 0);
  return { entries, unlisted, nextSequence: last + 1 };
}

async function clearUnfinished(
  folder: KindFolder,
  names: readonly { readonly name: string; readonly own: OwnName | null }[],
): Promise<void> {
  for (const { name, own } of names) {
    const isOurs = own?.unfinished === true || name === SETTLED_FILE + UNFINISHED_SUFFIX;
    if (isOurs) await removeQuietly(folder, join(folder.dir, name));
  }
}

/**
 * Keys for which `settled.log` had no space. If there still is none, they are kept in memory and their files stay.
 */
async function loadUnlisted<Body>(
  context: LoadContext<Body>,
  sequences: readonly number[],
): Promise<readonly number[]> {
  const { folder, settled } = context;
  const kept: number[] = [];
  const keys: string[] = [];
  for (const sequence of sequences) {
    const read = await folder.read(sequence, 'settled');
    if (read.kind === 'unusable') await setAside(context, { sequence, part: 'settled' }, read.problem);
    if (read.kind === 'closed') context.report(context.kind.setAside(read.error));
    if (read.kind !== 'record') continue;
    keys.push(read.record.head.key);
    kept.push(sequence);
  }
  if (kept.length === 0) return kept;
  try {
    await settled.add(keys);
    await folder.clearUnlisted(kept);
    return [];
  } catch (thrown) {
    tolerate(thrown);
    settled.remember(keys);
    return kept;
  }
}

async function loadHeads<Body>(context: LoadContext<Body>, sequences: readonly number[]): Promise<readonly Found[]> {
  const { folder, settled, report, kind } = context;
  const entries: Found[] = [];
  const waiting = new Set<string>();
  for (const sequence of sequences) {
    const read = await folder.read(sequence);
    if (read.kind === 'closed') report(kind.setAside(read.error));
    if (read.kind === 'unusable') await setAside(context, { sequence, part: 'json' }, read.problem);
    if (read.kind !== 'record') continue;
    const { record, bytes } = read;
    const { key } = record.head;
    // Settled, and the crash came before the files were removed; or a duplicate key, after an accept that failed at
    // its end.
    const isLeftOver = (settled.has(key) && record.ending?.does !== 'reject') || waiting.has(key);
    if (isLeftOver) {
      await folder.remove([{ sequence, head: record.head }]).catch(tolerate);
      continue;
    }
    const reason = await checkRecord(context, sequence, record);
    if (reason !== null) {
      await setAside(context, { sequence, part: 'json' }, { kind: 'damaged', reason });
      continue;
    }
    waiting.add(key);
    entries.push({ sequence, record, bytes });
  }
  return entries;
}

/** Why an entry cannot be used, although its head is readable. */
async function checkRecord<Body>(
  { folder, kind }: LoadContext<Body>,
  sequence: number,
  { head, body, ending }: HeadRecord,
): Promise<string | null> {
  const reason = checkBody(kind, head.kind, body);
  if (reason !== null || head.attachment === null || ending !== null) return reason;
  return await missingAttachment(folder.files, folder.path(sequence, 'attachment'), head.attachment);
}

/** Why this is not a valid body of the kind; null when it is. */
export function checkBody<Body>(kind: SpoolKind<Body>, name: string, body: unknown): string | null {
  if (name !== kind.name) return `it is an entry of the kind ${name}`;
  try {
    kind.body.parse(body);
    return null;
  } catch (thrown) {
    const [issue] = (thrown as { issues?: { path: PropertyKey[]; message: string }[] }).issues ?? [];
    if (issue === undefined) return thrown instanceof Error ? thrown.message : 'its body is not of its kind';
    return `${['body', ...issue.path].map(String).join('.')}: ${issue.message}`;
  }
}

async function setAside<Body>(
  { folder, report, kind }: LoadContext<Body>,
  file: { readonly sequence: number; readonly part: 'json' | 'settled' },
  problem: EntryProblem,
): Promise<void> {
  try {
    report(kind.setAside(await folder.setAside(file.sequence, problem, file.part)));
  } catch (thrown) {
    tolerate(thrown);
    report(kind.setAside(asCoded(thrown)));
  }
}

async function removeQuietly(folder: KindFolder, path: string): Promise<void> {
  await folder.files.remove(path).catch(tolerate);
}

/** An expected failure of the cleanup is repeated at the next start; any other error is a bug. */
function tolerate(thrown: unknown): void {
  if (!(thrown instanceof CodedError)) throw thrown;
}
