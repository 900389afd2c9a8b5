// Reads a metadata file: strict UTF-8, JSON of limited depth, `signed` and `signatures` (TUF 4.2.1). Pure.
//
// Guarantees: two different documents never have the same canonical form, so a signature is valid only for the data
// that is used later. If an object has duplicate keys, the last one is used and is covered by the signature.
// `decode.ts` checks the content after the signatures were verified.

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { coded } from '#errors/coded-error.ts';
import { checkJsonShape } from '#system/json-shape.ts';
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from './limits.ts';

/** An object from `JSON.parse`. Read it with `Object.hasOwn`: its keys may be `__proto__` or `constructor`. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A file, with its role and the clause of the specification, for failures. */
export interface Place {
  /** The plain name of the file. */
  readonly file: string;
  readonly role: string;
  /** Clause of the specification that is applied. */
  readonly clause: string;
}

/** A metadata file that is not verified yet. */
export interface SignedDocument {
  readonly bytes: Uint8Array;
  readonly signed: JsonObject;
  /** Signature in hex by key ID. */
  readonly signatures: ReadonlyMap<string, string>;
}

/** The reason why a document or a part of it does not follow the format. `asInvalid` gives it a code. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** A lone surrogate as `JSON.stringify` writes it; it leaves paired ones as they are. */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;
const ANY_SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/** Smaller documents take less than a turn of the event loop should. */
const LARGE_BYTES = 131_072;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws CodedError TUF-INVALID */
export async function readSignedDocument(bytes: Uint8Array, place: Place): Promise<SignedDocument> {
  const text = asInvalid(place, () => readTextOf(bytes));
  await betweenSteps(bytes);
  const document = asInvalid(place, () => {
    const content = readObject(parse(text), 'the file');
    const signed = readObject(content['signed'], 'signed');
    return { bytes, signed, signatures: readSignatures(content['signatures']) };
  });
  await betweenSteps(bytes);
  return document;
}

/** Lets the event loop run between two steps on a large document: each takes up to 10 ms for each MB. */
export async function betweenSteps({ length }: Uint8Array): Promise<void> {
  if (length > LARGE_BYTES) await yieldToLoop();
}

/** Runs a decoder, and turns its `FormatError` into a code. @throws CodedError TUF-INVALID */
export function asInvalid<T>(place: Place, decode: () => T): T {
  try {
    return decode();
  } catch (thrown) {
    if (!(thrown instanceof FormatError)) throw thrown;
    throw coded('TUF-INVALID', { ...place, reason: thrown.message }, thrown);
  }
}

/** The text of a file that is small enough in memory. */
function readTextOf(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new FormatError('it is empty');
  const excess = checkJsonShape(bytes, { values: MAX_JSON_VALUES, depth: MAX_JSON_DEPTH });
  if (excess !== null)
    throw new FormatError(`more than ${excess.limit} ${excess.what === 'depth' ? 'levels' : 'values'}`);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new FormatError('it is not UTF-8');
  }
}

function parse(text: string): unknown {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new FormatError('it is not JSON');
  }
  // Canonical JSON in UTF-8 writes every lone surrogate as U+FFFD: text with one could be exchanged for other text.
  if (ANY_SURROGATE_ESCAPE.test(text) && LONE_SURROGATE.test(JSON.stringify(content))) {
    throw new FormatError('it has half of a surrogate pair');
  }
  return content;
}

function readSignatures(raw: unknown): ReadonlyMap<string, string> {
  const signatures = new Map<string, string>();
  for (const entry of readArray(raw, 'signatures')) {
    const { keyid, sig } = readObject(entry, 'a signature');
    const keyId = readText(keyid, 'keyid');
    // TUF 4.2.1: "The keyid MUST be unique in the signatures array".
    if (signatures.has(keyId)) throw new FormatError('two signatures have the same keyid');
    signatures.set(keyId, readText(sig, 'sig'));
  }
  return signatures;
}

/** @throws FormatError */
export function readObject(raw: unknown, what: string): JsonObject {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw new FormatError(`${what} is not an object`);
  return raw as JsonObject;
}

/** @throws FormatError */
export function readArray(raw: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(raw)) throw new FormatError(`${what} is not an array`);
  return raw;
}

/** @throws FormatError */
export function readText(raw: unknown, what: string): string {
  if (typeof raw !== 'string') throw new FormatError(`${what} is not a string`);
  return raw;
}

/** @throws FormatError */
export function readTexts(raw: unknown, what: string): readonly string[] {
  return readArray(raw, what).map((one) => readText(one, what));
}

/** An integer from `min` to 2^53 - 1; larger ones have several spellings in JSON. @throws FormatError */
export function readInteger(raw: unknown, what: string, min: number): number {
  if (!Number.isSafeInteger(raw) || (raw as number) < min)
    throw new FormatError(`${what} is not an integer from ${min}`);
  return raw as number;
}

/** @throws FormatError */
export function readBoolean(raw: unknown, what: string): boolean {
  if (typeof raw !== 'boolean') throw new FormatError(`${what} is neither true nor false`);
  return raw;
}
