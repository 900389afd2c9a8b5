// Finds values of keys whose name says that they are secret, in every notation: `password=x`, `"apiKey": "x"`, `--token
// x`, `FOO_SECRET='a b'`, YAML, INI, XML, pairs of name and value, JSON inside JSON. Pure.
//
// It takes linear time: at each candidate at most `MAX_NAME` characters are examined, and the search continues after
// the value that was found.

import type { Span } from '#redaction/mask.ts';
import { type KeyKind, kindOfKey, STEM } from './key-names.ts';
import { type BundleRule, isMasked } from './rule.ts';
import { type Form, isSecretValue } from './secret-values.ts';
import {
  blockScalar,
  elementValue,
  isStructure,
  listValue,
  quotedValue,
  restOfLine,
  type Value,
  wordValue,
} from './value-ends.ts';

/** Letters, those of Latin-1 included, digits and `_.-`. */
const IS_NAME_CHARACTER = Uint8Array.from({ length: 256 }, (_none, unit) =>
  /[A-Za-z0-9_.\-\xc0-\xd6\xd8-\xf6\xf8-\xff]/.test(String.fromCharCode(unit)) ? 1 : 0,
);
const MAX_NAME = 80;

/** After a name in quotes or in brackets of an index. */
const QUOTED_ASSIGNMENT = /\\{0,31}["'`]\]?\s{0,20}(?:=>|:=|->|=(?!=\s)|:(?![:/]{2}))\s{0,100}/y;
/** A declaration of a language with types: `let password: &str = "x"`. */
const TYPED = /:[ \t]{0,4}[&A-Za-z_][\w<>[\]|?'. ]{0,40}?[ \t]{0,4}=[ \t]{0,4}(?=["'`])/y;
const ASSIGNMENT = /\]?[ \t]{0,20}(?:=>|:=|->|=(?!=\s)|::?(?=[ \t])|:(?!:|\/\/))[ \t]{0,100}/y;
/** Between the option of a command line, or of a list of arguments, and its value. */
const OPTION_GAP = /\\{0,31}["'],[ \t]{0,4}|[ \t]{1,4}/y;
const SENTENCE_GAP = /["']?[ \t]+(?:(?:is|was|to|as)[ \t]+)?/y;
/** What may stand between the beginning of a line and the name of a key in a file of settings. */
const LINE_START = /(?:^|[\r\n])[ \t]*(?:(?:[-#;>+*]+|export|set|setx|env|ENV|ARG|declare -x)[ \t]+|["'`])*$/;
const LINE_START_LENGTH = 64;
/** Before the name of a pair whose value follows under another key. */
const NAMED = /(?:name|key|id|field|header|property|variable)\\{0,31}["']?\s{0,4}[:=]\s{0,4}\\{0,31}["']?$/i;
const NAMED_LENGTH = 48;
const NAMED_VALUE = /\\{0,31}["']?,?\s{0,100}\\{0,31}["']?value\\{0,31}["']?\s{0,10}[:=]\s{0,10}/iy;
const TAG_END = /(?:\s[^<>]{0,300})?>/y;
const NAMED_TAG_END = /\\{0,31}["'](?:\s[^<>]{0,300})?>/y;
/** The value of a pair before its name: `{"value":"x","name":"password"}`. */
const VALUE_BEFORE =
  /value\\{0,31}["']?\s{0,10}[:=]\s{0,10}\\{0,31}["'](?<value>[^"'\\\r\n]{1,200})\\{0,31}["'],?\s{0,40}\\{0,31}["']?$/di;
const VALUE_BEFORE_LENGTH = 300;
/** The second of exactly two arguments: `("password", "x")`. */
const PAIR = /\\{0,31}["'],[ \t]{0,4}(?=[uUbB]?\\{0,31}["'])/y;
/** A line of settings without a sign, as in the configuration of Redis. */
const SETTING = /[ \t]{1,40}(?=\S+[ \t]*(?:[\r\n]|$))/y;
const ENVIRONMENT = /^[A-Z][A-Z0-9]*_[A-Z0-9_]+$/;
/** The word before a `key` that is a word of its own: `API key: x`. */
const WORD_BEFORE = /[A-Za-z]{2,20} $/;

/** The name of a key, without leading dashes. */
interface Name {
  readonly from: number;
  readonly to: number;
}

/** The value of a key, and how it is written. */
interface Found {
  readonly value: Value;
  readonly form: Form;
}

export const KEY_VALUE_RULE: BundleRule = {
  name: 'key-name',
  version: 1,
  masks:
    'Values of keys whose name contains a word such as password, passphrase, secret, token or credential, or a term such as API key, access key, private key or encryption key; in configuration files, JSON, YAML, XML, command lines, environment variables and log lines',
  example: '{"user": "bob", "db_password": "corr ect"}',
  untouched: 'password_file=/etc/sallyport/password, max_tokens: 4096, token expired',
  find(text) {
    const spans: Span[] = [];
    STEM.lastIndex = 0;
    for (let match = STEM.exec(text); match !== null; match = STEM.exec(text)) {
      const name = nameAround(text, match.index, match.index + match[0].length);
      STEM.lastIndex = Math.max(name.to, match.index + 1);
      const value = valueOfKey(text, name);
      if (value === null) continue;
      if (value.isSecret) spans.push(value.span);
      STEM.lastIndex = Math.max(STEM.lastIndex, value.span[1]);
    }
    return spans;
  },
};

function nameAround(text: string, start: number, end: number): Name {
  let [from, to] = [start, end];
  while (from > 0 && start - from < MAX_NAME && IS_NAME_CHARACTER[text.charCodeAt(from - 1)] === 1) from -= 1;
  while (to - end < MAX_NAME && IS_NAME_CHARACTER[text.charCodeAt(to)] === 1) to += 1;
  while (from < start && /[-.]/.test(text.charAt(from))) from += 1;
  while (to > end && text.charAt(to - 1) === '.') to -= 1;
  return { from, to };
}

/** The value of a key, if it is a secret or was one before it was masked; such values are searched only once. */
function valueOfKey(text: string, name: Name): { span: Span; isSecret: boolean } | null {
  // Most names are followed by nothing that assigns, so the notation is checked before the name.
  const found = findValue(text, name);
  if (found === null) return null;
  const kind = kindOfName(text, name, found.form);
  if (kind === null) return null;
  const { from, to } = found.form === 'line' && kind === 'token' ? wordValue(text, found.value.from) : found.value;
  const value = text.slice(from, to);
  if (isMasked(value)) return { span: [from, to], isSecret: false };
  return isSecretValue(value, kind, found.form) ? { span: [from, to], isSecret: true } : null;
}

function kindOfName(text: string, { from, to }: Name, form: Form): KeyKind | null {
  const name = text.slice(from, to);
  // People choose the values of environment variables, so any word may be one.
  if (form === 'tight' && ENVIRONMENT.test(name)) return kindOfKey(name) === 'token' ? 'password' : kindOfKey(name);
  if (!/^(?:keys?|PASS)$/i.test(name)) return kindOfKey(name);
  // Programs that run tests print "PASS: name".
  if (name === 'PASS') return null;
  const before = WORD_BEFORE.exec(text.slice(Math.max(0, from - 21), from))?.[0] ?? '';
  return kindOfKey(before + name);
}

function findValue(text: string, name: Name): Found | null {
  return (
    assigned(text, name) ??
    named(text, name) ??
    element(text, name) ??
    option(text, name) ??
    pair(text, name) ??
    setting(text, name) ??
    sentence(text, name)
  );
}

function assigned(text: string, { from, to }: Name): Found | null {
  const sign = matchAt(QUOTED_ASSIGNMENT, text, to) ?? matchAt(TYPED, text, to) ?? matchAt(ASSIGNMENT, text, to);
  if (sign === null) return null;
  const at = to + sign.length;
  const isLine = LINE_START.test(text.slice(Math.max(0, from - LINE_START_LENGTH), from));
  const block = isLine ? blockScalar(text, at) : null;
  if (block !== null) return { value: block, form: 'quoted' };
  const quoted = quotedValue(text, at) ?? listValue(text, at);
  if (quoted !== null) return { value: quoted, form: 'quoted' };
  if (isStructure(text, at)) return null;
  if (isLine) return { value: restOfLine(text, at), form: sign.includes('=') ? 'tight' : 'line' };
  return { value: wordValue(text, at), form: /\s$|^\s/.test(sign) ? 'loose' : 'tight' };
}

/** `name: DB_PASSWORD` with `value: x` after it; `<property name="password">x</property>`. */
function named(text: string, { from, to }: Name): Found | null {
  const before = NAMED.exec(text.slice(Math.max(0, from - NAMED_LENGTH), from))?.[0];
  if (before === undefined) return null;
  const sign = matchAt(NAMED_VALUE, text, to);
  if (sign === null) {
    const tag = matchAt(NAMED_TAG_END, text, to);
    return tag === null ? valueBefore(text, from - before.length) : elementOf(text, to + tag.length);
  }
  const at = to + sign.length;
  const quoted = blockScalar(text, at) ?? quotedValue(text, at);
  if (quoted !== null) return { value: quoted, form: 'quoted' };
  return isStructure(text, at) ? null : { value: wordValue(text, at), form: 'tight' };
}

function valueBefore(text: string, at: number): Found | null {
  const start = Math.max(0, at - VALUE_BEFORE_LENGTH);
  const span = VALUE_BEFORE.exec(text.slice(start, at))?.indices?.groups?.['value'];
  if (span === undefined) return null;
  const [from, to] = [start + span[0], start + span[1]];
  return { value: { from, to, next: to }, form: 'quoted' };
}

function element(text: string, { from, to }: Name): Found | null {
  if (!/<(?:[A-Za-z0-9_.-]{1,40}:)?$/.test(text.slice(Math.max(0, from - 42), from))) return null;
  const tag = matchAt(TAG_END, text, to);
  return tag === null || tag.endsWith('/>') ? null : elementOf(text, to + tag.length);
}

function elementOf(text: string, at: number): Found | null {
  const value = elementValue(text, at);
  return value === null ? null : { value, form: 'quoted' };
}

function option(text: string, { from, to }: Name): Found | null {
  if (!/(?:^|[\s"'`,=[(])--?$/.test(text.slice(Math.max(0, from - 3), from))) return null;
  const gap = matchAt(OPTION_GAP, text, to);
  if (gap === null) return null;
  const at = to + gap.length;
  const quoted = quotedValue(text, at);
  if (quoted !== null) return { value: quoted, form: 'quoted' };
  return /[-\s]/.test(text.charAt(at)) ? null : { value: wordValue(text, at), form: 'tight' };
}

function pair(text: string, { from, to }: Name): Found | null {
  if (!/\([uUbB]?\\{0,31}["']$/.test(text.slice(Math.max(0, from - 40), from))) return null;
  const gap = matchAt(PAIR, text, to);
  if (gap === null) return null;
  const value = quotedValue(text, to + gap.length);
  return value !== null && text.charAt(value.next) === ')' ? { value, form: 'quoted' } : null;
}

/** Only names of several words: `password` and a word may be a heading. */
function setting(text: string, { from, to }: Name): Found | null {
  if (
    /^(?:pass|passe|pass(?:word|phrase|wd|code)s?|pwd|passwort|kennwort|secrets?|tokens|keys?|credentials?)$/i.test(
      text.slice(from, to),
    )
  )
    return null;
  if (!LINE_START.test(text.slice(Math.max(0, from - LINE_START_LENGTH), from))) return null;
  const gap = matchAt(SETTING, text, to);
  if (gap === null) return null;
  const at = to + gap.length;
  const quoted = quotedValue(text, at);
  return quoted === null ? { value: wordValue(text, at), form: 'line' } : { value: quoted, form: 'quoted' };
}

function sentence(text: string, { to }: Name): Found | null {
  const gap = matchAt(SENTENCE_GAP, text, to);
  if (gap === null) return null;
  const at = to + gap.length;
  const value = quotedValue(text, at) ?? wordValue(text, at);
  return /\s/.test(text.slice(value.from, value.to)) ? null : { value, form: 'prose' };
}

function matchAt(expression: RegExp, text: string, at: number): string | null {
  expression.lastIndex = at;
  return expression.exec(text)?.[0] ?? null;
}
