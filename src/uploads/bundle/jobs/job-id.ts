// Names of jobs, short enough to read out on the phone, such as `20261130-k3f9q2`. A job that the platform requested
// has the id of the request, if that can be the name of a folder. Pure.

import type { Random } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';

/** Without 0, o, 1, i and l, which are mistaken for each other. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const RANDOM_LETTERS = 6;
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** A new name; 31^6 are possible on each day (UTC). */
export function makeJobId(nowMs: number, random: Random): string {
  const letters = Array.from({ length: RANDOM_LETTERS }, () => LETTERS[Math.floor(random() * LETTERS.length)]);
  return `${utcTime(nowMs).slice(0, 10).replaceAll('-', '')}-${letters.join('')}`;
}

export function isJobId(text: string): boolean {
  return ID.test(text);
}
