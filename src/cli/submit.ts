// `sallyport submit`: gives documents (JSON objects) of exposure analytics to the daemon, or leaves them in the drop
// directory.
//
// Guarantees: each input is accepted as a whole or not at all, and status 0 is returned only when all documents are
// durable on this host. Inputs are submitted one after another, and a failed input does not stop the others.

import type { WrongLines } from '#control/submit.ts';
import type { Submitted } from '#control/uploads/submit-client.ts';
import type { Code } from '#errors/catalogue.ts';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS, EXIT_SUBMIT } from '#errors/exit-status.ts';
import { atHop } from '#errors/hop.ts';
import { showForeign, showSize } from '#errors/template.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Terminal } from './terminal/terminal.ts';

const STATUSES: Readonly<Partial<Record<Code, number>>> = {
  'DOCUMENTS-INVALID': EXIT_SUBMIT.wrong,
  'UPLOADS-OFF': EXIT_SUBMIT.notEnabled,
  'POLICY-UPLOADS': EXIT_SUBMIT.notEnabled,
  'SPOOL-FULL': EXIT_SUBMIT.later,
  'SPOOL-SHARE': EXIT_SUBMIT.later,
  'DISK-FULL': EXIT_SUBMIT.later,
  'SUBMIT-NO-DAEMON': EXIT_SUBMIT.later,
  'SUBMIT-UNKNOWN': EXIT_SUBMIT.later,
};
/** The sentence of the failure names this many wrong lines; more are printed one by one. JSON has all that are known. */
const NAMED_LINES = 5;
const PRINTED_LINES = 50;
/** How often the progress is drawn again. */
const DRAW_EVERY_MS = 250;
const WIPE = '\r\u001b[2K';

