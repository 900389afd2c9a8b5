// A change of the configuration by a command, with its description. Types only.

import type { Change } from '#config/editing/apply-change.ts';
import type { ChangeWords } from './change-text.ts';
import type { ConfirmFlags } from './confirm.ts';

/** A change and what the command prints about it. */
export interface DescribedChange extends Change, Pick<ChangeWords, 'sentences' | 'facts' | 'warnings' | 'json'> {
  /** Whether the change is tried first. */
  readonly confirm?: ConfirmFlags | undefined;
  /** Runs once the change is written. */
  readonly after?: (() => Promise<void>) | undefined;
}
