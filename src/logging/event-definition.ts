// The type of an entry in `EVENTS`: the level, the thread and the sentence of a log event. Pure.

/** The lowest first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LOG_LEVELS)[number];

/** Whether a line of this level is shown if `lowest` is the lowest that is. */
export function reachesLevel(level: Level, lowest: Level): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(lowest);
}

export interface Definition {
  readonly level: Level;
  /** Null: the thread of the purpose that the event belongs to (`Scope`). */
  readonly thread: 'Main' | 'Config' | 'Updater' | 'Receipts' | 'Control' | null;
  readonly text: string;
  /** Repeats may be counted instead of shown (`repeats.ts`). Never for an attempt or a verdict. */
  readonly folds?: true;
}
