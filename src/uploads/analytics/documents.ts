// Reads the documents that a program hands in: JSON objects, one on each line (NDJSON), or one JSON text.
//
// Guarantees: a submission is read through to its end, so that every wrong line is known, but at most one line is in
// memory. A document keeps the bytes that were handed in, without the white space around it, so that no number loses
// digits. A text whose first line is only the beginning of a value is read as one JSON text: an object, or a list of
// objects. Pure, except for the source.

import { Buffer } from 'node:buffer';

/** Longest document, in bytes. A document is sent whole, so this must pass through the strictest proxy. */
export const MAX_SUBMITTED_BYTES = 1_048_576;
/** Longest text that is one JSON value over several lines, in UTF-16 units: a list of documents. */
const MAX_TEXT_LENGTH = 8 * MAX_SUBMITTED_BYTES;
/** Lines that are named one by one. The others are counted. */
const MAX_NAMED_LINES = 1_000;
const NEWLINE = 0x0a;

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
  /** What is stored of a document. `text` is the document as it was handed in. */
  keep(document: Readonly<Record<string, unknown>>, text: string): string;
  /** Why a text must not be stored; null if it may be. */
  refusalOf(text: string): string | null;
  /** False if none of these texts, each on a line, can be refused: one check for many is far cheaper. */
  mayRefuse(texts: string): boolean;
}

/** A document whose text is not checked yet. */
interface Unchecked {
  readonly line: number;
  readonly text: string;
}

/** The lines of a JSON value, and their length together. */
interface WholeText {
  readonly from: number;
  lines: string[];
  length: number;
}

/** Receives each document as compact text without a line break. */
export type DocumentSink = (text: string) => void;

/** Reads a submission piece by piece. */
export class DocumentReader {
  readonly #rules: DocumentRules;
  readonly #sink: DocumentSink;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #pieces: Buffer[] = [];
  #length = 0;
  #line = 0;
  /** The text is one JSON value over several lines: its lines so far, and their length. */
  #whole: WholeText | null = null;
  /** No line had any content yet. */
  #isFirst = true;
  #documents = 0;
  #unchecked: Unchecked[] = [];
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

  /** Takes the next bytes. They are copied, so the caller can use the buffer again. */
  take(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
      this.#keep(bytes.subarray(from, at));
      this.#endLine();
      from = at + 1;
    }
    this.#keep(bytes.subarray(from));
    this.#check();
  }

  /** Ends the submission. */
  end(): SubmissionCounts {
    if (this.#length > 0) this.#endLine();
    this.#endWhole();
    this.#check();
    const wrong = this.#wrong.toSorted((one, other) => one.line - other.line);
    return { documents: this.#documents, wrong, wrongCount: this.#wrongCount };
  }

  /** Keeps no more than a document may have: the rest of a longer line is only counted. */
  #keep(part: Buffer): void {
    if (part.length === 0) return;
    if (this.#length <= MAX_SUBMITTED_BYTES) this.#pieces.push(Buffer.from(part));
    this.#length += part.length;
  }

  #endLine(): void {
    this.#line += 1;
    const [length, pieces] = [this.#length, this.#pieces];
    this.#pieces = [];
    this.#length = 0;
    if (length > MAX_SUBMITTED_BYTES) {
      this.#refuse(this.#line, `it has ${length} bytes; a document has at most ${MAX_SUBMITTED_BYTES}`);
      return;
    }
    const [only] = pieces;
    this.#readLine(pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces, length));
  }

  #readLine(bytes: Buffer): void {
    const text = this.#decode(bytes);
    if (text === null) return;
    if (this.#whole !== null) {
      this.#continueWhole(this.#whole, text);
      return;
    }
    if (text.trim() === '') return;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const read = parse(text);
    if (read.ok) this.#accept(read.value, text.trim(), this.#line);
    else if (isFirst && isBeginning(text)) this.#whole = { from: this.#line, lines: [text], length: text.length };
    else this.#refuse(this.#line, read.reason);
  }

  #decode(bytes: Buffer): string | null {
    try {
      const text = this.#decoder.decode(bytes);
      return this.#line === 1 ? text.replace(/^\uFEFF/, '') : text;
    } catch {
      this.#refuse(this.#line, 'it is not UTF-8 text');
      return null;
    }
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
    const documents = Array.isArray(read.value) ? (read.value as unknown[]) : [read.value];
    for (const document of documents) {
      const text = JSON.stringify(document);
      if (Buffer.byteLength(text) <= MAX_SUBMITTED_BYTES) this.#accept(document, text, from);
      else this.#refuse(from, `one of its documents has more than ${MAX_SUBMITTED_BYTES} bytes`);
    }
  }

  #accept(value: unknown, text: string, line: number): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#refuse(line, 'a document is a JSON object');
      return;
    }
    this.#unchecked.push({ line, text: this.#rules.keep(value as Readonly<Record<string, unknown>>, text) });
  }

  /** Passes on the documents of a chunk that may be stored. */
  #check(): void {
    const unchecked = this.#unchecked;
    if (unchecked.length === 0) return;
    this.#unchecked = [];
    const isEachChecked = this.#rules.mayRefuse(unchecked.map(({ text }) => text).join('\n'));
    for (const { line, text } of unchecked) {
      const reason = isEachChecked ? this.#rules.refusalOf(text) : null;
      if (reason !== null) {
        this.#refuse(line, reason);
        continue;
      }
      this.#documents += 1;
      this.#sink(text);
    }
  }

  #refuse(line: number, reason: string): void {
    this.#wrongCount += 1;
    if (this.#wrong.length < MAX_NAMED_LINES) this.#wrong.push({ line, reason });
  }
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
