// File names in the folder of one kind of data. Pure.
//
// `<digits>.json` is the head of an entry, and `<digits>.attachment` is its attachment. `<digits>.settled` is a head
// whose key is settled but not yet in `settled.log`. The number has at least twelve digits and gives the order of
// acceptance. Files with any other name are not touched.

import { UNFINISHED_SUFFIX } from '#system/durable.ts';

export const SETTLED_FILE = 'settled.log';
export const QUARANTINE = 'quarantine';
export const REJECTED = 'rejected';

/** One of the files of an entry. */
export type EntryPart = 'json' | 'attachment' | 'settled';

/** A file name that the spool assigned. */
export interface OwnName {
  readonly sequence: number;
  readonly part: EntryPart;
  /** The file was still being written. */
  readonly unfinished: boolean;
}

const NUMBERED = /^(\d{12,15})\.(json|attachment|settled)(\.new)?$/;
/** The spool never assigns a greater number, which would leave too few names of 15 digits. */
const MAX_SEQUENCE = 900_000_000_000_000;

/** Name of a file of the entry with this number. */
export function partName(sequence: number, part: EntryPart): string {
  return `${String(sequence).padStart(12, '0')}.${part}`;
}

/** Parses a name; null for a foreign one. */
export function readName(name: string): OwnName | null {
  const [, digits, part, suffix = ''] = NUMBERED.exec(name) ?? [];
  if (digits === undefined) return null;
  const own = { sequence: Number(digits), part: part as EntryPart, unfinished: suffix !== '' };
  if (own.sequence > MAX_SEQUENCE) return null;
  return partName(own.sequence, own.part) + (own.unfinished ? UNFINISHED_SUFFIX : '') === name ? own : null;
}
