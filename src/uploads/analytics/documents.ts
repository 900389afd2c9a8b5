// Reads the documents that a program submits: JSON objects, one on each line (NDJSON), or one JSON text.
//
// Guarantees: a submission is read to its end, so that every invalid line is found. Only the bytes of one call and one
// line are in memory. The bytes of a document are kept as submitted, so that no number loses digits; only white space
// around it is removed. If the first line is only the beginning of a value, the text is read as one JSON text: an
// object, or a list of objects. Pure, except for the source.

import { isAscii as areAscii, isUtf8 as areUtf8, Buffer } from 'node:buffer';
import type { PackedDocuments } from '#spool/segments/line-buffer.ts';

/** Longest document, in bytes. A document is sent whole, so this must pass through the strictest proxy. */
export const MAX_SUBMITTED_BYTES = 1_048_576;
/** Longest text that is one JSON value over several lines, in UTF-16 units: a list of documents. */
const MAX_TEXT_LENGTH = 8 * MAX_SUBMITTED_BYTES;
/** Lines that are named one by one. The others are counted. */
const MAX_NAMED_LINES = 1_000;
const NEWLINE = 0x0a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** A line that is not a document. */
export interface WrongLine {
  /** Counted from 1. */
  readonly line: number;
  /** What is wrong, as a sentence without a full stop. */
  readonly reason: string;
}

/** The number of documents of a submission, and its wrong lines. */
export interface SubmissionCounts {
  readonly documents: number;
  /** The first lines that are wrong, at most 1,000. */
  readonly wrong: readonly WrongLine[];
  readonly wrongCount: number;
}

/** Changes or refuses documents before they are accepted. */
export interface DocumentRules {
  /** What is stored of a document; null if it is stored as it was handed in. */
  readonly keep: ((document: Readonly<Record<string, unknown>>) => string) | null;
  /** Why a text must not be stored; null if it may be. */
  refusalOf(text: string): string | null;
  /**
   * Which documents `refusalOf` may refuse, by their index: all that it refuses, and others. One search for many is far
   * cheaper.
   */
  suspects(documents: PackedDocuments): ReadonlySet<number>;
}

/** Documents of lines that are read together. Lists of numbers, because an object for each document costs far more. */
interface Lines {
  readonly bytes: Buffer;
  /** The line of the submission on which each document begins, counted from 1. */
  readonly numbers: number[];
  /** As they were handed in: as `PackedDocuments`. */
  readonly places: number[];
  /** As they are stored, if that is not the same. */
  readonly texts: string[];
}

/** Where a line is in its bytes. */
interface Place {
  readonly from: number;
  readonly to: number;
}

/** The lines of a JSON value, and their length together. */
interface WholeText {
  readonly from: number;
  lines: string[];
  length: number;
}

/** Receives documents without line breaks. They are valid until the next bytes are read. */
export type DocumentSink = (documents: PackedDocuments) => void;

/** Reads a submission piece by piece. */
export class DocumentReader {
  readonly #rules: DocumentRules;
  readonly #sink: DocumentSink;
  #pieces: Buffer[] = [];
  #length = 0;
  #line = 0;
  /** The text is one JSON value over several lines: its lines so far, and their length. */
  #whole: WholeText | null = null;
  /** No line had any content yet. */
  #isFirst = true;
  #documents = 0;
  #wrong: WrongLine[] = [];
  #wrongCount = 0;

  constructor(rules: DocumentRules, sink: DocumentSink) {
    this.#rules = rules;
    this.#sink = sink;
  }

  /** Whether a line so far was wrong. */
  get hasWrong(): boolean {
    return this.#wrongCount > 0;
  }

  /** Takes the next bytes. What is needed longer is copied. */
  take(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    if (this.#length > 0) {
      from = bytes.indexOf(NEWLINE) + 1;
      this.#begin(from === 0 ? bytes : bytes.subarray(0, from - 1));
      if (from === 0) return;
      this.#endBegun();
    }
    const end = bytes.lastIndexOf(NEWLINE);
    if (end >= from) this.#readLines(bytes.subarray(from, end));
    this.#begin(bytes.subarray(Math.max(end + 1, from)));
  }

