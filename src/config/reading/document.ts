// Parses the text of a configuration file: YAML 1.2 into plain data, with the position of every key and value.
//
// Guarantees: it never throws; it returns an error with a position instead. Errors are: aliases, unknown tags,
// duplicate keys, keys that are not text, keys such as `__proto__`, and deep nesting. No message repeats text of the
// file, which may be a secret. Pure.

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { type Finding, type KeyPath, keyName, type Position } from '#config/problem.ts';
import { wrongIndentation } from './indentation.ts';
import { lineOfExcess, MAX_YAML_SIGNS } from './yaml-shape.ts';

/** A parsed file. `value` is undefined if the text is not valid YAML. */
export interface ConfigDocument {
  readonly value: unknown;
  readonly findings: readonly PlacedFinding[];
  /** The position of the key; null if it is not in the file. */
  keyAt(key: string): Position | null;
  /** The position at which the value of the key begins; null if the key is not in the file. */
  valueAt(key: string): Position | null;
  /** Whether the value of the key has no quotes, so that YAML ends it at ` #`. */
  isUnquoted(key: string): boolean;
}

export interface PlacedFinding extends Finding {
  readonly position: Position;
}

/** Deeper than any key; without a limit, nesting could exhaust the stack. */
const DEEPEST = 16;
/** Later syntax errors are mostly consequences of the first ones. */
const MAX_SYNTAX_FINDINGS = 20;
const FORBIDDEN_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** A function, because formatting the number loads the tables of ICU, which would add 25 ms to every start. */
const tooMuch = () =>
  `There are too many lines, keys, list items and quotes up to this line; the limit is ${MAX_YAML_SIGNS.toLocaleString('en')} in total.`;

/** Parses the text. Never throws. */
export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter();
  const excess = lineOfExcess(text);
  if (excess !== null) return new Reader(lines, null).refuse(tooMuch(), excess);
  try {
    // Duplicates are detected below, because the library compares each key with all previous ones: quadratic time.
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: true,
      // With 'silent', a second document in the file would be ignored.
      logLevel: 'error',
    });
    return new Reader(lines, document).read(text);
  } catch (error) {
    // Thousands of open brackets exceed the recursion limit inside the library.
    if (!(error instanceof RangeError)) throw error;
    return new Reader(lines, null).refuse('This is nested too deeply to read.');
  }
}

class Reader {
  readonly #lines: LineCounter;
  readonly #document: Document.Parsed | null;
  readonly #keys = new Map<string, Position>();
  readonly #values = new Map<string, { readonly position: Position; readonly isUnquoted: boolean }>();
  readonly #findings: PlacedFinding[] = [];

  constructor(lines: LineCounter, document: Document.Parsed | null) {
    this.#lines = lines;
    this.#document = document;
  }

  read(text: string): ConfigDocument {
    const { errors = [], warnings = [], contents = null } = this.#document ?? {};
    const wrong = errors.length === 0 ? null : wrongIndentation(text);
    const lines = new Set<number>();
    for (const error of [...errors, ...warnings]) {
      const position = this.#position(error.pos[0]);
      // Later errors are consequences of the wrong indentation. The library may report it one line above.
      if (wrong !== null && position.line >= wrong.line - 1) {
        this.#add([], wrong, indentationMessage(wrong.expected));
        break;
      }
      if (lines.has(position.line) || lines.size === MAX_SYNTAX_FINDINGS) continue;
      lines.add(position.line);
      this.#add([], position, syntaxMessage(error, lineOf(text, position.line)));
    }
    const value = errors.length > 0 ? undefined : this.#convert(contents, []);
    return this.#result(value);
  }

  refuse(message: string, line = 1): ConfigDocument {
    this.#add([], { line, column: 1 }, message);
    return this.#result(undefined);
  }

