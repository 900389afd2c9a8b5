// Finds the end of a value that begins at a given position, in each notation. Each function takes time that is linear
// in the length of the value. Pure.

/** A value without its quotes. It may reach the end of the text, which then may have been cut inside it. */
export interface Value {
  readonly from: number;
  readonly to: number;
  /** Where the text continues after the value and its closing quote. */
  readonly next: number;
}

/** Length in characters of a list over several lines. */
const MAX_LIST = 1_000;
/** Of the white space before the text of an element. */
const MAX_INDENT = 200;
/** An element without an end is one that is longer than this; otherwise it is none. */
const MAX_ELEMENT = 8_192;
const OPENING = /[uUbBrRfFL@$]{0,2}(\\{0,31})(["'`])/y;
const LIST = /\[\s{0,20}(?=\\{0,31}["'`])/y;
const OBJECT = /[{[](?=[\s"'\\}\]]|$)/y;
const BLOCK = /[|>][+-]?\d?[+-]?[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r)/y;
const LINE_END = /[\r\n]|$/g;
/** An indented line, or an empty one. */
const INDENTED = /(?:[ \t]+[^\r\n]*|)(?:\r\n|\n|\r|$)/y;
/** Another pair in the same line: `, user=`, `&x=`, `; Path=`, ` name="`. */
const NEXT_PAIR = /[ \t]*\\{0,31}["'`]?[A-Za-z_][\w.-]{0,40}\\{0,31}["'`]?[ \t]?(?:=(?!=)|:)/y;
const NEXT_PARAMETER = /[A-Za-z_][\w.[\]-]{0,40}=/y;
const TAG = /<\/?[A-Za-z][\w:-]{0,30}\s?\/?>|<$|<\s/y;
/** Length in characters of the punctuation after a value. */
const MAX_CLOSERS = 16;
const CLOSERS = new Set(',;&)]}"\'`<>|\\');

/** A value in quotes, which may be escaped quotes of JSON inside JSON; null if none begins here. */
export function quotedValue(text: string, at: number): Value | null {
  OPENING.lastIndex = at;
  const opening = OPENING.exec(text);
  if (opening === null) return null;
  const [whole, { length: escapes } = '', quote = '"'] = opening;
  const from = at + whole.length;
  const to = closingQuote(text, from, { quote, escapes });
  // A backtick without another one ends a piece of code that began before.
  if (quote === '`' && text.charAt(to) !== '`') return null;
  return { from, to, next: Math.min(text.length, to + escapes + 1) };
}

/**
 * The offset of the closing quote, with its backslashes; the end of the line if there is none. Text at nesting depth n
 * has 2^n - 1 backslashes before its quotes; a quote or backslash inside the value has more.
 */
function closingQuote(text: string, from: number, { quote, escapes }: { quote: string; escapes: number }): number {
  let seen = from;
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    for (; seen < at; seen += 1) if (isLineBreak(text.charCodeAt(seen))) return seen;
    let backslashes = 0;
    while (at - backslashes > from && text.charAt(at - backslashes - 1) === '\\') backslashes += 1;
    if (backslashes % (2 * (escapes + 1)) !== escapes) continue;
    const isDoubled = quote === "'" && escapes === 0 && at > from && text.charAt(at + 1) === "'";
    if (!isDoubled) return at - escapes;
    at += 1;
  }
  return lineEnd(text, seen);
}

function isLineBreak(unit: number): boolean {
  return unit === 0x0a || unit === 0x0d;
}

/** The texts of a list, with the quotes and commas between them; null if no list of quoted texts begins here. */
export function listValue(text: string, at: number): Value | null {
  LIST.lastIndex = at;
  const opening = LIST.exec(text);
  if (opening === null) return null;
  const from = at + opening[0].length;
  const close = text.indexOf(']', from);
  const to = close === -1 || close - from > MAX_LIST ? lineEnd(text, from) : close;
  return { from, to, next: to };
}

/** Whether an object, or a list of things that are not quoted, begins here. */
export function isStructure(text: string, at: number): boolean {
  return matchesAt(OBJECT, text, at);
}

/** A block scalar of YAML (YAML 1.2, 8.1): the indented lines after `|` or `>`; null if none begins here. */
export function blockScalar(text: string, at: number): Value | null {
  BLOCK.lastIndex = at;
  const opening = BLOCK.exec(text);
  if (opening === null) return null;
  const from = at + opening[0].length;
  let to = from;
  while (to < text.length) {
    INDENTED.lastIndex = to;
    const line = INDENTED.exec(text);
    if (line === null || line[0] === '') break;
    to += line[0].length;
  }
  // The last line end belongs to the line and not to the value.
  while (to > from && /[\r\n]/.test(text.charAt(to - 1))) to -= 1;
  return { from, to, next: to };
}

/** Everything up to the end of the line, a comment, or another pair. */
export function restOfLine(text: string, at: number): Value {
  const end = lineEnd(text, at);
  let to = end;
  for (let gap = text.indexOf(' ', at); gap !== -1 && gap < end; gap = text.indexOf(' ', gap + 1)) {
    if (text.charAt(gap + 1) === '#' || matchesAt(NEXT_PAIR, text, gap)) {
      to = gap;
      break;
    }
  }
  while (to > at && /[ \t,;]/.test(text.charAt(to - 1))) to -= 1;
  return { from: at, to, next: to };
}

/**
 * A word without quotes. Punctuation ends it only where that is followed by a space, more punctuation, or another
 * pair, because passwords contain punctuation.
 */
export function wordValue(text: string, at: number): Value {
  let to = at;
  while (to < text.length && !/\s/.test(text.charAt(to))) {
    if (to > at && CLOSERS.has(text.charAt(to)) && endsWord(text, to)) break;
    to += 1;
  }
  while (to > at + 1 && /[.:!?]/.test(text.charAt(to - 1)) && (to === text.length || /\s/.test(text.charAt(to))))
    to -= 1;
  return { from: at, to, next: to };
}

function endsWord(text: string, at: number): boolean {
  const character = text.charAt(at);
  if (character === '\\') return /["'`]/.test(text.charAt(at + 1));
  if (character === '<') return matchesAt(TAG, text, at);
  let end = at;
  while (end - at < MAX_CLOSERS && CLOSERS.has(text.charAt(end))) end += 1;
  if (end === text.length || /\s/.test(text.charAt(end))) return true;
  if (/["'`]/.test(character)) return end - at > 1;
  const last = text.charAt(end - 1);
  return last === '&' ? matchesAt(NEXT_PARAMETER, text, end) : /[,;]/.test(last) && matchesAt(NEXT_PAIR, text, end);
}

function matchesAt(expression: RegExp, text: string, at: number): boolean {
  expression.lastIndex = at;
  return expression.test(text);
}

/** The text of an XML element without white space around it, or of its CDATA section; null if it has no end. */
export function elementValue(text: string, at: number): Value | null {
  let from = at;
  while (from < text.length && from - at < MAX_INDENT && /\s/.test(text.charAt(from))) from += 1;
  const isData = text.startsWith('<![CDATA[', from);
  if (isData) from += '<![CDATA['.length;
  const end = text.indexOf(isData ? ']]>' : '<', from);
  // Other languages also have names in angle brackets: Promise<Token>.
  if (end === -1 ? text.length - from < MAX_ELEMENT : !isData && text.charAt(end + 1) !== '/') return null;
  let to = end === -1 ? text.length : end;
  while (to > from && /\s/.test(text.charAt(to - 1))) to -= 1;
  return { from, to, next: to };
}

function lineEnd(text: string, at: number): number {
  LINE_END.lastIndex = at;
  return LINE_END.exec(text)?.index ?? text.length;
}
