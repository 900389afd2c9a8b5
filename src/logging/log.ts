// The log: takes events, gives them to every renderer (principle 2). One pino, one stream for each way to render.
//
// Guarantees: `report` never throws and never waits, not even for a reader of stdout that is stuck; everything is redacted
// before it is rendered; the file, the terminal and JSON show the same moment and the same words. pino decides the levels
// and makes the JSON; it hands the record itself to the classic renderers (`pino.metadata`), so no line of ours is ever
// parsed again. Storms of a complaint are counted before all of them (`repeats.ts`). After `close` events go nowhere.
// What a crash leaves is told in `log-file.ts`.

import { join } from 'node:path';
import { pino } from 'pino';
import { CodedError } from '#errors/coded-error.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import { BoundedScreen, type ReaderNews } from './bounded-screen.ts';
import { classicBody, classicLine, priorityPrefix } from './classic.ts';
import type { Level } from './event-definition.ts';
import { EVENTS, type Report, type SallyportEvent } from './events.ts';
import { escapeJsonLine, jsonFields } from './json.ts';
import { LogFile } from './log-file.ts';
import { type LogRecord, toRecord } from './record.ts';
import { type Repeated, Repeats } from './repeats.ts';
import { type Screen, TerminalLog } from './terminal.ts';

export interface LogOptions {
  /** The folder of `sallyport.log`; it is made when missing. */
  readonly dir: string;
  /** The least level that is written and shown. */
  readonly level: Level;
  /** Null when somebody else rotates: then it is never done here. */
  readonly rotateBytes: number | null;
  readonly rotateKeep: number;
  readonly known: SpanRedactor;
  readonly clock: Clock;
  /** Who watches, if anybody. */
  readonly watch?: Watch;
  /** Takes a line when the log itself is in trouble; else it goes to stderr. */
  readonly complain?: (line: string) => void;
}

/** Where else the lines go, and how they look there: `auto` fits the place, `text` is as in the file. */
export interface Watch {
  readonly screen: Screen;
  readonly form: 'text' | 'json' | 'auto';
}

export interface Log {
  readonly report: Report;
  /** The path of the log file. */
  readonly file: string;
  /** From the next event on, this is the least level that is written and shown. */
  setLevel(level: Level): void;
  /** Goes on in the file that has the name now; one that was moved away is left as it is. */
  reopen(): void;
  close(): void;
}

