// The manual's line: `2026-11-20T00:04:10 [INFO] [Thread: Updater] Downloading update ID 1602503.`
//
// Local time without a zone, level, thread, one sentence; issue 6 and other people's scripts read it, so the grammar is
// for ever. The head is made of our own constants, the sentence by the one formatter: nothing foreign can begin a line.

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

/** `[INFO]`; the terminal colors this part alone. */
export function classicLevel(record: LogRecord): string {
  return `[${record.level.toUpperCase()}]`;
}

/** What the journal of systemd takes off and knows the priority by (sd-daemon(3)): without it all lines are alike. */
export function priorityPrefix(level: Level): string {
  return `<${PRIORITY[level]}>`;
}

/** syslog(3): 3 error, 4 warning, 6 informational, 7 debug. */
const PRIORITY: Readonly<Record<Level, number>> = { error: 3, warn: 4, info: 6, debug: 7 };
