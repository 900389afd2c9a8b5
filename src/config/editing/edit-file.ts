// Edits the configuration file on the disk: read, splice, check, write beside it, look again, rename.
//
// Guarantees: the file has its old content or the whole new one at every moment and after every crash; its mode, group
// and, where this user may give files away, its owner stay; of a symbolic link the file that it leads to is edited and
// the link stays. A change by somebody else since `expectDigest` was taken is found (CONFIG-CHANGED) and not
// overwritten. It runs with the rights of whoever calls it. A crash leaves at most `<file>.new`.

import { createHash } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { isRefusal, readWhole, replaceDurably } from '#system/durable.ts';
import type { FileFacts, Files } from '#system/files.ts';
import { type Edit, spliceEdits } from './edit.ts';

/** As the loader has it; 1 MiB. */
const MAX_FILE_BYTES = 1_048_576;

export interface EditFileOptions {
  /** Path of the configuration file. */
  readonly file: string;
  /** Edits, or what makes the new text of the old one. */
  readonly edits: readonly Edit[] | ((text: string) => string);
  /** sha256, in hex, of the content that the edits were decided upon. */
  readonly expectDigest: string;
  readonly files: Files;
  readonly clock: Pick<Clock, 'now'>;
  /** Judges the new content as a whole; what it throws is thrown, and nothing is written. */
  readonly check?: (text: string) => Promise<void> | void;
}

/** What came of it. */
export interface EditedFile {
  /** Where the file really is. */
  readonly path: string;
  /** sha256 of what stands there now, in hex. */
  readonly digest: string;
  /** False when the file said all of it already; then nothing was written. */
  readonly changed: boolean;
}

/** Edits the file. @throws CodedError CONFIG-EDIT, CONFIG-CHANGED, CONFIG-OWNER, CONFIG-FORBIDDEN, CONFIG-UNREADABLE, FILE-*, DISK-FULL */
export async function editConfigFile(options: EditFileOptions): Promise<EditedFile> {
  const { file, files, clock, edits, expectDigest } = options;
  const path = await whereItIs(files, file);
  const before = await readAt(files, path);
  if (before.digest !== expectDigest) throw coded('CONFIG-CHANGED', { file });
  const text = typeof edits === 'function' ? edits(before.text) : spliceEdits(before.text, edits);
  await options.check?.(text);
  if (text === before.text) {
    // An edit that was killed may have left a name that no power cut survives; from here on it is relied upon.
    await files.syncDirectory(dirname(path)).catch(() => undefined);
    return { path, digest: before.digest, changed: false };
  }
  const bytes = Buffer.from(text);
  const lastCheck = async () => {
    const now = await readAt(files, path);
    if (now.digest !== before.digest) throw coded('CONFIG-CHANGED', { file });
  };
  try {
    await replaceDurably(files, path, { bytes, to: before.facts, lastCheck, now: clock.now() });
  } catch (thrown) {
    throw inOurWords(thrown, file, before.facts);
  }
  return { path, digest: digestOf(bytes), changed: true };
}

/** The file as it is: its text, with a mark of byte order where it has one. @throws CodedError CONFIG-UNREADABLE, FILE-* */
export async function readConfigText(
  files: Files,
  file: string,
): Promise<{ readonly path: string; readonly text: string; readonly digest: string }> {
  const path = await whereItIs(files, file);
  const { text, digest } = await readAt(files, path);
  return { path, text, digest };
}

/** Whether this user may put another file in place of this one, as an edit does. */
export async function mayReplace(files: Pick<Files, 'realPath'>, file: string): Promise<boolean> {
  try {
    await access(dirname(await files.realPath(file)), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** sha256 in hex, as `LoadedSettings.digest` has it. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function whereItIs(files: Files, file: string): Promise<string> {
  try {
    return await files.realPath(file);
  } catch (thrown) {
    throw unreadable(file, thrown);
  }
}

interface Content {
  readonly text: string;
  readonly digest: string;
  readonly facts: FileFacts;
}

async function readAt(files: Files, path: string): Promise<Content> {
  let bytes: Uint8Array;
  let facts: FileFacts | null;
  try {
    facts = await files.facts(path);
    bytes = await readWhole(files, path, MAX_FILE_BYTES);
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
  if (facts === null) throw coded('CONFIG-UNREADABLE', { file: path, reason: 'there is no such file' });
  try {
    // The mark of byte order is a part of the text that stays.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, digest: digestOf(bytes), facts };
  } catch {
    throw coded('CONFIG-UNREADABLE', { file: path, reason: 'it is not UTF-8 text' });
  }
}

function unreadable(file: string, thrown: unknown): unknown {
  if (!(thrown instanceof CodedError)) return thrown;
  const { errno, reason } = thrown.facts;
  if (errno === 'ENOENT') return coded('CONFIG-UNREADABLE', { file, reason: 'there is no such file' }, thrown);
  return errno === undefined ? thrown : coded('CONFIG-UNREADABLE', { file, reason: String(reason) }, thrown);
}

/** A refusal to give the new file away, and another edit that is under way, each by its own code. */
function inOurWords(thrown: unknown, file: string, { owner, group }: FileFacts): unknown {
  if (!(thrown instanceof CodedError)) return thrown;
  const { operation, errno } = thrown.facts;
  if (operation === 'change the owner of' && isRefusal(thrown))
    return coded('CONFIG-OWNER', { file, owner, group }, thrown);
  if (operation === 'create' && errno === 'EEXIST') return coded('CONFIG-CHANGED', { file }, thrown);
  return forbidden(thrown, file);
}

/** What this user may not do, or nobody may on a disk that is read only, by a code of its own; anything else as it is. */
export function forbidden(thrown: unknown, file: string): unknown {
  if (!(thrown instanceof CodedError) || thrown.code !== 'FILE-FAILED') return thrown;
  const errno = String(thrown.facts['errno']);
  return NOT_ALLOWED.has(errno) ? coded('CONFIG-FORBIDDEN', { file, reason: errno }, thrown) : thrown;
}

const NOT_ALLOWED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);
