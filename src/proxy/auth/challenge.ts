// Reads `Proxy-Authenticate` fields: which schemes a proxy offers, with their parameters (RFC 9110, 11.6.1 and 11.7.1).
//
// Guarantees: never throws and takes time linear in its input, whatever a proxy sends; quoted commas and several
// challenges in one field are told apart. Pure; what it returns is foreign text.

/** One scheme that a proxy offers. */
export interface Challenge {
  /** As written by the proxy: `Basic`, `NTLM`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
  /** What stands behind the scheme in place of parameters (RFC 9110, 11.2); null when nothing does. */
  readonly token: string | null;
}

/** A proxy offers a handful; more is noise. */
const MOST_CHALLENGES = 16;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** `name=value` or `name="value"`. */
const PARAM = new RegExp(
  `[ \\t]*(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.){0,1024})"|(${TOKEN}))[ \\t]*(?=,|$)`,
  'y',
);
const SCHEME = new RegExp(`[ \\t]*(${TOKEN})(?:[ \\t]+|(?=,|$))`, 'y');
const TOKEN68 = /[ \t]*([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|$)/y;

/** The challenges of a response, in order; `rawHeaders` is name, value, name, value. */
export function readChallenges(rawHeaders: readonly string[]): readonly Challenge[] {
  const challenges: Challenge[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === 'proxy-authenticate') readField(rawHeaders[at + 1] ?? '', challenges);
  }
  return challenges.slice(0, MOST_CHALLENGES);
}

function readField(field: string, challenges: Challenge[]): void {
  let params: Map<string, string> | null = null;
  let at = 0;
  while (at < field.length && challenges.length <= MOST_CHALLENGES) {
    const param = match(PARAM, field, at);
    if (param !== null && params !== null) {
      params.set((param[1] ?? '').toLowerCase(), param[3] ?? (param[2] ?? '').replaceAll(/\\(.)/g, '$1'));
      at += param[0].length;
    } else {
      const scheme = match(SCHEME, field, at);
      // Neither a scheme nor a parameter: whatever it is, it ends at the next comma.
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
    if (field[at] === ',') at += 1;
  }
}

/** The token behind a scheme; a scheme that ends at a comma has nothing behind it, what follows is another challenge. */
function tokenAt(field: string, at: number): RegExpExecArray | null {
  if (field[at] === ',' || match(PARAM, field, at) !== null) return null;
  return match(TOKEN68, field, at);
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function endOfElement(field: string, at: number): number {
  const comma = field.indexOf(',', at);
  return comma === -1 ? field.length : comma;
}
