// The journal of one durable download. It is written before the first byte and removed last.
//
// While it exists, the file `<name>.jar.unverified` next to it is ours to resume or delete. `note` has what the caller
// needs to finish the work after a crash. Each write is durable (`writeJournalUnsynced`: after `syncStaged`) and
// replaces the journal by a rename, so a crash leaves the old journal or the new one. A file in the staging folder
// without a journal is not in use and may be removed. After a failed resume, a second copy,
// `<name>.jar.unverified.fresh`, grows from zero until it is the longer one.

import { join } from 'node:path';
import { z } from 'zod';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { type Content, failureOf, readWhole, writeDurably, writeUnsynced } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { requireId, validateId } from '#system/id.ts';
import { isAboutContent } from '#system/state-file.ts';

const JOURNAL_FORMAT = 1;
const JOURNAL_SUFFIX = '.journal';
const STAGED_SUFFIX = '.jar.unverified';
const SECOND_COPY_SUFFIX = `${STAGED_SUFFIX}.fresh`;
/** A journal has a few hundred bytes; the notes of a feed item are limited to well below this. */
const JOURNAL_LIMIT_BYTES = 262_144;

const restartSchema = z.strictObject({
  /** Length of the copy whose rest could not be fetched. A longer copy makes this record void. */
  kept: z.int().nonnegative(),
  /** What the next request is for: everything, or the rest of the second copy (of the first if there is no second). */
  ask: z.enum(['whole', 'rest']),
  /** Like `validator`, for the bytes of the second copy. */
  validator: z.string().nullable(),
  /** The greatest length that the second copy has reached. */
  reached: z.int().nonnegative(),
});

const journalSchema = z.strictObject({
  format: z.literal(JOURNAL_FORMAT),
  name: z.string(),
  url: z.string(),
  /** Null until a response has shown it, if nothing promised it. */
  length: z.int().nonnegative().nullable(),
  /** Null if nothing promised it. Then only a strong validator identifies the bytes. */
  sha256: z.string().nullable(),
  /** Strong ETag or Last-Modified of the bytes on disk, or null; goes into If-Range (RFC 9110, 13.1.5). */
  validator: z.string().nullable(),
  /** Present after a request for the rest failed, so that the same request is not repeated forever. */
  restart: restartSchema.optional(),
  /** What the caller needs to finish after a crash. */
  note: z.unknown(),
});

/** What a fetch stores to resume from the bytes that it has. */
export type Journal = Readonly<z.infer<typeof journalSchema>>;

/** How a transfer continues after a failed resume. */
export type Restart = Readonly<z.infer<typeof restartSchema>>;

/** What a staging folder contains under one name. */
export type StagedJournal =
  | { readonly kind: 'journal'; readonly journal: Journal }
  | { readonly kind: 'unreadable'; readonly name: string; readonly error: CodedError }
  /** The journal could not be opened now, which says nothing about its content. */
  | { readonly kind: 'closed'; readonly name: string; readonly error: CodedError };

/** The file that collects the bytes; its name says that nothing in it is verified. @throws CodedError ID-INVALID */
export function stagedPath(stagingDir: string, name: string): string {
  return join(stagingDir, requireId(name) + STAGED_SUFFIX);
}

/** The copy that starts at zero while the longer one is kept. */
export function secondCopyPath(stagingDir: string, name: string): string {
  return join(stagingDir, requireId(name) + SECOND_COPY_SUFFIX);
}

/** Writes the journal durably and replaces any older one. */
export async function writeJournal(files: Files, stagingDir: string, journal: Omit<Journal, 'format'>): Promise<void> {
  const { path, bytes, mode } = contentOf(stagingDir, journal);
  await writeDurably(files, path, bytes, mode);
}

/** Writes the journal so that it survives the process. `syncStaged` makes it durable. */
export async function writeJournalUnsynced(
  files: Files,
  stagingDir: string,
  journal: Omit<Journal, 'format'>,
): Promise<void> {
  await writeUnsynced(files, contentOf(stagingDir, journal));
}

function contentOf(stagingDir: string, journal: Omit<Journal, 'format'>): Content {
  const bytes = Buffer.from(JSON.stringify({ format: JOURNAL_FORMAT, ...journal }));
  return { path: journalPath(stagingDir, journal.name), bytes, mode: 0o600 };
}

/**
 * Makes complete files and their journals durable, with one sync of the folder for all. Returns the failure of each one, or
 * null.
 */
