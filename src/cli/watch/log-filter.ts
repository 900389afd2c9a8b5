// Decides which lines of the log are shown. Pure.
//
// A line without the form of a log line, such as the rest of a line that a full disk cut off, belongs to the line
// before it.

import { type Level, reachesLevel } from '#logging/event-definition.ts';

export interface LogWishes {
  /** An ID that the line names, such as that of an update or a bundle. */
  readonly id: string | null;
  /** Threads of the log; null for all. */
  readonly threads: readonly string[] | null;
  /** The lowest level. */
  readonly level: Level;
  /** Wall time, ms since the epoch. */
  readonly sinceMs: number | null;
}

const LINE = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}) \[(DEBUG|INFO|WARN|ERROR)\] \[Thread: ([^\]]{1,40})\] (.*)$/;

/** A line in its parts; null if it does not have the form of the log. */
export interface LogLine {
  /** Local time without a zone. */
  readonly stamp: string;
  readonly level: Level;
  readonly thread: string;
  readonly message: string;
}

export function parseLine(line: string): LogLine | null {
  const [, stamp, level = '', thread, message] = LINE.exec(line) ?? [];
  if (stamp === undefined || thread === undefined || message === undefined) return null;
  return { stamp, level: level.toLowerCase() as Level, thread, message };
}

export class LogFilter {
  readonly #wishes: LogWishes;
  #isShown = false;

  constructor(wishes: LogWishes) {
    this.#wishes = wishes;
    // Without wishes, the first lines are shown even if the line that they belong to is in a deleted file.
    this.#isShown =
      wishes.id === null && wishes.threads === null && wishes.sinceMs === null && wishes.level === 'debug';
  }

  /** Whether to show this line, which follows the previous one. */
  shows(line: string): boolean {
    const parsed = parseLine(line);
    if (parsed !== null) this.#isShown = this.#isWanted(parsed);
    return this.#isShown;
  }

  #isWanted({ stamp, level, thread, message }: LogLine): boolean {
    const { id, threads, level: lowest, sinceMs } = this.#wishes;
    if (!reachesLevel(level, lowest)) return false;
    if (threads !== null && !threads.includes(thread)) return false;
    // A time without a zone is read as local time, as it was written.
    if (sinceMs !== null && Date.parse(stamp) < Math.floor(sinceMs / 1_000) * 1_000) return false;
    return id === null || hasId(message, id);
  }
}

/** Whether the text names this ID, and not a longer one that contains it. */
function hasId(text: string, id: string): boolean {
  for (let at = text.indexOf(id); at >= 0; at = text.indexOf(id, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + id.length] ?? ' ';
    if (!/[\w-]/.test(before) && !/[\w-]/.test(after)) return true;
  }
  return false;
}
