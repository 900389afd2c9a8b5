// Reads `Proxy-Authenticate` fields: the schemes that a proxy offers, with their parameters (RFC 9110, 11.6.1 and
// 11.7.1).
//
// Guarantees: it never throws and takes time linear in its input, no matter what a proxy sends. It handles quoted
// commas and several challenges in one field. Missing quotes, and spaces instead of commas, are accepted, because real
// proxies send them. Pure; the result is untrusted text.

/** One scheme that a proxy offers. */
export interface Challenge {
  /** As written by the proxy: `Basic`, `NTLM`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
  /** The token68 after the scheme, in place of parameters (RFC 9110, 11.2); null when there is none. */
  readonly token: string | null;
}

/** A proxy offers a handful of challenges; further ones are ignored. */
const MAX_CHALLENGES = 16;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/**
 * `name="value"`, or `name=value` whose value has no spaces, quotes and commas: a base64 nonce is not an RFC token. The
 * value must not begin with `=`, or the padding of a token68 after a scheme would be read as a value.
 */
const PARAM = new RegExp(
  `[ \\t]*(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.){0,16384})"|([^\\s",=][^\\s",]*))(?=[ \\t,]|$)`,
  'y',
);
/** One more word of an unquoted value, as in `realm=Corp Proxy`. */
const WORD = /[ \t]+([^\s",=]+)(?=[ \t,]|$)/y;
/** Follows such a word if it is the name of a parameter or a scheme. */
const EQUALS = /[ \t]*=/y;
const SCHEMES = new Set(['basic', 'digest', 'ntlm', 'negotiate', 'kerberos', 'bearer']);
const SCHEME = new RegExp(`[ \\t]*(${TOKEN})(?:[ \\t]+|(?=,|$))`, 'y');
const TOKEN68 = /[ \t]*([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|$)/y;

/** The challenges of a response, in order; `rawHeaders` is name, value, name, value. */
export function readChallenges(rawHeaders: readonly string[]): readonly Challenge[] {
  const challenges: Challenge[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === 'proxy-authenticate') readField(rawHeaders[at + 1] ?? '', challenges);
  }
  return challenges.slice(0, MAX_CHALLENGES);
}

function readField(field: string, challenges: Challenge[]): void {
  let params: Map<string, string> | null = null;
  let at = 0;
  while (at < field.length && challenges.length <= MAX_CHALLENGES) {
    const param = match(PARAM, field, at);
    if (param !== null && params !== null) {
      const [whole, name = '', quoted = '', bare] = param;
      at += whole.length;
      const rest = bare === undefined ? '' : wordsAt(field, at);
      at += rest.length;
      params.set(name.toLowerCase(), bare === undefined ? quoted.replaceAll(/\\(.)/g, '$1') : `${bare}${rest}`);
    } else {
      const scheme = match(SCHEME, field, at);
      // Neither a scheme nor a parameter: skip to the next comma.
      if (scheme === null) at = endOfElement(field, at);
      else {
        params = new Map();
        const name = scheme[1] ?? '';
        at += scheme[0].length;
        const token = tokenAt(field, at);
        challenges.push({ scheme: name, params, token: token?.[1] ?? null });
        at += token?.[0].length ?? 0;
      }
    }
    at = behindComma(field, at);
  }
}

/**
 * The token after a scheme. A scheme that is followed by a comma has none; the text after that is another challenge.
 */
function tokenAt(field: string, at: number): RegExpExecArray | null {
  if (field[at] === ',' || match(PARAM, field, at) !== null) return null;
  return match(TOKEN68, field, at);
}

/** The words that belong to an unquoted value, with the spaces before each. */
function wordsAt(field: string, start: number): string {
  let at = start;
  for (let word = match(WORD, field, at); word !== null; word = match(WORD, field, at)) {
    const next = at + word[0].length;
    if (SCHEMES.has((word[1] ?? '').toLowerCase()) || match(EQUALS, field, next) !== null) break;
    at = next;
  }
  return field.slice(start, at);
}

/** The position after spaces and one comma, or the same position if there is no comma. */
function behindComma(field: string, at: number): number {
  let next = at;
  while (field[next] === ' ' || field[next] === '\t') next += 1;
  return field[next] === ',' ? next + 1 : next;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function endOfElement(field: string, at: number): number {
  const comma = field.indexOf(',', at);
  return comma === -1 ? field.length : comma;
}