  #result(value: unknown): ConfigDocument {
    return {
      value,
      findings: this.#findings,
      keyAt: (key) => this.#keys.get(key) ?? null,
      valueAt: (key) => this.#values.get(key)?.position ?? null,
      isUnquoted: (key) => this.#values.get(key)?.isUnquoted === true,
    };
  }

  #convert(node: unknown, path: KeyPath): unknown {
    const position = this.#position(isNode(node) ? (node.range?.[0] ?? 0) : 0);
    const isUnquoted = isScalar(node) && node.type === 'PLAIN';
    if (isNode(node) && node.range) this.#values.set(keyName(path), { position, isUnquoted });
    if (isAlias(node))
      return this.#add(path, position, 'Aliases (*name) are not supported. Repeat the value, or put it in quotes.');
    if (path.length > DEEPEST) return this.#add(path, position, 'This is nested deeper than any key can be.');
    if (isMap(node)) return this.#convertMap(node, path);
    if (isSeq(node)) return this.#convertList(node, path);
    return isScalar(node) ? node.value : null;
  }

  #convertList(list: YAMLSeq, path: KeyPath): unknown[] {
    return list.items.map((item, index) => {
      this.#keys.set(keyName([...path, index]), this.#position(isNode(item) ? (item.range?.[0] ?? 0) : 0));
      return this.#convert(item, [...path, index]);
    });
  }

  #convertMap(map: YAMLMap, path: KeyPath): Record<string, unknown> {
    const converted: Record<string, unknown> = {};
    for (const pair of map.items) this.#convertPair(pair, path, converted);
    return converted;
  }

  #convertPair(pair: Pair, path: KeyPath, into: Record<string, unknown>): void {
    const position = this.#position(isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0);
    const key = isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : null;
    if (key === null) {
      this.#add(path, position, 'A key must be a plain word.');
      return;
    }
    const own = [...path, key];
    if (FORBIDDEN_KEYS.includes(key)) {
      this.#add(own, position, 'A key cannot have this name.');
      return;
    }
    if (Object.hasOwn(into, key)) {
      const first = this.#keys.get(keyName(own))?.line ?? 0;
      this.#add(own, position, `This key is already on line ${first}. Remove one of the two.`);
      return;
    }
    this.#keys.set(keyName(own), position);
    into[key] = this.#convert(pair.value, own);
  }

  #add(path: KeyPath, position: Position, message: string): null {
    this.#findings.push({ path, severity: 'error', at: 'key', found: '', allowed: '', message, position });
    return null;
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function indentationMessage(expected: number): string {
  return `The indentation of this line is wrong. The lines above begin in column ${expected}; all keys of a section must begin in the same column.`;
}

function lineOf(text: string, line: number): string {
  return text.split(/\r?\n/, line).at(-1) ?? '';
}

const IN_QUOTES = 'Put text that begins with one of & * ! | > % @ ` or a quote in quotes.';

/** Our own messages, because those of the library repeat the text of the file. */
function syntaxMessage({ code }: YAMLError, line: string): string {
  if (/^[^#'"]*:\s+\*/.test(line)) {
    return "Put text that begins with * in quotes, such as schedule: '*/30 * * * *'.";
  }
  return SYNTAX_MESSAGES[code] ?? 'This is not valid YAML.';
}

const SYNTAX_MESSAGES: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  TAB_AS_INDENT: 'A tab cannot be used for indentation. Use spaces.',
  BAD_INDENT: 'The indentation does not match the lines above. All keys of a section must begin in the same column.',
  BAD_SCALAR_START: IN_QUOTES,
  BAD_ALIAS: IN_QUOTES,
  TAG_RESOLVE_FAILED: `Tags (!name) are not supported. ${IN_QUOTES}`,
  BAD_COLLECTION_TYPE: `Tags (!name) are not supported. ${IN_QUOTES}`,
  BAD_DQ_ESCAPE:
    'A backslash in double quotes begins an escape sequence, and this one is invalid. Use single quotes. Write a user such as CORP\\user as domain: CORP and user: user.',
  MISSING_CHAR: 'A quote, bracket, colon or space is missing on this line or above it.',
  MULTILINE_IMPLICIT_KEY: 'A key and its colon must be on one line. Check for a missing colon or quote.',
  BLOCK_AS_IMPLICIT_KEY:
    'Unexpected colon. Check the indentation, or put text that contains a colon and a space in quotes.',
  MULTIPLE_DOCS: 'The file has a second document (---). Only one is allowed.',
  NON_STRING_KEY: 'A key must be a plain word.',
  UNEXPECTED_TOKEN: 'Unexpected text. Put text with special characters in quotes.',
};
