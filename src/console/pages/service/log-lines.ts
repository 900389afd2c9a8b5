// The lines that the page of the log keeps, and its filters. Pure.

import type { Followed } from '#control/follow.ts';

export type FollowedLine = Extract<Followed, { kind: 'line' }>;

export const MAX_ROWS = 1_000;
/** From the least to the most important. */
export const LEVEL_NAMES = ['debug', 'info', 'warn', 'error'] as const;

export interface LineFilter {
  /** Found anywhere in the line, in capitals or not. */
  readonly text: string;
  /** This level and those above it; null for all. */
  readonly level: string | null;
  readonly thread: string | null;
}

export function matches(line: FollowedLine, { text, level, thread }: LineFilter): boolean {
  if (thread !== null && line.thread !== thread) return false;
  if (level !== null && rankOf(line.level) < rankOf(level)) return false;
  return text === '' || `${line.thread} ${line.event} ${line.message}`.toLowerCase().includes(text.toLowerCase());
}

/** A level that this version does not know is never filtered out. */
function rankOf(level: string): number {
  const rank = (LEVEL_NAMES as readonly string[]).indexOf(level.toLowerCase());
  return rank < 0 ? LEVEL_NAMES.length : rank;
}

/** The newest rows, each once: after a reconnect a line can come a second time. */
export function withLines(before: readonly FollowedLine[], fresh: readonly FollowedLine[]): readonly FollowedLine[] {
  const last = before.at(-1)?.number ?? -1;
  const added = fresh.filter(({ number }) => number > last);
  if (added.length === 0) return before;
  const all = added.length >= MAX_ROWS ? added : [...before, ...added];
  return all.length > MAX_ROWS ? all.slice(-MAX_ROWS) : all;
}