export async function syncStaged(
  files: Files,
  stagingDir: string,
  names: readonly string[],
): Promise<(Error | null)[]> {
  const syncs = names.map(async (name) => {
    const paths = [stagedPath(stagingDir, name), journalPath(stagingDir, name)];
    const failures = await Promise.all(paths.map((path) => failureOf(() => syncFile(files, path))));
    return failures.find((failure) => failure !== null) ?? null;
  });
  const failures = await Promise.all(syncs);
  if (!failures.includes(null)) return failures;
  const unsynced = await failureOf(() => files.syncDirectory(stagingDir));
  return failures.map((failure) => failure ?? unsynced);
}

async function syncFile(files: Files, path: string): Promise<void> {
  const file = await files.openToWrite(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Reads the journal of one name; null when there is none or it is damaged.
 * @throws CodedError FILE-* when it cannot be opened
 */
export async function readJournal(files: Files, stagingDir: string, name: string): Promise<Journal | null> {
  if ((await files.facts(journalPath(stagingDir, name))) === null) return null;
  const staged = await readStaged(files, stagingDir, name);
  if (staged.kind === 'closed') throw staged.error;
  return staged.kind === 'journal' ? staged.journal : null;
}

/**
 * The last step of a fetch: removes the staged bytes first, then the journal, so that no bytes are left without a
 * journal.
 */
export async function closeJournal(files: Files, stagingDir: string, name: string): Promise<void> {
  if (await removeAll(files, stagingDir, name)) await files.syncDirectory(stagingDir);
}

/** Closes several journals, with one sync. Returns the failure of each one, or null. */
export async function closeJournals(
  files: Files,
  stagingDir: string,
  names: readonly string[],
): Promise<(Error | null)[]> {
  const failures: (Error | null)[] = [];
  for (const name of names) failures.push(await failureOf(() => removeAll(files, stagingDir, name)));
  const unsynced = await failureOf(() => files.syncDirectory(stagingDir));
  return failures.map((failure) => failure ?? unsynced);
}

/** True if the journal existed. */
async function removeAll(files: Files, stagingDir: string, name: string): Promise<boolean> {
  await files.remove(secondCopyPath(stagingDir, name));
  await files.remove(stagedPath(stagingDir, name));
  return await files.remove(journalPath(stagingDir, name));
}

/** Every journal in the folder, for the recovery at the start of a round. */
export async function listJournals(files: Files, stagingDir: string): Promise<StagedJournal[]> {
  const found: StagedJournal[] = [];
  for (const entry of await files.list(stagingDir)) {
    const name = nameOf(entry);
    if (name !== null) found.push(await readStaged(files, stagingDir, name));
  }
  return found;
}

/** Names in the folder that no journal covers: leftovers of a crash, or files that someone put there. */
export async function listStrays(files: Files, stagingDir: string): Promise<string[]> {
  const entries = await files.list(stagingDir);
  const owned = new Set<string>();
  for (const entry of entries) {
    const name = nameOf(entry);
    if (name !== null)
      owned
        .add(entry)
        .add(name + STAGED_SUFFIX)
        .add(name + SECOND_COPY_SUFFIX);
  }
  return entries.filter((entry) => !owned.has(entry));
}

async function readStaged(files: Files, stagingDir: string, name: string): Promise<StagedJournal> {
  const path = journalPath(stagingDir, name);
  try {
    const parsed = journalSchema.safeParse(
      JSON.parse(Buffer.from(await readWhole(files, path, JOURNAL_LIMIT_BYTES)).toString('utf8')),
    );
    if (parsed.success && parsed.data.name === name) return { kind: 'journal', journal: parsed.data };
    return { kind: 'unreadable', name, error: unreadable(path, 'its content is not a journal of this format') };
  } catch (thrown) {
    const error = asCoded(thrown);
    if (!isAboutContent(error)) return { kind: 'closed', name, error };
    return { kind: 'unreadable', name, error: unreadable(path, thrown instanceof Error ? thrown.message : 'unknown') };
  }
}

function journalPath(stagingDir: string, name: string): string {
  return join(stagingDir, requireId(name) + JOURNAL_SUFFIX);
}

/** The name that this file is the journal of; null when it is not one of our journals. */
function nameOf(entry: string): string | null {
  if (!entry.endsWith(JOURNAL_SUFFIX)) return null;
  const name = entry.slice(0, -JOURNAL_SUFFIX.length);
  return validateId(name) === null ? name : null;
}

function unreadable(path: string, reason: string): CodedError {
  return coded('FILE-FAILED', { operation: 'read', path, reason });
}
