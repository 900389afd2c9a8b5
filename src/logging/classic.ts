// The classic log line, in the form that the manual of the product shows: `2026-11-20T00:04:10 [INFO] [Thread: Updater] Downloading update ID 1602503.`
//
// A line has the local time without a zone, the level, the thread and one sentence. Scripts of users read these lines,
// so their form never changes. The head contains no text from outside, and the formatter escapes line breaks in the
// sentence, so text from outside cannot begin a line.

import { showLocalTime } from '#errors/template.ts';
import type { Level } from './event-definition.ts';
import type { LogRecord } from './record.ts';

/** The line without its line end. */
export function classicLine(record: LogRecord): string {
  return `${showLocalTime(record.at)} ${classicBody(record)}`;
}

/** The line without its time. */
export function classicBody(record: LogRecord): string {
  return `${classicLevel(record)} [Thread: ${record.thread}] ${record.message}`;
}

/** `[INFO]`; the terminal colors only this part. */
export function classicLevel(record: LogRecord): string {
  return `[${record.level.toUpperCase()}]`;
}

/** The level in its color, for a terminal. */
export function colorLevel(level: Level): string {
  return `${COLOR[level]}[${level.toUpperCase()}]${COLOR_OFF}`;
}

const COLOR: Readonly<Record<Level, string>> = {
  debug: '\u001b[2m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};
const COLOR_OFF = '\u001b[0m';

/**
 * The prefix from which systemd's journal takes the priority (sd-daemon(3)); without it all lines have the same one.
 */
export function priorityPrefix(level: Level): string {
  return `<${PRIORITY[level]}>`;
}

/** syslog(3): 3 error, 4 warning, 6 informational, 7 debug. */
const PRIORITY: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };
