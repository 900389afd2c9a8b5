// The rule for update IDs, which come from outside and become part of file names. Pure.
//
// Every input applies it: feed, control, command line, and state that is read back. Every function that makes a path
// from an ID applies it again.

import { coded } from '#errors/coded-error.ts';

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Endings of our files next to a package. An ID with such an ending could be mistaken for one of them. */
const OUR_ENDINGS = ['.jar', '.json', '.new', '.unverified', '.journal', '.receipt', '.damaged'];

/** Why an ID cannot be part of our file names; null when it can. */
export function validateId(id: string): string | null {
  if (!ID.test(id))
    return 'it must be 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit';
  if (id.includes('..')) return 'it has two dots in a row';
  const ending = OUR_ENDINGS.find((end) => id.toLowerCase().endsWith(end));
  return ending === undefined ? null : `it ends in ${ending}, which is reserved for Sallyport`;
}

/** Returns the ID. @throws CodedError ID-INVALID */
export function requireId(id: string): string {
  const reason = validateId(id);
  if (reason !== null) throw coded('ID-INVALID', { id, reason });
  return id;
}