  /** Ends the submission. */
  end(): SubmissionCounts {
    if (this.#length > 0) this.#endBegun();
    this.#endWhole();
    const wrong = this.#wrong.toSorted((one, other) => one.line - other.line);
    return { documents: this.#documents, wrong, wrongCount: this.#wrongCount };
  }

  /** Keeps the beginning of a line, but no more than a document may have: the rest is only counted. */
  #begin(part: Buffer): void {
    if (part.length === 0) return;
    if (this.#length <= MAX_SUBMITTED_BYTES) this.#pieces.push(Buffer.from(part));
    this.#length += part.length;
  }

  #endBegun(): void {
    const [length, pieces] = [this.#length, this.#pieces];
    this.#pieces = [];
    this.#length = 0;
    if (length <= MAX_SUBMITTED_BYTES) this.#readLines(Buffer.concat(pieces, length));
    else {
      this.#line += 1;
      this.#refuseLength(length);
    }
  }

  /** Reads complete lines, without the newline of the last one. */
  #readLines(bytes: Buffer): void {
    const isAscii = areAscii(bytes);
    if (!isAscii && !areUtf8(bytes)) {
      this.#readEach(bytes);
      return;
    }
    const text = bytes.toString(isAscii ? 'latin1' : 'utf8');
    const lines: Lines = { bytes, numbers: [], places: [], texts: [] };
    for (let [at, from] = [0, 0]; from <= bytes.length; ) {
      const end = endOfLine(text.indexOf('\n', at), text.length);
      const to = isAscii ? end : endOfLine(bytes.indexOf(NEWLINE, from), bytes.length);
      this.#line += 1;
      if (to - from > MAX_SUBMITTED_BYTES) this.#refuseLength(to - from);
      else this.#readLine(text.slice(at, end), { from, to }, lines);
      at = end + 1;
      from = to + 1;
    }
    if (this.#rules.keep === null) this.#pass(lines);
    else this.#passTexts(lines.numbers, lines.texts);
  }

  /** Some of these lines are not UTF-8. */
  #readEach(bytes: Buffer): void {
    if (!bytes.includes(NEWLINE)) {
      this.#line += 1;
      this.#refuse(this.#line, 'it is not UTF-8 text');
      return;
    }
    for (let from = 0; from <= bytes.length; ) {
      const to = endOfLine(bytes.indexOf(NEWLINE, from), bytes.length);
      this.#readLines(bytes.subarray(from, to));
      from = to + 1;
    }
  }

  #readLine(line: string, place: Place, lines: Lines): void {
    const number = this.#line;
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (this.#whole !== null) {
      this.#continueWhole(this.#whole, text);
      return;
    }
    if (!text.startsWith('{') && text.trim() === '') return;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const value = parse(text);
    if (value !== undefined) this.#accept(value, place, lines);
    else if (isFirst && isBeginning(text)) this.#whole = { from: number, lines: [text], length: text.length };
    else this.#refuse(number, NO_JSON);
  }

  #accept(value: unknown, { from, to }: Place, { bytes, numbers, places, texts }: Lines): void {
    const { keep } = this.#rules;
    if (!isObject(value)) {
      this.#refuse(this.#line, NO_OBJECT);
      return;
    }
    numbers.push(this.#line);
    if (keep !== null) texts.push(keep(value));
    // What surrounds an object is white space or a byte order mark.
    else places.push(bytes.indexOf(OPEN, from), bytes.lastIndexOf(CLOSE, to - 1) + 1);
  }

  #continueWhole(whole: WholeText, text: string): void {
    if (whole.length > MAX_TEXT_LENGTH) return;
    whole.lines.push(text);
    whole.length += text.length + 1;
    if (whole.length <= MAX_TEXT_LENGTH) return;
    whole.lines = [];
    this.#refuse(whole.from, 'this JSON text is too large; write each document on its own line');
  }

  #endWhole(): void {
    if (this.#whole === null || this.#whole.lines.length === 0) return;
    const { from, lines } = this.#whole;
    const value = parse(lines.join('\n'));
    if (value === undefined) {
      this.#refuse(from, NO_JSON);
      return;
    }
    const { keep } = this.#rules;
    const texts: string[] = [];
    for (const document of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (!isObject(document)) {
        this.#refuse(from, NO_OBJECT);
        continue;
      }
      const text = JSON.stringify(document);
      if (Buffer.byteLength(text) > MAX_SUBMITTED_BYTES) {
        this.#refuse(from, `one of its documents has more than ${MAX_SUBMITTED_BYTES} bytes`);
      } else texts.push(keep === null ? text : keep(document));
    }
    this.#passTexts(
      texts.map(() => from),
      texts,
    );
  }

  #passTexts(numbers: readonly number[], texts: readonly string[]): void {
    const places: number[] = [];
    let at = 0;
    for (const text of texts) {
      const to = at + Buffer.byteLength(text);
      places.push(at, to);
      at = to + 1;
    }
    this.#pass({ bytes: Buffer.from(texts.join('\n')), numbers, places });
  }

  /** Passes on the documents that may be stored. */
  #pass({ bytes, numbers, places }: PackedDocuments & { readonly numbers: readonly number[] }): void {
    if (places.length === 0) return;
    const refused = this.#refuseSuspects({ bytes, places }, numbers);
    const kept = refused.size === 0 ? places : places.filter((_place, at) => !refused.has(at >> 1));
    this.#documents += kept.length / 2;
    if (kept.length > 0) this.#sink({ bytes, places: kept });
  }

  /** Which documents were refused, by their index. */
  #refuseSuspects(documents: PackedDocuments, numbers: readonly number[]): ReadonlySet<number> {
    const { bytes, places } = documents;
    const refused = new Set<number>();
    for (const index of this.#rules.suspects(documents)) {
      const reason = this.#rules.refusalOf(bytes.toString('utf8', places[2 * index], places[2 * index + 1]));
      if (reason === null) continue;
      this.#refuse(numbers[index] ?? 0, reason);
      refused.add(index);
    }
    return refused;
  }

  #refuseLength(length: number): void {
    this.#refuse(this.#line, `it has ${length} bytes; a document has at most ${MAX_SUBMITTED_BYTES}`);
  }

  #refuse(line: number, reason: string): void {
    this.#wrongCount += 1;
    if (this.#wrong.length < MAX_NAMED_LINES) this.#wrong.push({ line, reason });
  }
}

const NO_JSON = 'it is not JSON';
const NO_OBJECT = 'a document is a JSON object';

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function endOfLine(newline: number, end: number): number {
  return newline === -1 ? end : newline;
}

/** Undefined for a text that is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A value that the line begins and does not end: it leaves a bracket open. One pass, whatever the line contains. */
function isBeginning(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (isInText && sign === '\\') at += 1;
    else if (sign === '"') isInText = !isInText;
    else if (!isInText && (sign === '[' || sign === '{')) depth += 1;
    else if (!isInText && (sign === ']' || sign === '}')) depth -= 1;
    if (depth < 0) return false;
  }
  return depth > 0 && !isInText;
}
