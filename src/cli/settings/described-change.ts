// A change of the configuration by a command, and how to tell it. Types only.

import type { Change } from '#config/editing/apply-change.ts';
import type { ChangeWords } from './change-text.ts';
import type { ConfirmFlags } from './confirm.ts';

/** A change and how to tell it. */
export interface DescribedChange extends Change, Pick<ChangeWords, 'sentences' | 'facts' | 'warnings' | 'json'> {
  /** Whether it is tried first. */
  readonly confirm?: ConfirmFlags | undefined;
  /** Runs once the change is written. */
  readonly after?: (() => Promise<void>) | undefined;
}
