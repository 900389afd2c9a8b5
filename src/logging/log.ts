// The log: takes events and passes them to every renderer (principle 2). One pino, with one stream per form.
//
// Guarantees: `report` never throws and never waits, not even for a reader of stdout that is stuck. Secrets are masked
// before an event is rendered. File, terminal and JSON show the same time and the same words. pino applies the levels
// and makes the JSON; the classic renderers get the record itself (`pino.metadata`). Repeated warnings are counted
// before any renderer gets them (`repeats.ts`). After `close`, events are dropped. `log-file.ts` describes what a crash
// leaves.

import { join } from 'node:path';
import { pino } from 'pino';
import { CodedError } from '#errors/coded-error.ts';
import { fillTemplate } from '#errors/template.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import { BoundedScreen, type ReaderListener } from './bounded-screen.ts';
import { classicBody, classicLine, priorityPrefix } from './classic.ts';
import { type Level, LOG_LEVELS, reachesLevel } from './event-definition.ts';
import { EVENTS, type Report, type SallyportEvent } from './events.ts';
import { escapeJsonLine, jsonFields } from './json.ts';
import { LogFile } from './log-file.ts';
import { type LogRecord, toRecord } from './record.ts';
import { type Repeated, Repeats } from './repeats.ts';
import { type Screen, TerminalLog } from './terminal.ts';

export interface LogOptions {
  /** The folder of `sallyport.log`; it is created if it is missing. */
  readonly dir: string;
  /** The lowest level that is written and shown. */
  readonly level: Level;
  /** Null when another program rotates the file. */
  readonly rotateBytes: number | null;
  readonly rotateKeep: number;
  readonly known: SpanRedactor;
  readonly clock: Clock;
  /** Where lines are shown in addition to the file. */
  readonly terminal?: TerminalOptions;
  /** Receives a line when the log itself fails. Default: stderr. */
  readonly complain?: (line: string) => void;
}

/** A screen and the form of its lines: `auto` suits the screen, `text` is as in the file. */
interface TerminalOptions {
  readonly screen: Screen;
  readonly form: LogForm;
}

export type LogForm = 'text' | 'json' | 'auto';

export interface Log {
  readonly report: Report;
  /** The path of the log file. */
  readonly file: string;
  /** Sets the lowest level that is written and shown, from the next event on. */
  setLevel(level: Level): void;
  /** Continues in the file that has the name now. A file that was moved away is left as it is. */
  reopen(): void;
  close(): void;
}

/** Opens the log. A file that cannot be opened is reported and tried again; this never throws. */
export function openLog(options: LogOptions): Log {
  const { dir, level, known, clock, terminal } = options;
  const complain = safely((line: string) => (options.complain ?? toStderr)(known.redact(line)));
  const path = join(dir, 'sallyport.log');
  const lostLine = (count: number) => classicLine(toRecord({ name: 'log-lines-lost', count }, clock.now(), known));
  const file = new LogFile({ ...options, path, complain, lostLine });
  const screen =
    terminal === undefined
      ? null
      : new BoundedScreen(
          terminal.screen,
          readerNews((event) => report(event)),
        );
  const watching = terminal === undefined || screen === null ? null : openTerminal({ ...terminal, screen }, clock);
  const open = (least: Level) => {
    const toFile = new Sink(least, (record) => file.write(classicLine(record)));
    const sinks = watching === null ? [toFile] : [toFile, watching.sink(least)];
    return makeLogger(sinks, terminal?.form === 'json' ? known : null);
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

/** Reports after the write, because the dropped line has to be in the file first. */
function readerNews(report: Report): ReaderListener {
  return {
    behind: () => queueMicrotask(() => report({ name: 'screen-behind' })),
    caughtUp: (count) => report({ name: 'screen-lines-lost', count }),
  };
}

/** Renders for the screen. */
function openTerminal({ screen, form }: TerminalOptions, clock: Clock): { sink(least: Level): Sink; close(): void } {
  const nothing = () => undefined;
  const line = (level: Level, text: string) =>
    screen.write(screen.journal === true ? `${priorityPrefix(level)}${text}` : text);
  if (form === 'json') {
    const json = (least: Level) => new Sink(least, (record, made) => line(record.level, escapeJsonLine(made)));
    return { sink: json, close: nothing };
  }
  if (screen.journal === true) {
    // The journal adds its own time.
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
    times: count === 1 ? 'once more' : fillTemplate('{count} more time{count:s}', { count }),
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

/** Tells pino that a stream wants the object in addition to the line. */
const METADATA: unique symbol = Symbol.for('pino.metadata') as never;

/** The live line needs the events of a download, whatever level is shown. */
function terminalSink(terminal: TerminalLog, screen: Screen, level: Level): Sink {
  return new Sink(screen.tty ? 'debug' : level, (record) => {
    if (screen.tty && record.name === 'progress') terminal.progress(record);
    else if (reachesLevel(record.level, level)) terminal.line(record);
    else if (record.name === 'waiting') terminal.waiting(record);
  });
}

/** One pino for all streams. JSON is made only if `known` is given, which masks it. */
function makeLogger(streams: readonly Sink[], known: SpanRedactor | null) {
  const lowest = LOG_LEVELS.find((level) => streams.some((stream) => stream.level === level)) ?? 'info';
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

/**
 * A pino stream that gets the record itself in addition to the JSON line. An error in it does not affect the others.
 */
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

/** A closed screen (EPIPE) or a full stderr must not end a download. */
function safely<A extends unknown[]>(work: (...values: A) => void): (...values: A) => void {
  return (...values) => {
    try {
      work(...values);
    } catch {
      // There is nowhere left to report this.
    }
  };
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
