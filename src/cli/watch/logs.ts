// `sallyport logs`: prints lines of the log from all its files. With `-f` it also prints each new line, across
// rotations.
//
// Guarantees: it needs no daemon and takes no lock. Each line is printed once and in order. Another program may have
// written to a file, so control characters are escaped: no line can move the cursor or begin another line. Memory is
// bounded, even if the reader is slow. The command ends when the reader is gone.

import { parseSince } from '#cli/logs/since.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { isPurpose, type Purpose, purposeRow } from '#config/purposes.ts';
import { safeLine } from '#control/text/logs-text.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { colorLevel } from '#logging/classic.ts';
import type { Level } from '#logging/event-definition.ts';
import type { Screen } from '#logging/terminal.ts';
import { type Clock, wait } from '#system/clock.ts';
import { type Files, isSameFile, type OpenFile } from '#system/files.ts';
import { isMissingFile, openLogFiles } from './log-files.ts';
import { LogFilter, type LogWishes, parseLine } from './log-filter.ts';
import { GrowingFile, wholeFile } from './log-lines.ts';

const LOOK_EVERY_MS = 200;
/** Characters that may wait for a slow reader. */
const MAX_BACKLOG = 1_048_576;

export interface LogsOptions {
  readonly path: string;
  readonly wishes: LogWishes;
  /** Print only the last lines; null for all. */
  readonly last: number | null;
  readonly follow: boolean;
  readonly files: Files;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface GivenWishes {
  readonly id: string | null;
  readonly purpose: string | null;
  readonly level: Level;
  readonly since: string | null;
  readonly nowMs: number;
}

/** @throws UsageError for a time that cannot be parsed, or an ID that no line can have */
export function readWishes({ id, purpose, level, since, nowMs }: GivenWishes): LogWishes {
  const sinceMs = since === null ? null : parseSince(since, nowMs);
  if (since !== null && sinceMs === null) {
    throw new UsageError('--since: use a duration such as 90m, 6h or 3d, or a time such as 2026-11-30T06:00:00.');
  }
  if (id?.trim() === '') throw new UsageError('--id: use an ID, such as that of an update.');
  return { id, threads: isPurpose(purpose) ? threadsOf(purpose) : null, level, sinceMs };
}

/** Receipts are a part of the updates and have a thread of their own. */
function threadsOf(purpose: Purpose): string[] {
  const { thread, probe } = purposeRow(purpose);
  return probe === 'feed' ? [thread, 'Receipts'] : [thread];
}

/** @throws CodedError LOG-MISSING, FILE-* */
export async function logsCommand(terminal: Terminal, options: LogsOptions): Promise<number> {
  const printer = new Printer(terminal, options);
  const { follow, signal } = options;
  try {
    const current = await printExisting(terminal, printer, options);
    if (current === null) return EXIT_OK;
    try {
      if (follow) await followFile(printer, current, options);
    } finally {
      await current.growing.file.close();
    }
  } catch (thrown) {
    // Ctrl-C is the usual end of -f.
    if (!follow || !signal.aborted) throw thrown;
  }
  return EXIT_OK;
}

/** What is read from, at the end of what was printed. */
interface Current {
  growing: GrowingFile;
  readonly filter: LogFilter;
}

async function printExisting(terminal: Terminal, printer: Printer, options: LogsOptions): Promise<Current | null> {
  const { files, path, wishes, follow } = options;
  await waitForFile(terminal, options);
  const { files: opened, skipped } = await openLogFiles(files, path, { sinceMs: wishes.sinceMs, after: null }).catch(
    (thrown: unknown) => {
      throw isMissingFile(thrown) ? coded('LOG-MISSING', { path }) : thrown;
    },
  );
  if (skipped.length > 0) terminal.err(`Not shown, because only gzip can be read: ${skipped.map(safeLine).join(', ')}`);
  const current = opened.at(-1);
  if (current === undefined) return null;
  const filter = new LogFilter(wishes);
  const growing = new GrowingFile(current);
  const last = options.last === null ? null : new LastLines(options.last);
  const take = async (lines: readonly string[]) => {
    const shown = lines.filter((line) => filter.shows(line));
    if (last === null) await printer.print(shown);
    else last.add(shown);
  };
  for (const file of opened.slice(0, -1)) {
    for await (const lines of wholeFile(file)) await take(lines);
    await file.close();
  }
  for (const lines of growing.read()) await take(lines);
  // With -f, the rest of the line follows.
  if (!follow) await take(growing.end());
  if (last !== null) await printer.print(last.lines);
  return { growing, filter };
}

/** With -f, a log that does not exist yet is awaited. @throws CodedError FILE-* */
async function waitForFile(terminal: Terminal, { files, path, follow, clock, signal }: LogsOptions): Promise<void> {
  if (!follow || (await files.facts(path)) !== null) return;
  terminal.err(`Waiting for ${safeLine(path)}, which does not exist yet.`);
  while ((await files.facts(path)) === null) await wait(clock, LOOK_EVERY_MS, signal);
}

async function followFile(printer: Printer, current: Current, options: LogsOptions): Promise<void> {
  const { clock, signal, files, path } = options;
  const print = async (groups: Iterable<readonly string[]>) => {
    for (const lines of groups) await printer.print(lines.filter((line) => current.filter.shows(line)));
  };
  while (!printer.isClosed) {
    await wait(clock, LOOK_EVERY_MS, signal);
    const facts = await files.facts(path);
    await print(current.growing.read());
    // After a rotation the old file still gets lines until the new one exists.
    if (facts === null || isSameFile(current.growing.file.facts(), facts)) continue;
    const opened = await openNewer(options, current.growing.file);
    if (opened.length === 0) continue;
    // Between the last reading and the rotation it may have grown again.
    await print(current.growing.read());
    await print([current.growing.end()]);
    await current.growing.file.close();
    for (const [index, file] of opened.entries()) {
      current.growing = new GrowingFile(file);
      await print(current.growing.read());
      if (index < opened.length - 1) await file.close();
    }
  }
}

/** The files that are newer than this one, oldest first. None if the current one is just being replaced. */
async function openNewer({ files, path }: LogsOptions, known: OpenFile): Promise<readonly OpenFile[]> {
  try {
    return (await openLogFiles(files, path, { sinceMs: null, after: known.facts() })).files;
  } catch (thrown) {
    if (isMissingFile(thrown)) return [];
    throw thrown;
  }
}

/** Keeps the newest lines. */
class LastLines {
  readonly #max: number;
  #lines: string[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  add(lines: readonly string[]): void {
    this.#lines.push(...lines);
    if (this.#lines.length > this.#max) this.#lines = this.#lines.slice(-this.#max);
  }

  get lines(): readonly string[] {
    return this.#max === 0 ? [] : this.#lines;
  }
}

class Printer {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor(terminal: Terminal, { clock, signal }: LogsOptions) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Whether the reader is gone, as with `| head`. */
  get isClosed(): boolean {
    return this.#terminal.screen.closed?.() === true;
  }

  /** Prints the lines, and waits for a slow reader. */
  async print(lines: readonly string[]): Promise<void> {
    const { screen } = this.#terminal;
    this.#signal.throwIfAborted();
    for (const line of lines) this.#terminal.out(shownLine(line, screen));
    // A reader that is gone never takes them.
    while (!this.isClosed && (screen.backlog?.() ?? 0) > MAX_BACKLOG) await wait(this.#clock, 50, this.#signal);
  }
}

/** The line with everything escaped that a terminal interprets. Only the level has a color, as in `run`. */
function shownLine(line: string, { color }: Screen): string {
  const safe = safeLine(line);
  const parsed = color ? parseLine(safe) : null;
  if (parsed === null) return safe;
  return safe.replace(`[${parsed.level.toUpperCase()}]`, () => colorLevel(parsed.level));
}
