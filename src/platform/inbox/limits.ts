// Limits how many commands are received, and how many of each kind are carried out, within an hour. Pure.
//
// Of `HOURLY_LIMITS`: a command is counted once, before it is carried out for the first time. A command above the limit
// is received and refused at once, so that it does not run later. The counts are stored, so a restart does not reset
// them. If the clock is changed, a new hour may begin early, which is harmless. `MAX_RECEIVED_PER_HOUR` is counted in
// memory, by the monotonic clock.

import type { CommandName } from '#platform/messages.ts';

const HOUR_MS = 3_600_000;

/** The most commands of each kind that are carried out within an hour. docs/platform.md has this table. */
export const HOURLY_LIMITS: Readonly<Record<CommandName, number>> = {
  'update-available': 12,
  'send-logs': 12,
  'activation-changed': 12,
  advice: 20,
};

/**
 * The most new commands within an hour that are received at all. Even a refused command costs several writes of the disk
 * and two lines of the log, and the file of results has up to 440 KB: this many write about 180 MB. An honest platform
 * needs far fewer, since at most 56 are carried out. After a long time offline, more may wait for this host; they are
 * received in the hours that follow.
 */
export const MAX_RECEIVED_PER_HOUR = 200;

/** The moments of the last hour (monotonic clock). */
export function ofLastHour(timesMs: readonly number[], nowMs: number): readonly number[] {
  return timesMs.filter((atMs) => nowMs - atMs < HOUR_MS);
}

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
