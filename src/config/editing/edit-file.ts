// Edits the configuration file on the disk: reads it, makes the edits, checks the result, writes a new file next to it,
// and renames it. Before the rename, it checks that the old file has not changed.
//
// Guarantees: the file always has the complete old or the complete new content, also after a crash. Mode and group stay
// the same. The owner also stays the same if this user may set it. If the path is a symbolic link, its target is
// edited. If another program changed the file after `expectDigest` was taken, the edit fails with CONFIG-CHANGED. The
// edit runs with the rights of the caller. A crash leaves at most `<file>.new`.

import { createHash } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MAX_FILE_BYTES } from '#config/reading/read-bounded.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { isRefusal, readWhole, replaceDurably } from '#system/durable.ts';
import type { FileFacts, Files } from '#system/files.ts';
import { type Edit, spliceEdits } from './edit.ts';

export interface EditFileOptions {
  /** Path of the configuration file. */
  readonly file: string;
  /** Edits, or a function that returns the new text for the old one. */
  readonly edits: readonly Edit[] | ((text: string) => string);
  /** SHA-256, in hex, of the content that the edits are based on. */
  readonly expectDigest: string;
  readonly files: Files;
  readonly clock: Pick<Clock, 'now'>;
  /** Checks the complete new content. If it throws, the error is passed on and nothing is written. */
  readonly check?: (text: string) => Promise<void> | void;
}

/** The result of an edit. */
export interface EditedFile {
  /** The path of the file after symbolic links are resolved. */
  readonly path: string;
  /** SHA-256 of the content after the edit, in hex. */
  readonly digest: string;
  /** False if the file already had these values; then nothing was written. */
  readonly changed: boolean;
}

/** Edits the file. @throws CodedError CONFIG-EDIT, CONFIG-CHANGED, CONFIG-OWNER, CONFIG-FORBIDDEN, CONFIG-UNREADABLE, FILE-*, DISK-FULL */
export async function editConfigFile(options: EditFileOptions): Promise<EditedFile> {
  const { file, files, clock, edits, expectDigest } = options;
  const path = await realPathOf(files, file);
  const before = await readAt(files, path);
  if (before.digest !== expectDigest) throw coded('CONFIG-CHANGED', { file });
  const text = typeof edits === 'function' ? edits(before.text) : spliceEdits(before.text, edits);
  await options.check?.(text);
  if (text === before.text) {
    // A killed edit may have renamed the file without syncing its folder. Callers rely on the content from here on.
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
    throw toWriteFailure(thrown, file, before.facts);
  }
  return { path, digest: digestOf(bytes), changed: true };
}

/** Reads the file; the text includes the byte order mark, if any. @throws CodedError CONFIG-UNREADABLE, FILE-* */
export async function readConfigText(
  files: Files,
  file: string,
): Promise<{ readonly path: string; readonly text: string; readonly digest: string }> {
  const path = await realPathOf(files, file);
  const { text, digest } = await readAt(files, path);
  return { path, text, digest };
}

/** Whether this user may replace the file, as an edit does. */
export async function mayReplace(files: Pick<Files, 'realPath'>, file: string): Promise<boolean> {
  try {
    await access(dirname(await files.realPath(file)), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** SHA-256 in hex, comparable with `LoadedSettings.digest`. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function realPathOf(files: Files, file: string): Promise<string> {
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
  return { ...asText(bytes, path), facts };
}

/** The text of a file, and the digest of its bytes. @throws CodedError CONFIG-UNREADABLE */
export function asText(bytes: Uint8Array, file: string): { readonly text: string; readonly digest: string } {
  try {
    // A byte order mark stays part of the text, so that an edit keeps it.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, digest: digestOf(bytes) };
  } catch {
    throw coded('CONFIG-UNREADABLE', { file, reason: 'it is not UTF-8 text' });
  }
}

function unreadable(file: string, thrown: unknown): unknown {
  if (!(thrown instanceof CodedError)) return thrown;
  const { errno, reason } = thrown.facts;
  if (errno === 'ENOENT') return coded('CONFIG-UNREADABLE', { file, reason: 'there is no such file' }, thrown);
  return errno === undefined ? thrown : coded('CONFIG-UNREADABLE', { file, reason: String(reason) }, thrown);
}

/** Gives two failures their own codes: the owner cannot be set, and another edit is in progress. */
function toWriteFailure(thrown: unknown, file: string, { owner, group }: FileFacts): unknown {
  if (!(thrown instanceof CodedError)) return thrown;
  const { operation, errno } = thrown.facts;
  if (operation === 'change the owner of' && isRefusal(thrown))
    return coded('CONFIG-OWNER', { file, owner, group }, thrown);
  if (operation === 'create' && errno === 'EEXIST') return coded('CONFIG-CHANGED', { file }, thrown);
  return forbidden(thrown, file);
}

/** CONFIG-FORBIDDEN if this user may not write, or if the file system is read-only; any other error unchanged. */
export function forbidden(thrown: unknown, file: string): unknown {
  if (!(thrown instanceof CodedError) || thrown.code !== 'FILE-FAILED') return thrown;
  const errno = String(thrown.facts['errno']);
  return NOT_ALLOWED.has(errno) ? coded('CONFIG-FORBIDDEN', { file, reason: errno }, thrown) : thrown;
}

const NOT_ALLOWED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);
