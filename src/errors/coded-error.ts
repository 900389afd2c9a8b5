// The error type of this program: a stable code, the facts, and a sentence that the formatter makes from the facts.
//
// Each code is defined once, in a `catalogue-*.ts`: its sentence, what to check, and whether a retry can help. Text
// from outside is always a fact and never part of the sentence's template. The formatter escapes facts, so no text from
// outside can imitate a log line, and secrets in it are masked.

import { getSystemErrorMessage } from 'node:util';
import { CATALOGUE, type Code } from './catalogue.ts';
import { type ConnectTrace, provenSentence } from './connect-trace.ts';
import type { Entry } from './entry.ts';
import { type Hop, hopText, originAt, readHop, THIS_HOST } from './hop.ts';
import {
  type ErrorForm,
  type FieldsOf,
  type FieldValue,
  fillPieces,
  fillTemplate,
  type Piece,
  SAFE_SENTENCE,
} from './template.ts';

/** The facts that the sentence of a code needs. More may be given; JSON shows them as well. */
export type FactsOf<C extends Code> = FieldsOf<(typeof CATALOGUE)[C]['text']> & Readonly<Record<string, FieldValue>>;

/** Failures of these classes are of this host unless they say otherwise. */
const LOCAL: ReadonlySet<Entry['class']> = new Set(['config', 'system', 'internal']);

/** An expected failure with a stable code. `message` is `[CODE] sentence`; `safeText` is the sentence alone. */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: Code;
  readonly facts: Readonly<Record<string, FieldValue>>;
  /** The sentence, already safe to print on one line. */
  readonly safeText: string;
  #trace: ConnectTrace | null = null;
  #at: Hop | null = null;

  constructor(code: Code, facts: Readonly<Record<string, FieldValue>>, cause?: unknown) {
    const safeText = fillTemplate(CATALOGUE[code].text, facts);
    super(`[${code}] ${safeText}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
    this.safeText = safeText;
  }

  /** What the catalogue says of this code. */
  get entry(): Entry {
    return CATALOGUE[this.code];
  }

  /** What to check, in one line, and which phases had succeeded. */
  get check(): string {
    return `${this.advice}${this.#proven()}`;
  }

  /** What to check, in one line. */
  get advice(): string {
    return fillTemplate(this.#check, this.facts);
  }

  get #check(): string {
    const { check, checkAtOrigin = check } = this.entry;
    return readHop(this.facts['hop'])?.kind === 'origin' ? checkAtOrigin : check;
  }

  /** How far it came; null if that was not recorded. */
  get trace(): ConnectTrace | null {
    return this.#trace;
  }

  /** Records how far it came. The first record stands: it is the one nearest to the failure. */
  during(trace: ConnectTrace | null): this {
    this.#trace ??= trace;
    return this;
  }

  /** Records where the bytes came from that are wrong; null where that is not known. The first record stands. */
  at(hop: Hop | null): this {
    this.#at ??= hop;
    return this;
  }

  /**
   * Where it failed; this host when nothing has left it. Null where that is not known, as for a silence behind a tunnel:
   * no hop is named without evidence.
   */
  get place(): Hop | null {
    const { hop } = this.facts;
    const place = typeof hop === 'string' && hop !== '' ? originAt(hop) : readHop(hop);
    if (place !== null) return place;
    const { class: group, isLocal } = this.entry;
    return this.#at ?? (isLocal || LOCAL.has(group) ? THIS_HOST : null);
  }

  /** Where it failed, in words: `proxy corp (proxy.example.com:3128)`. */
  get hop(): string | null {
    const { place } = this;
    return place === null ? null : hopText(place);
  }

  /** Whether the same attempt may succeed later without any change. */
  get retryable(): boolean {
    return this.entry.retry === 'later';
  }

  /** What the formatter shows where a template names this error. */
  [SAFE_SENTENCE](form: ErrorForm): Piece[] {
    const advice = `${this.#check}${this.#proven()}`;
    if (form === 'advice') return fillPieces(advice, this.facts);
    const sentence = `[${this.code}] ${this.entry.text}`;
    return fillPieces(form === 'advised' ? `${sentence} ${advice}` : sentence, this.facts);
  }

  #proven(): string {
    const sentence = this.#trace === null ? '' : provenSentence(this.#trace);
    return sentence === '' ? '' : ` ${sentence}`;
  }

  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.safeText,
      check: this.check,
      hop: this.hop,
      facts: 'hop' in this.facts ? { ...this.facts, hop: this.hop } : this.facts,
      journey: this.#trace,
    };
  }
}