/** One input of the command. */
interface DocumentInput {
  /** As the user named it; `-` for standard input. */
  readonly name: string;
  /** In bytes, if it is known. */
  readonly size: number | null;
  chunks(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** What was left in the drop directory. */
interface LeftFile {
  readonly documents: number;
  readonly bytes: number;
  readonly path: string;
}

export interface SubmitParts {
  readonly known: Redactor;
  /** Where the daemon listens. */
  readonly socket: string;
  /**
   * Why the configuration does not allow it; null if it does, or if this user cannot read it. A running daemon decides
   * itself. Afterwards the secrets of the configuration are known.
   */
  refusal(): Promise<CodedError | null>;
  open(name: string): Promise<DocumentInput>;
  /** Null when no daemon accepts documents. */
  send(source: AsyncIterable<Uint8Array>, onSent: (bytes: number) => void): Promise<Submitted | null>;
  /** Leaves them in the drop directory. Null if none is configured; then nothing was read. */
  leave(source: AsyncIterable<Uint8Array>): Promise<LeftFile | Extract<Submitted, { ok: false }> | null>;
  monotonic(): number;
}

export interface SubmitArguments {
  readonly files: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

type Result =
  | ({ readonly input: string; readonly stored: 'daemon' | 'drop_directory' } & AcceptedFacts)
  | { readonly input: string; readonly error: CodedError; readonly wrong: WrongLines };
interface AcceptedFacts {
  readonly documents: number;
  readonly bytes: number;
}

const NO_LINES: WrongLines = { wrong: [], wrong_count: 0 };

/** Submits each input. Returns the exit status of the first failure. */
export async function submitCommand(
  terminal: Terminal,
  parts: SubmitParts,
  { files, json, quiet }: SubmitArguments,
): Promise<number> {
  let status = EXIT_OK;
  const results: Result[] = [];
  for (const name of files.length === 0 ? ['-'] : files) {
    const progress = json || quiet ? null : new Progress(terminal, parts);
    const result = await submitOne(name, parts, progress);
    progress?.end();
    results.push(result);
    if ('error' in result) {
      // What is printed must not contain them.
      await parts.refusal();
      if (status === EXIT_OK) status = statusOf(result.error);
    }
    if (json) continue;
    if ('error' in result) printFailure(terminal, parts.known, result);
    else if (!quiet) terminal.out(sentenceOf(result));
  }
  if (json)
    (await import('./terminal/json.ts')).printJson(terminal, {
      submissions: results.map((result) => jsonOf(result, parts.known)),
    });
  return status;
}

async function submitOne(name: string, parts: SubmitParts, progress: Progress | null): Promise<Result> {
  const input = nameOf(name);
  try {
    const opened = await parts.open(name);
    try {
      const sent = await parts.send(opened.chunks(), (bytes) => progress?.show(input, bytes, opened.size));
      if (sent?.ok === true) return { input, stored: 'daemon', ...sent.accepted };
      if (sent !== null) return { input, error: namedAs(input, sent.error), wrong: sent.wrong };
      const refusal = await parts.refusal();
      if (refusal !== null) throw refusal;
      const left = await parts.leave(opened.chunks());
      if (left === null) throw coded('SUBMIT-NO-DAEMON', { path: parts.socket });
      if ('ok' in left) return { input, error: namedAs(input, left.error), wrong: left.wrong };
      return { input, stored: 'drop_directory', documents: left.documents, bytes: left.bytes };
    } finally {
      await opened.close();
    }
  } catch (thrown) {
    return { input, error: asCoded(thrown), wrong: NO_LINES };
  }
}

/** The daemon does not know the name of the input. */
function namedAs(what: string, error: CodedError): CodedError {
  return error.code === 'DOCUMENTS-INVALID' ? new CodedError(error.code, { ...error.facts, what }) : error;
}

function nameOf(name: string): string {
  return name === '-' ? 'stdin' : name;
}

function statusOf({ code, entry }: CodedError): number {
  return STATUSES[code] ?? EXIT_STATUS[entry.class];
}

function sentenceOf({ input, stored, documents, bytes }: Extract<Result, AcceptedFacts>): string {
  const what = `${documents} ${documents === 1 ? 'document' : 'documents'} of ${showForeign(input)} (${showSize(bytes)})`;
  if (stored === 'daemon') return `Accepted ${what}.`;
  return `No daemon is running. Stored ${what} in the drop directory; the daemon reads it when it runs.`;
}

function printFailure(terminal: Terminal, known: Redactor, result: Extract<Result, { error: CodedError }>): void {
  const { input, error, wrong } = result;
  const lines = wrong.wrong_count <= NAMED_LINES ? [] : wrong.wrong.slice(0, PRINTED_LINES);
  terminal.err(known.redact(error.message));
  for (const { line, reason } of lines) terminal.err(known.redact(`  ${showForeign(input)}, line ${line}: ${reason}`));
  const more = wrong.wrong_count - lines.length;
  if (lines.length > 0 && more > 0) terminal.err(`  and ${more} more`);
  terminal.err(known.redact(`  ${atHop(error.hop, error.entry.class)}${error.check}`));
}

function jsonOf(result: Result, known: Redactor) {
  if (!('error' in result)) return { ...result, failure: null, wrong: [], wrong_count: 0 };
  const { input, error, wrong } = result;
  const failure = { code: error.code, message: known.redact(error.safeText), check: known.redact(error.check) };
  return { input, stored: null, documents: 0, bytes: 0, failure, ...wrong };
}

/** The bytes that were sent, on a terminal. */
class Progress {
  readonly #terminal: Terminal;
  readonly #parts: SubmitParts;
  #drawnAtMs: number;
  #isDrawn = false;

  constructor(terminal: Terminal, parts: SubmitParts) {
    this.#terminal = terminal;
    this.#parts = parts;
    this.#drawnAtMs = parts.monotonic();
  }

  show(input: string, bytes: number, size: number | null): void {
    const { screen } = this.#terminal;
    const now = this.#parts.monotonic();
    if (!screen.tty || now - this.#drawnAtMs < DRAW_EVERY_MS) return;
    this.#drawnAtMs = now;
    this.#isDrawn = true;
    const of = size === null ? '' : ` of ${showSize(size)}`;
    screen.write(`${WIPE}Sending ${showForeign(input)}: ${showSize(bytes)}${of}`);
  }

  end(): void {
    if (this.#isDrawn) this.#terminal.screen.write(WIPE);
  }
}
