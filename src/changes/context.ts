// What a change of the configuration works with: the same for a command, a menu and a console.

import type { LoadResult } from '#config/reading/load.ts';
import type { Control } from '#control/control.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';

export interface ChangeContext {
  readonly files: Files;
  readonly clock: Clock;
  /** Reads the settings; of this text instead of the file where one is given. */
  load(text?: string): Promise<LoadResult>;
  /** The daemon that works with this file; null where none runs. @throws CodedError CONTROL-OTHER-FILE */
  findDaemon(): Promise<Control | null>;
  /** The same, or one that works in this process where no daemon runs. */
  openControl(): Promise<Control>;
  /** Who asks; shown to a second caller. */
  readonly requester: string;
  readonly signal: AbortSignal;
}
