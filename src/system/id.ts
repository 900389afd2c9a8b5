// An ID of an update is a name from outside that becomes part of file names here. This is the one rule for it. Pure.
//
// Every entry applies it (feed, control, command line, state that is read back), and so does whatever makes a path.

import { coded } from '#errors/coded-error.ts';

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Endings of files of ours beside a package; an ID that ends in one could pass for such a file. */
const OUR_ENDINGS = ['.jar', '.json', '.new', '.unverified', '.journal', '.receipt', '.damaged'];

/** Why an ID cannot be part of a file name of ours, or null when it can. */
export function validateId(id: string): string | null {
  if (!ID.test(id))
    return 'it must be 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit';
  if (id.includes('..')) return 'it has two dots in a row';
  const ending = OUR_ENDINGS.find((end) => id.toLowerCase().endsWith(end));
  return ending === undefined ? null : `it ends in ${ending}, which is reserved for Sallyport`;
}

/** Hands the ID back. @throws CodedError ID-INVALID */
export function requireId(id: string): string {
  const reason = validateId(id);
  if (reason !== null) throw coded('ID-INVALID', { id, reason });
  return id;
}
