// How much structure a YAML text has, counted before the library reads it. Pure.
//
// The library takes a few microseconds for each token, whatever the text holds: 1 MiB of quotes stops everything for
// seconds. This pass takes milliseconds. It judges no syntax: what looks like structure counts, also inside of quotes
// and comments. The example, with a comment for each key, has less than a twentieth of what is taken.

/** Lines, and signs that begin a list, item, key, quote, tag, anchor or alias. */
export const MAX_YAML_SIGNS = 16_384;

const SIGNS = new Set('\n\r,:[{?-"\'!&*|>'.split('').map((sign) => sign.charCodeAt(0)));
const IS_SIGN = Uint8Array.from({ length: 128 }, (_none, unit) => (SIGNS.has(unit) ? 1 : 0));

/** The line in which the text exceeds what any configuration has; null when it does not. */
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