/** Opens the log; a file that can't be opened is complained of and tried again, never thrown. */
export function openLog(options: LogOptions): Log {
  const { dir, level, known, clock, watch } = options;
  const complain = safely((line: string) => (options.complain ?? toStderr)(known.redact(line)));
  const path = join(dir, 'sallyport.log');
  const lostLine = (count: number) => classicLine(toRecord({ name: 'log-lines-lost', count }, clock.now(), known));
  const file = new LogFile({ ...options, path, complain, lostLine });
  const screen =
    watch === undefined
      ? null
      : new BoundedScreen(
          watch.screen,
          readerNews((event) => report(event)),
        );
  const watching = watch === undefined || screen === null ? null : watcher({ ...watch, screen }, clock);
  const open = (least: Level) => {
    const toFile = new Sink(least, (record) => file.write(classicLine(record)));
    const sinks = watching === null ? [toFile] : [toFile, watching.sink(least)];
    return makeLogger(sinks, watch?.form === 'json' ? known : null);
  };
  let logger = open(level);

  const repeats = new Repeats({
    clock,
    show: (record) => logger[record.level](record, record.message),
    sumUp: (repeated) => sumOf(repeated, clock.now(), known),
  });
  let closed = false;
  const report: Report = (event) => {
    try {
      if (closed || !logger.isLevelEnabled(EVENTS[event.name].level)) return;
      const record = toRecord(event, clock.now(), known);
      const shown = repeats.offer(record);
      if (shown && record.stack !== undefined) report({ name: 'fault-stack', frames: record.stack });
    } catch (error) {
      complain(`An event could not be logged: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  };
  const close = () => {
    if (closed) return;
    safely(() => repeats.flush())();
    safely(() => watching?.close())();
    safely(() => screen?.close())();
    closed = true;
    file.close();
  };
  const setLevel = (least: Level) => {
    logger = open(least);
  };
  return { report, file: path, setLevel, reopen: () => file.reopen(), close };
}

/** Not from within a write: the line that did not fit has to be in the file first. */
function readerNews(report: Report): ReaderNews {
  return {
    behind: () => queueMicrotask(() => report({ name: 'screen-behind' })),
    caughtUp: (count) => report({ name: 'screen-lines-lost', count }),
  };
}

/** Renders for the one who watches. */
function watcher({ screen, form }: Watch, clock: Clock): { sink(least: Level): Sink; close(): void } {
  const nothing = () => undefined;
  const line = (level: Level, text: string) =>
    screen.write(screen.journal === true ? `${priorityPrefix(level)}${text}` : text);
  if (form === 'json') {
    const json = (least: Level) => new Sink(least, (record, made) => line(record.level, escapeJsonLine(made)));
    return { sink: json, close: nothing };
  }
  if (screen.journal === true) {
    // The journal has a time of its own.
    const render = form === 'auto' ? classicBody : classicLine;
    const plain = (least: Level) => new Sink(least, (record) => line(record.level, `${render(record)}\n`));
    return { sink: plain, close: nothing };
  }
  const terminal = new TerminalLog(screen, clock);
  return { sink: (least) => terminalSink(terminal, screen, least), close: () => terminal.close() };
}

function sumOf({ of, count, elapsedMs: elapsed }: Repeated, at: number, known: SpanRedactor): LogRecord {
  const failure = Object.values(of.fields).find((value) => value instanceof CodedError);
  const event: SallyportEvent = {
    name: 'repeated',
    times: count === 1 ? 'once more' : `${count} more times`,
    count,
    elapsed,
    opening: openingOf(of.message),
    at: of.at,
    subject: failure?.code ?? of.name,
    line: of.message,
  };
  // A reader who is shown a line is also shown how often it was repeated.
  return { ...toRecord(event, at, known), level: of.level, thread: of.thread };
}

/** The first words of a line, enough to find it by. Marks that quoting would escape are left out. */
function openingOf(message: string): string {
  const plain = message.replaceAll(/\[([A-Z0-9-]+)\]/g, '$1:').replaceAll(/["\\[\]]/g, '');
  if (plain.length <= MAX_OPENING) return plain;
  return `${plain.slice(0, MAX_OPENING).replace(/ [^ ]*$/, '')} ...`;
}

/** Maximum length of an opening, in characters. */
const MAX_OPENING = 90;

/** pino's mark of a stream that wants the object beside the line. */
const METADATA: unique symbol = Symbol.for('pino.metadata') as never;
const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** The live line needs the events of a download, whatever level is shown. */
function terminalSink(terminal: TerminalLog, screen: Screen, level: Level): Sink {
  const shown = new Set(LEVELS.slice(LEVELS.indexOf(level)));
  return new Sink(screen.tty ? 'debug' : level, (record) => {
    if (screen.tty && record.name === 'progress') terminal.progress(record);
    else if (shown.has(record.level)) terminal.line(record);
    else if (record.name === 'waiting') terminal.waiting(record);
  });
}

/** One pino for all streams; JSON is made only where somebody reads it, `known` of it is masked. */
function makeLogger(streams: readonly Sink[], known: SpanRedactor | null) {
  const lowest = LEVELS.find((level) => streams.some((stream) => stream.level === level)) ?? 'info';
  return pino(
    {
      level: lowest,
      base: null,
      timestamp: false,
      messageKey: 'message',
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) => (known === null ? NOTHING : jsonFields(record as unknown as LogRecord, known)),
      },
    },
    pino.multistream(streams.map((stream) => ({ level: stream.level, stream }))),
  );
}

const NOTHING = {};

/** A stream of pino's that gets the record itself beside the JSON line; what it throws stops no other one. */
class Sink {
  readonly [METADATA] = true;
  readonly level: Level;
  lastObj: object | null = null;
  readonly #render: (record: LogRecord, json: string) => void;

  constructor(level: Level, render: (record: LogRecord, json: string) => void) {
    this.level = level;
    this.#render = safely(render);
  }

  write(json: string): void {
    this.#render(this.lastObj as LogRecord, json);
  }
}

/** A screen that went away (EPIPE) or a full stderr is no reason to end a download. */
function safely<A extends unknown[]>(work: (...values: A) => void): (...values: A) => void {
  return (...values) => {
    try {
      work(...values);
    } catch {
      // There is nobody left to tell.
    }
  };
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
