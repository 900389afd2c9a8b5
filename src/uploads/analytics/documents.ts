// Reads the documents that a program submits: JSON objects, one on each line (NDJSON), or one JSON text.
//
// Guarantees: a submission is read to its end, so that every invalid line is found, but only the bytes of one call and
// one line are in memory. The bytes of a document are kept as submitted, without the white space around it, so that no
// number loses digits. If the first line is only the beginning of a value, the text is read as one JSON text: an
// object, or a list of objects. Pure, except for the source.

import { isAscii as areAscii, isUtf8 as areUtf8, Buffer } from 'node:buffer';

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

/** Where a document is in bytes that hold several. */
export interface PlacedDocument {
  /** The line of the submission on which it begins, counted from 1. */
  readonly line: number;
  readonly from: number;
  readonly to: number;
}

/** Changes or refuses documents before they are accepted. */
export interface DocumentRules {
  /** What is stored of a document; null if it is stored as it was handed in. */
  readonly keep: ((document: Readonly<Record<string, unknown>>) => string) | null;
  /** Why a text must not be stored; null if it may be. */
  refusalOf(text: string): string | null;
  /** Which documents `refusalOf` may refuse: all that it refuses, and others. One search for many is far cheaper. */
  suspects(bytes: Uint8Array, documents: readonly PlacedDocument[]): ReadonlySet<PlacedDocument>;
}

/** Lines that are read together. */
interface Lines {
  readonly bytes: Buffer;
  /** Their documents as they were handed in. */
  readonly whole: PlacedDocument[];
  /** Their documents as they are stored, if that is not the same. */
  readonly kept: { readonly line: number; readonly text: string }[];
}

/** The lines of a JSON value, and their length together. */
interface WholeText {
  readonly from: number;
  lines: string[];
  length: number;
}

/** Receives the bytes of each document, without a line break. They are valid until the next bytes are read. */
export type DocumentSink = (document: Uint8Array) => void;

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
    const lines: Lines = { bytes, whole: [], kept: [] };
    for (let [at, from] = [0, 0]; from <= bytes.length; ) {
      const end = endOfLine(text.indexOf('\n', at), text.length);
      const to = isAscii ? end : endOfLine(bytes.indexOf(NEWLINE, from), bytes.length);
      this.#line += 1;
      if (to - from > MAX_SUBMITTED_BYTES) this.#refuseLength(to - from);
      else this.#readLine(text.slice(at, end), { line: this.#line, from, to }, lines);
      at = end + 1;
      from = to + 1;
    }
    this.#pass(bytes, lines.whole);
    this.#passTexts(lines.kept);
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

  #readLine(line: string, place: PlacedDocument, lines: Lines): void {
    const text = place.line === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (this.#whole !== null) {
      this.#continueWhole(this.#whole, text);
      return;
    }
    if (!text.startsWith('{') && text.trim() === '') return;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const read = parse(text);
    if (read.ok) this.#accept(read.value, place, lines);
    else if (isFirst && isBeginning(text)) this.#whole = { from: place.line, lines: [text], length: text.length };
    else this.#refuse(place.line, read.reason);
  }

  #accept(value: unknown, place: PlacedDocument, { bytes, whole, kept }: Lines): void {
    const { keep } = this.#rules;
    if (!isObject(value)) this.#refuse(place.line, NO_OBJECT);
    else if (keep !== null) kept.push({ line: place.line, text: keep(value) });
    // What surrounds an object is white space or a byte order mark.
    else
      whole.push({
        line: place.line,
        from: bytes.indexOf(OPEN, place.from),
        to: bytes.lastIndexOf(CLOSE, place.to - 1) + 1,
      });
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
    const read = parse(lines.join('\n'));
    if (!read.ok) {
      this.#refuse(from, read.reason);
      return;
    }
    const { keep } = this.#rules;
    const texts: { line: number; text: string }[] = [];
    for (const document of Array.isArray(read.value) ? (read.value as unknown[]) : [read.value]) {
      if (!isObject(document)) {
        this.#refuse(from, NO_OBJECT);
        continue;
      }
      const text = JSON.stringify(document);
      if (Buffer.byteLength(text) > MAX_SUBMITTED_BYTES) {
        this.#refuse(from, `one of its documents has more than ${MAX_SUBMITTED_BYTES} bytes`);
      } else texts.push({ line: from, text: keep === null ? text : keep(document) });
    }
    this.#passTexts(texts);
  }

  #passTexts(texts: Lines['kept']): void {
    if (texts.length === 0) return;
    const parts = texts.map(({ text }) => Buffer.from(text));
    let at = 0;
    const documents = texts.map(({ line }, index) => {
      const from = at;
      const to = from + (parts[index]?.length ?? 0);
      at = to + 1;
      return { line, from, to };
    });
    this.#pass(Buffer.from(texts.map(({ text }) => text).join('\n')), documents);
  }

  /** Passes on the documents that may be stored. */
  #pass(bytes: Buffer, documents: readonly PlacedDocument[]): void {
    if (documents.length === 0) return;
    const suspects = this.#rules.suspects(bytes, documents);
    for (const document of documents) {
      const { line, from, to } = document;
      const reason = suspects.has(document) ? this.#rules.refusalOf(bytes.toString('utf8', from, to)) : null;
      if (reason !== null) {
        this.#refuse(line, reason);
        continue;
      }
      this.#documents += 1;
      this.#sink(bytes.subarray(from, to));
    }
  }

  #refuseLength(length: number): void {
    this.#refuse(this.#line, `it has ${length} bytes; a document has at most ${MAX_SUBMITTED_BYTES}`);
  }

  #refuse(line: number, reason: string): void {
    this.#wrongCount += 1;
    if (this.#wrong.length < MAX_NAMED_LINES) this.#wrong.push({ line, reason });
  }
}

const NO_OBJECT = 'a document is a JSON object';

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function endOfLine(newline: number, end: number): number {
  return newline === -1 ? end : newline;
}

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };

function parse(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false, reason: 'it is not JSON' };
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
