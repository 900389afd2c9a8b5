// Finds HTTP credentials: the headers Authorization, Proxy-Authorization, Cookie and Set-Cookie in every notation, and
// credentials that follow the name of their scheme without a header. Pure; takes linear time.
//
// The name of the header and the scheme are not masked, because support needs to know which authentication was tried.

import type { Span } from '#redaction/mask.ts';
import { type BundleRule, isMasked, matchesOf, ruleOf } from './rule.ts';
import { beginsSentence, isSentence, isSetting } from './secret-values.ts';
import { elementValue, listValue, quotedValue, restOfLine, type Value } from './value-ends.ts';

const SIGN = /(?:\\{0,31}["'`])?\]?[ \t]{0,20}(?:=>|:=|=(?!=)|:)\s{0,20}/y;
/**
 * Before a value that must be in quotes: `set_header Authorization "x"`, `("Authorization", "x")`,
 * `{"name":"Authorization","value":"x"}`.
 */
const LOOSE_SIGN =
  /\\{0,31}["'`]?(?:,?\s{0,100}\\{0,31}["']?value\\{0,31}["']?\s{0,10}[:=]\s{0,10}|[ \t]{0,4},[ \t]{0,4}|[ \t]{1,8})(?=\\{0,31}["'`])/iy;
const SCHEME =
  /^\[?(?:Basic|Bearer|Digest|Negotiate|NTLM|Kerberos|Token|ApiKey|Api-Key|OAuth|Hawk|MAC|SSWS|SharedKey(?:Lite)?|SharedAccessSignature|GoogleLogin|DPoP|HOBA|SCRAM-SHA-(?:1|256)|AWS4-HMAC-SHA256|AWS)[ \t]+/i;
const FOLDED = /[^\r\n]*(?:(?<=,[ \t]*)(?:\r\n|\n)[ \t][^\r\n]*)*/y;
/** Something that another program also wrote as credentials: it has letters and is longer than a word. */
const MIN_COOKIE_LENGTH = 8;

const AUTHORIZATION = /(?<![A-Za-z0-9])(?:[A-Za-z]{1,12}[-_]){0,2}(?:proxy|http)?authorization(?![A-Za-z0-9_-])/gi;
const COOKIE = /(?<![A-Za-z0-9])(?:[A-Za-z]{1,12}[-_]){0,2}(?:set|session)?cookies?2?(?![A-Za-z0-9_-])/gi;

function headerRule(
  rule: Omit<BundleRule, 'find'>,
  { names, isCredential }: { names: RegExp; isCredential: (value: string) => boolean },
): BundleRule {
  return {
    ...rule,
    find(text) {
      const spans: Span[] = [];
      names.lastIndex = 0;
      for (let match = names.exec(text); match !== null; match = names.exec(text)) {
        const value = headerValue(text, match.index, match.index + match[0].length);
        if (value === null) continue;
        names.lastIndex = Math.max(names.lastIndex, value.to);
        const whole = text.slice(value.from, value.to);
        const scheme = SCHEME.exec(whole)?.[0] ?? '';
        const rest = whole.slice(scheme.length);
        if (rest.trim() === '' || isMasked(rest)) continue;
        if (scheme !== '' || isCredential(rest)) spans.push([value.from + scheme.length, value.to]);
      }
      return spans;
    },
  };
}

function headerValue(text: string, nameFrom: number, nameTo: number): Value | null {
  SIGN.lastIndex = nameTo;
  const sign = SIGN.exec(text)?.[0];
  if (sign === undefined) return looseValue(text, nameFrom, nameTo);
  const at = nameTo + sign.length;
  const quoted = quotedValue(text, at) ?? listValue(text, at);
  if (quoted !== null) return quoted;
  // A header inside a string ends with it: -H "Cookie: a=b", {"message":"> Cookie: a=b"}.
  const opening = openingQuote(text, nameFrom);
  if (opening !== null) {
    const { to, next } = quotedValue(text, opening) ?? restOfLine(text, at);
    if (to > at) return { from: at, to, next };
  }
  const to = foldedEnd(text, at);
  return { from: at, to, next: to };
}

function looseValue(text: string, nameFrom: number, nameTo: number): Value | null {
  if (text.charAt(nameTo) === '>' && text.charAt(nameFrom - 1) === '<') return elementValue(text, nameTo + 1);
  LOOSE_SIGN.lastIndex = nameTo;
  const sign = LOOSE_SIGN.exec(text)?.[0];
  return sign === undefined ? null : quotedValue(text, nameTo + sign.length);
}

/** The end of a value over lines: a comma at the end, and an indented line after it (RFC 9112, 5.2). */
function foldedEnd(text: string, at: number): number {
  FOLDED.lastIndex = at;
  return at + (FOLDED.exec(text)?.[0].length ?? 0);
}

/** Distance in which the quote of a string is searched for before a header. */
const MAX_PREFIX = 1_024;

/** The offset of the quote whose string contains the position; null outside of strings. */
function openingQuote(text: string, at: number): number | null {
  const start = Math.max(0, at - MAX_PREFIX);
  const lineFrom = start + text.slice(start, at).lastIndexOf('\n') + 1;
  let open: number | null = null;
  for (let index = lineFrom; index < at; index += 1) {
    const character = text.charAt(index);
    if (character === '\\') index += 1;
    else if (open !== null && character === text.charAt(open)) open = null;
    else if (open === null && (character === '"' || isOpeningApostrophe(text, index))) open = index;
  }
  return open;
}

/** An apostrophe between letters is none of a string. */
function isOpeningApostrophe(text: string, at: number): boolean {
  return text.charAt(at) === "'" && !/[A-Za-z]/.test(text.charAt(at - 1));
}

function isCredential(value: string): boolean {
  const text = value.trim();
  return text.length > 3 && !isSetting(text) && !beginsSentence(text) && !isSentence(text);
}

export const HEADER_RULES: readonly BundleRule[] = [
  headerRule(
    {
      name: 'authorization-header',
      version: 1,
      masks: 'Credentials in the headers Authorization and Proxy-Authorization; the name of the scheme stays',
      example: 'Proxy-Authorization: Basic Ym9iOmh1bnRlcjI=',
      untouched: 'Authorization: required',
    },
    { names: AUTHORIZATION, isCredential: isCredential },
  ),
  headerRule(
    {
      name: 'cookie-header',
      version: 1,
      masks: 'Cookies in the headers Cookie and Set-Cookie',
      example: 'Set-Cookie: sid=38afes7a8; Path=/',
      untouched: 'Cookie: none',
    },
    {
      names: COOKIE,
      isCredential: (value) =>
        /[^\s=]=[^\s=]/.test(value) || (value.length >= MIN_COOKIE_LENGTH && /^\S*\d\S*$/.test(value)),
    },
  ),
  {
    name: 'http-credentials',
    version: 1,
    masks:
      'Credentials after the name of their scheme anywhere in a text: Basic, Bearer, Digest, Negotiate, NTLM, and AUTH of SMTP and IMAP; cookies in files of curl and wget',
    example: 'curl sent Bearer q7Rt2Vx9Lm4Kd8Ws',
    untouched: 'Basic authentication, Bearer tokens',
    find: (text) => [
      ...matchesOf(text, BASIC, isBasic),
      ...matchesOf(text, BEARER, (value) => /\d/.test(value)),
      ...matchesOf(text, TICKET),
      ...matchesOf(text, DIGEST),
      ...matchesOf(text, COOKIE_FILE),
    ],
  },
];

const BASIC = /(?<![A-Za-z0-9])basic[ \t]{1,4}(?<value>[A-Za-z0-9+/_-]{6,}={0,2})/dgi;
const BEARER =
  /(?<![A-Za-z0-9])(?:bearer|access token|refresh token)[ \t:=]{1,4}["']?(?<value>[A-Za-z0-9._~+/-]{12,}={0,2})/dgi;
const TICKET =
  /(?<![A-Za-z0-9])(?:(?:Negotiate|NTLM|Kerberos)[ \t]{1,4}|AUTH[ \t]{1,4}(?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER)[ \t]{1,4})(?<value>[A-Za-z0-9+/]{16,}={0,2})/dgi;

/** RFC 7616, 3.4: the proof of a password. */
const DIGEST =
  /(?<![A-Za-z0-9])Digest[ \t]{1,4}username=[^\r\n]{0,800}?\bresponse=\\{0,31}"?(?<value>[0-9a-f]{32,128})/dgi;
/** A line of a file of cookies, as curl and wget write it. */
const COOKIE_FILE =
  /\t(?:TRUE|FALSE)\t\/[^\t\r\n]{0,200}\t(?:TRUE|FALSE)\t\d{1,12}\t[^\t\r\n]{1,200}\t(?<value>[^\s]{4,})/dg;

/** RFC 7617, 2: base64 of a user, a colon and a password. */
function isBasic(value: string): boolean {
  const decoded = Buffer.from(value, 'base64').toString('latin1');
  return decoded.includes(':') && !/[^\t\n\r\x20-\uffff]/.test(decoded);
}

/** JSON Web Keys (RFC 7517) and their private members. */
export const JWK_RULE: BundleRule = ruleOf({
  name: 'jwk',
  version: 1,
  masks: 'The private members of JSON Web Keys, of RSA keys in XML, and of DNSSEC keys',
  example: '{"kty":"EC","d":"q7Rt2Vx9Lm4Kd8Wsq7Rt2Vx9"}',
  untouched: '{"kty":"EC","x":"q7Rt2Vx9Lm4Kd8Wsq7Rt2Vx9"}',
  hint: /kty|RSAKeyValue|Private-key-format|Modulus/,
  expression: /["'](?:d|p|q|dp|dq|qi|k)["'][ \t\r\n]{0,20}:[ \t\r\n]{0,20}["'](?<value>[A-Za-z0-9_-]{16,})["']/dg,
  others: [
    {
      hint: /RSAKeyValue|Modulus/,
      expression: /<(?:P|Q|DP|DQ|InverseQ|D)>\s{0,20}(?<value>[A-Za-z0-9+/\s]{16,4000}={0,2})\s{0,20}<\//dg,
    },
    {
      hint: /Private-key-format/,
      expression:
        /^(?:PrivateExponent|Prime[12]|Exponent[12]|Coefficient|PrivateKey):[ \t]{1,4}(?<value>[A-Za-z0-9+/]{16,}={0,2})/dgm,
    },
  ],
});
