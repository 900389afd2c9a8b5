// The context of a change of the configuration. It does not depend on a command line, so other interfaces can use it.

import type { LoadResult } from '#config/reading/load.ts';
import type { Control } from '#control/control.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';

export interface ChangeContext {
  readonly files: Files;
  readonly clock: Clock;
  /** Loads the settings from the text if one is given, otherwise from the file. */
  load(text?: string): Promise<LoadResult>;
  /** The daemon of this file; null if none runs. @throws CodedError CONTROL-OTHER-FILE */
  findDaemon(): Promise<Control | null>;
  /** The daemon of this file or, if none runs, a Control in this process. */
  openControl(): Promise<Control>;
  /** Who makes the change; shown to a second caller. */
  readonly requester: string;
  readonly signal: AbortSignal;
}
