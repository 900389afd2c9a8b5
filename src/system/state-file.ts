// Small state on disk: one JSON object `{"format": N, ...}` per file, mode 0600, replaced as a whole.
//
// Guarantees: loading never fails because of the content. State of a newer format, or state that cannot be parsed, is
// renamed and reported, never deleted; the caller starts without state. If the file cannot be opened, loading fails
// (STATE-UNREADABLE), because starting without the state would overwrite a file that may be intact. Loaded state
// survives a power cut, even if a killed process wrote it. Relies on `durable.ts`, and on `parse` to throw for content
// that it does not accept. A crash leaves the old file or the new one.

import { dirname } from 'node:path';
import { asCoded, type CodedError, coded, isExhaustion } from '#errors/coded-error.ts';
import { readWhole, writeDurably } from './durable.ts';
import type { Files } from './files.ts';
import { decodeFormattedJson } from './formatted-json.ts';

const STATE_MODE = 0o600;
/** Far more than our state ever needs. A larger file is not ours and would only use memory. */
const STATE_LIMIT_BYTES = 67_108_864;
/**
 * Maximum number of files that are set aside with the same label. After that the last one is replaced, so that they
 * do not fill the disk.
 */
const MAX_SET_ASIDE = 20;

/** How to read a state file. */
export interface StateReader<T> {
  /** The newest format that `parse` knows. */
  readonly format: number;
  /**
   * Checks the content without `format`. `format` is the format found, from 1 to the newest. Throws for invalid
   * content.
   */
  parse(raw: unknown, format: number): T;
}

/** Result of loading. */
export type LoadedState<T> =
  | { readonly kind: 'loaded'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'set-aside'; readonly error: CodedError };

/** Result of a read-only peek. */
export type PeekedState<T> =
  | { readonly kind: 'loaded'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable' };

/** Reads a state file that may belong to another process: nothing is moved aside. Never throws. */
export async function peekState<T>(files: Files, path: string, reader: StateReader<T>): Promise<PeekedState<T>> {
  const read = await readState(files, path, reader).catch(() => null);
  if (read?.kind === 'absent') return read;
  return read?.kind === 'value' ? { kind: 'loaded', value: read.value } : { kind: 'unreadable' };
}

/** Loads a state file; never throws because of its content. @throws CodedError STATE-UNREADABLE, TOO-MANY-FILES, OUT-OF-MEMORY */
export async function loadState<T>(files: Files, path: string, reader: StateReader<T>): Promise<LoadedState<T>> {
  const read = await readState(files, path, reader);
  if (read.kind === 'absent') return read;
  if (read.kind === 'closed') throw coded('STATE-UNREADABLE', { path, reason: read.reason, self: files.self });
  if (read.kind === 'value') {
    // A killed process may have left a rename that would not survive a power cut, and from now on we rely on it. A
    // disk that cannot sync reports that at the next save.
    await files.syncDirectory(dirname(path)).catch(() => undefined);
    return { kind: 'loaded', value: read.value };
  }
  try {
    const aside = await setAside(files, path, read.kind === 'newer' ? `format-${read.format}` : 'damaged');
    return { kind: 'set-aside', error: describe(path, aside, { read, known: reader.format }) };
  } catch (thrown) {
    return { kind: 'set-aside', error: asCoded(thrown) };
  }
}

/** Replaces the state file durably. `value` must not have a key `format`. */
export async function saveState(
  files: Files,
  path: string,
  state: { readonly format: number; readonly value: object },
): Promise<void> {
  const text = `${JSON.stringify({ ...state.value, format: state.format })}\n`;
  await writeDurably(files, path, Buffer.from(text), STATE_MODE);
}

type Read<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'damaged'; readonly reason: string }
  /** Not read: its content is unknown. */
  | { readonly kind: 'closed'; readonly reason: string };

async function readState<T>(
  files: Files,
  path: string,
  reader: StateReader<T>,
): Promise<Read<T> | { readonly kind: 'absent' }> {
  try {
    if ((await files.facts(path)) === null) return { kind: 'absent' };
    return interpret(await readWhole(files, path, STATE_LIMIT_BYTES), reader);
  } catch (thrown) {
    const error = asCoded(thrown);
    // This says nothing about the file. Setting it aside would lose it only because descriptors had run out for a
    // moment.
    if (isExhaustion(error)) throw error;
    return isAboutContent(error)
      ? { kind: 'damaged', reason: error.safeText }
      : { kind: 'closed', reason: String(error.facts['reason'] ?? error.safeText) };
  }
}

/**
 * Whether a failure to read is about the file: it is not a regular file, it is too large, or its disk has lost it.
 * Any other failure (no permission, no descriptors left) says nothing about it.
 */
export function isAboutContent(error: CodedError): boolean {
  if (isExhaustion(error)) return false;
  return error.code !== 'FILE-FAILED' || LOST.has(String(error.facts['errno']));
}

/** EIO, EUCLEAN, EBADMSG and ENODATA come from a bad disk or a broken file system. */
const LOST: ReadonlySet<string> = new Set(['EFBIG', 'EIO', 'EUCLEAN', 'EBADMSG', 'ENODATA']);

function interpret<T>(bytes: Uint8Array, reader: StateReader<T>): Read<T> {
  const decoded = decodeFormattedJson(bytes, reader.format);
  if (decoded.kind !== 'fields') return decoded;
  try {
    return { kind: 'value', value: reader.parse(decoded.fields, decoded.format) };
  } catch (thrown) {
    return { kind: 'damaged', reason: messageFor(thrown) };
  }
}

/** The first error of a schema, or the message. zod's own message has all errors as JSON over many lines. */
function messageFor(thrown: unknown): string {
  const issues: unknown = (thrown as { issues?: unknown } | null)?.issues;
  const first = Array.isArray(issues) ? (issues[0] as { path?: unknown; message?: unknown } | undefined) : undefined;
  if (first === undefined) return thrown instanceof Error ? thrown.message : 'its content is not valid';
  const where = Array.isArray(first.path) ? first.path.map(String).join('.') : '';
  return where === '' ? String(first.message) : `${where}: ${String(first.message)}`;
}

function describe(
  path: string,
  aside: string,
  problem: { read: Exclude<Read<unknown>, { kind: 'value' | 'closed' }>; known: number },
): CodedError {
  if (problem.read.kind === 'newer')
    return coded('STATE-NEWER', { path, found: problem.read.format, known: problem.known, aside });
  return coded('STATE-DAMAGED', { path, reason: problem.read.reason, aside });
}

/** Renames the file (or the link itself) to `<path>.<label>`, `<path>.<label>.2`, ... */
async function setAside(files: Files, path: string, label: string): Promise<string> {
  const first = `${path}.${label}`;
  let aside = first;
  for (let number = 2; number <= MAX_SET_ASIDE && (await files.facts(aside)) !== null; number += 1) {
    aside = `${first}.${number}`;
  }
  await files.rename(path, aside);
  await files.syncDirectory(dirname(path));
  return aside;
}
