// Limits how many commands of each kind are carried out within an hour. Pure.
//
// A command is counted once, before it is carried out for the first time. A command above the limit is received and
// refused at once, so that it does not run later. The counts are stored, so a restart does not reset them. If the clock
// is changed, a new hour may begin early, which is harmless.

import type { CommandName } from '#platform/messages.ts';

const HOUR_MS = 3_600_000;

/** The most commands of each kind that are carried out within an hour. docs/platform.md has this table. */
export const HOURLY_LIMITS: Readonly<Record<CommandName, number>> = {
  'update-available': 12,
  'send-logs': 12,
  'activation-changed': 12,
  advice: 20,
};

/** A command that was admitted; `at` is when, in ms since the epoch. */
export interface CountedCommand {
  readonly id: string;
  readonly name: string;
  readonly at: number;
}

/** Whether one more command of this kind would be too many. */
export function isOverLimit(name: CommandName, counted: readonly CountedCommand[], now: number): boolean {
  return counted.filter((one) => one.name === name && isRecent(one, now)).length >= HOURLY_LIMITS[name];
}

/** Whether the command was admitted within the last hour. */
export function isRecent({ at }: CountedCommand, now: number): boolean {
  return now - at >= 0 && now - at < HOUR_MS;
}
