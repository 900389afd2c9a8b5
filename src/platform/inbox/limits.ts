// How many commands of each kind are carried out within an hour. Pure.
//
// What is beyond a limit is received and refused, so that it does not wait and burst later. The count comes from the
// stored results, so a restart does not begin a new hour. A step of the clock may begin one, which is harmless.

import type { CommandName } from '#platform/messages.ts';
import type { DoneCommand } from './results.ts';

const HOUR_MS = 3_600_000;
/** Refusals because of a limit do not count towards it. */
const OVER_LIMIT = 'PLATFORM-RATE';

/** The most commands of each kind that are carried out within an hour. docs/platform.md has this table. */
export const HOURLY_LIMITS: Readonly<Record<CommandName, number>> = {
  'update-available': 12,
  'send-logs': 12,
  'activation-changed': 12,
  advice: 20,
};

/** Whether one more command of this kind would be too many. */
export function isOverLimit(name: CommandName, done: readonly DoneCommand[], now: number): boolean {
  const recent = done.filter(
    (one) => one.name === name && one.code !== OVER_LIMIT && now - one.at >= 0 && now - one.at < HOUR_MS,
  );
  return recent.length >= HOURLY_LIMITS[name];
}
