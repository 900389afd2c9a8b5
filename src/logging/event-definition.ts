// The type of an entry in `EVENTS`: the level, the thread and the sentence of a log event.

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface Definition {
  readonly level: Level;
  /** Null: the thread of the purpose that the event belongs to (`Scope`). */
  readonly thread: 'Main' | 'Config' | 'Updater' | 'Receipts' | 'Control' | null;
  readonly text: string;
  /** Repeats may be counted instead of shown (`repeats.ts`). Never for an attempt or a verdict. */
  readonly folds?: true;
}
