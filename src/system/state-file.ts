// Small state on disk: one JSON object `{"format": N, ...}` per file, 0600, replaced as a whole.
//
// Guarantees: loading never fails because of what the file holds. State of a newer format (a downgrade) and state that
// can't be read are moved aside under a name that says so, nothing is thrown away, and the caller starts from nothing
// and tells. A file that we may not or cannot open now is not damaged: it stays, and loading fails (STATE-UNREADABLE),
// because to start from nothing would forget what is still there. What was loaded survives a power cut, also when it is what a killed process left. Relies on `durable.ts`;
// `parse` throws on what it does not accept. A crash leaves the old file or the new one.

import { dirname } from 'node:path';
import { asCoded, type CodedError, coded, isExhaustion } from '#errors/coded-error.ts';
import { readWhole, writeDurably } from './durable.ts';
import type { Files } from './files.ts';
import { decodeFormattedJson } from './formatted-json.ts';

const STATE_MODE = 0o600;
/** Far above what any state of ours grows to; a file above it is none of ours and would only eat memory. */
const STATE_LIMIT_BYTES = 67_108_864;
/** So many files set aside are kept under one name; then the last one is replaced, or a bad disk fills itself. */
const MAX_SET_ASIDE = 20;

/** How to read a state file. */
export interface StateReader<T> {
  /** The newest format that `parse` knows. */
  readonly format: number;
  /** Checks what was in the file, without `format`; gets the format found, 1 up to `format`. Throws when it is wrong. */
  parse(raw: unknown, format: number): T;
}

/** What became of loading. */
export type LoadedState<T> =
  | { readonly kind: 'loaded'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'set-aside'; readonly error: CodedError };

/** What somebody sees who only looks. */
export type PeekedState<T> =
  | { readonly kind: 'loaded'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable' };

/** Looks at a state file that is another process's, or nobody's: nothing is moved aside. Never throws. */
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
    // A process that died may have left a name that no power cut survives; from here on it is relied upon. A disk that
    // can't sync says so at the next save.
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
  /** Not read: says nothing of what is in it. */
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
    // That says nothing of the file: set aside, it would be lost for a moment without descriptors.
    if (isExhaustion(error)) throw error;
    return isAboutContent(error)
      ? { kind: 'damaged', reason: error.safeText }
      : { kind: 'closed', reason: String(error.facts['reason'] ?? error.safeText) };
  }
}

/**
 * Whether a failure to read says something of the file: it is no file, too large, or its disk has lost it. Everything
 * else (no permission, no descriptors left) says nothing of it.
 */
export function isAboutContent(error: CodedError): boolean {
  if (isExhaustion(error)) return false;
  return error.code !== 'FILE-FAILED' || LOST.has(String(error.facts['errno']));
}

/** EIO, EUCLEAN, EBADMSG and ENODATA are what a bad disk or a broken file system says. */
const LOST: ReadonlySet<string> = new Set(['EFBIG', 'EIO', 'EUCLEAN', 'EBADMSG', 'ENODATA']);

function interpret<T>(bytes: Uint8Array, reader: StateReader<T>): Read<T> {
  const decoded = decodeFormattedJson(bytes, reader.format);
  if (decoded.kind !== 'fields') return decoded;
  try {
    return { kind: 'value', value: reader.parse(decoded.fields, decoded.format) };
  } catch (thrown) {
    return { kind: 'damaged', reason: complaintOf(thrown) };
  }
}

/** The first complaint of a schema (zod's message is all of them as JSON over many lines), or the message. */
function complaintOf(thrown: unknown): string {
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

/** Moves the file (or a link, itself) to `<path>.<label>`, `<path>.<label>.2`, ... */
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
