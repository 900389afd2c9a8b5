// The log: takes events, gives them to every renderer (law 10). One pino, one stream for each way to render.
//
// Guarantees: `report` never throws and never waits; everything is redacted before it is rendered; the file, the terminal
// and JSON show the same moment and the same words. pino decides the levels and makes the JSON; it hands the record
// itself to the classic renderers (`pino.metadata`), so no line of ours is ever parsed again. After `close` events go
// nowhere. What a crash leaves is told in `log-file.ts`.

import { join } from 'node:path';
import { pino } from 'pino';
import type { Redactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import { classicLine } from './classic.ts';
import { EVENTS, type Level, type Report } from './events.ts';
import { escapeJsonLine, jsonFields } from './json.ts';
import { LogFile } from './log-file.ts';
import { type LogRecord, toRecord } from './record.ts';
import { type Screen, TerminalLog } from './terminal.ts';

export interface LogOptions {
  /** The folder of `sallyport.log`; it is made when missing. */
  readonly dir: string;
  /** The least level that is written and shown. */
  readonly level: Level;
  readonly rotateBytes: number;
  readonly rotateKeep: number;
  readonly known: Redactor;
  readonly clock: Clock;
  /** Who watches, if anybody: classic lines for people, JSON lines for a collector. */
  readonly watch?: { readonly screen: Screen; readonly format: 'classic' | 'json' };
  /** Takes a line when the log itself is in trouble; else it goes to stderr. */
  readonly complain?: (line: string) => void;
}

export interface Log {
  readonly report: Report;
  /** The path of the log file. */
  readonly file: string;
  /** From the next event on, this is the least level that is written and shown. */
  setLevel(level: Level): void;
  close(): void;
}

/** Opens the log; a file that can't be opened is complained of and tried again, never thrown. */
export function openLog(options: LogOptions): Log {
  const { dir, level, known, clock, watch } = options;
  const complain = safely((line: string) => (options.complain ?? toStderr)(known.redact(line)));
  const path = join(dir, 'sallyport.log');
  const lostLine = (count: number) => classicLine(toRecord({ name: 'log-lines-lost', count }, clock.now(), known));
  const file = new LogFile({ ...options, path, complain, lostLine });
  const terminal = watch?.format === 'classic' ? new TerminalLog(watch.screen, clock) : null;

  const open = (least: Level) => {
    const streams: Sink[] = [new Sink(least, (record) => file.write(classicLine(record)))];
    if (terminal !== null && watch !== undefined) streams.push(terminalSink(terminal, watch.screen, least));
    if (watch?.format === 'json')
      streams.push(new Sink(least, (_record, json) => watch.screen.write(escapeJsonLine(json))));
    return makeLogger(streams, watch?.format === 'json');
  };
  let logger = open(level);

  let closed = false;
  const report: Report = (event) => {
    try {
      const eventLevel = EVENTS[event.name].level;
      if (closed || !logger.isLevelEnabled(eventLevel)) return;
      const record = toRecord(event, clock.now(), known);
      logger[eventLevel](record, record.message);
    } catch (error) {
      complain(`An event could not be logged: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  };
  const close = () => {
    if (closed) return;
    closed = true;
    safely(() => terminal?.close())();
    file.close();
  };
  const setLevel = (least: Level) => {
    logger = open(least);
  };
  return { report, file: path, setLevel, close };
}

/** pino's mark of a stream that wants the object beside the line. */
const METADATA: unique symbol = Symbol.for('pino.metadata') as never;
const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** A bar needs the progress events, whatever level is shown. */
function terminalSink(terminal: TerminalLog, screen: Screen, level: Level): Sink {
  const shown = new Set(LEVELS.slice(LEVELS.indexOf(level)));
  return new Sink(screen.tty ? 'debug' : level, (record) => {
    if (screen.tty && record.name === 'progress') terminal.progress(record);
    else if (shown.has(record.level)) terminal.line(record);
  });
}

/** One pino for all streams; JSON is made only where somebody reads it. */
function makeLogger(streams: readonly Sink[], json: boolean) {
  const lowest = LEVELS.find((level) => streams.some((stream) => stream.level === level)) ?? 'info';
  return pino(
    {
      level: lowest,
      base: null,
      timestamp: false,
      messageKey: 'message',
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) => (json ? jsonFields(record as unknown as LogRecord) : NOTHING),
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
