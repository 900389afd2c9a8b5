// Counts the structure characters of a YAML text before the YAML library parses it, so that a text with too many is
// refused. Pure.
//
// The library takes a few microseconds for each token, so 1 MiB of quotes would block the process for seconds. Counting
// takes milliseconds. It counts every character that looks like structure, even in quotes and comments. The example
// file, with a comment for each key, has less than a twentieth of the limit.

/** Maximum number of lines and of characters that begin a list, item, key, quote, tag, anchor or alias. */
export const MAX_YAML_SIGNS = 18_432;

const SIGNS = new Set('\n\r,:[{?-"\'!&*|>'.split('').map((sign) => sign.charCodeAt(0)));
const IS_SIGN = Uint8Array.from({ length: 128 }, (_none, unit) => (SIGNS.has(unit) ? 1 : 0));

/** The line in which the text exceeds the limit; null if it does not. */
export function lineOfExcess(text: string): number | null {
  let signs = 0;
  let line = 1;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= IS_SIGN.length || IS_SIGN[unit] === 0) continue;
    signs += 1;
    if (signs > MAX_YAML_SIGNS) return line;
    if (unit === 0x0a) line += 1;
  }
  return null;
}