/** Makes a coded error; the compiler asks for each fact that the code's sentence and its advice name. */
export function coded<C extends Code>(code: C, facts: FactsOf<C>, cause?: unknown): CodedError {
  return new CodedError(code, facts, cause);
}

const OUT_OF_FILES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);
const OUT_OF_MEMORY: ReadonlySet<string> = new Set(['ENOMEM', 'ENOBUFS', 'EAI_MEMORY']);

/**
 * The failure if this host has run out of file descriptors or memory; null for any other error. It has a code of its
 * own, because it would otherwise look like a name that does not resolve, a damaged file, or a daemon that does not
 * run. `operation` is what was tried, in words.
 */
export function exhaustion(thrown: unknown, operation: string): CodedError | null {
  const errno = (thrown as { code?: unknown } | null | undefined)?.code;
  if (typeof errno !== 'string') return null;
  if (OUT_OF_FILES.has(errno)) return coded('TOO-MANY-FILES', { operation, errno }, thrown);
  return OUT_OF_MEMORY.has(errno) ? coded('OUT-OF-MEMORY', { operation, errno }, thrown) : null;
}

/** Whether it says nothing about the operation itself, and may pass soon. */
export function isExhaustion({ code }: CodedError): boolean {
  return code === 'TOO-MANY-FILES' || code === 'OUT-OF-MEMORY';
}

/** `TCP-REFUSED at proxy corp (...)`, the code alone where it is not known where it failed. */
export function hopPlace({ code, hop }: Pick<CodedError, 'code' | 'hop'>): string {
  return hop === null ? code : `${code} at ${hop}`;
}

/**
 * Wraps whatever was thrown: a coded error as it is, a failed call on a named file (EROFS, EACCES) as FILE-FAILED or
 * DISK-FULL, and anything else as a defect of Sallyport (`INTERNAL`).
 */
export function asCoded(thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  return (
    exhaustion(thrown, 'continue') ?? fileFailure(thrown) ?? coded('INTERNAL', { reason: reasonOf(thrown) }, thrown)
  );
}

/** Calls of the system on a file that has a path, in words. */
const FILE_CALLS: ReadonlyMap<unknown, string> = new Map([
  ['access', 'use'],
  ['chmod', 'change the mode of'],
  ['chown', 'change the owner of'],
  ['copyfile', 'copy'],
  ['link', 'link'],
  ['lstat', 'look at'],
  ['mkdir', 'create the folder'],
  ['mkdtemp', 'create the folder'],
  ['open', 'open'],
  ['opendir', 'list'],
  ['readlink', 'read'],
  ['realpath', 'look at'],
  ['rename', 'rename'],
  ['rm', 'remove'],
  ['rmdir', 'remove'],
  ['scandir', 'list'],
  ['stat', 'look at'],
  ['symlink', 'link'],
  ['unlink', 'remove'],
  ['utime', 'change the time of'],
]);
const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT'];

function fileFailure(thrown: unknown): CodedError | null {
  if (!(thrown instanceof Error)) return null;
  const { syscall, path, code: errno, errno: number } = thrown as NodeJS.ErrnoException;
  const operation = FILE_CALLS.get(syscall);
  if (operation === undefined || typeof path !== 'string' || typeof errno !== 'string') return null;
  const meaning = typeof number === 'number' ? getSystemErrorMessage(number) : undefined;
  const facts = { operation, path, reason: meaning === undefined ? errno : `${errno}: ${meaning}`, errno };
  return FULL.includes(errno) ? coded('DISK-FULL', facts, thrown) : coded('FILE-FAILED', facts, thrown);
}

function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  } catch {
    // An object without a prototype, or one whose toString throws.
    return 'something unprintable was thrown';
  }
}
