// Runs regular expressions of the configuration in an engine whose time grows linearly with the text. Pure.
//
// Guarantees: no expression and no text can block the process (RE2's algorithm, package `re2js`). Backtracking engines
// take exponential time for some expressions. In return, lookahead, lookbehind and backreferences are not supported.
// Loading the engine takes 25 ms and 7 MB, so modules that rarely need this file import it dynamically.

import { RE2JS, RE2JSException } from 're2js';
import type { Span } from './mask.ts';

/** Syntax that other engines have, with the words for it. */
const UNSUPPORTED: readonly (readonly [RegExp, string])[] = [
  [/\(\?[=!]/, 'lookahead such as (?=...) is not supported'],
  [/\(\?<[=!]/, 'lookbehind such as (?<=...) is not supported'],
  [/\(\?>/, 'atomic groups (?>...) are not supported'],
  [/[+*?}]\+/, 'possessive quantifiers such as a++ are not supported'],
  [/\\[1-9]|\\k</, 'backreferences such as \\1 are not supported'],
];

/** An expression that was checked. */
export interface LinearPattern {
  /**
   * The spans to mask: what the groups matched; the whole match if the expression has no group or none of them took
   * part.
   */
  spans(text: string): Span[];
}

/** Why an expression cannot be used, as the end of a sentence; null if it can. */
export function validatePattern(source: string): string | null {
  if (source === '') return 'it is empty';
  try {
    return RE2JS.compile(source).test('') ? 'it matches an empty text, so it would match everywhere' : null;
  } catch (thrown) {
    if (!(thrown instanceof RE2JSException)) throw thrown;
    const known = UNSUPPORTED.find(([syntax]) => syntax.test(source));
    return known?.[1] ?? thrown.message.replace(/^error parsing regexp: /, '');
  }
}

/** @throws RE2JSException for an expression that `validatePattern` refuses */
export function compilePattern(source: string): LinearPattern {
  const pattern = RE2JS.compile(source);
  return {
    spans(text) {
      // Finding out whether there is a match is about 20 times faster than finding where it is.
      if (!pattern.test(text)) return [];
      const spans: Span[] = [];
      const matcher = pattern.matcher(text);
      while (matcher.find()) spans.push(...spansOf(matcher));
      return spans;
    },
  };
}

type Matcher = ReturnType<RE2JS['matcher']>;

function spansOf(matcher: Matcher): Span[] {
  const groups: Span[] = [];
  for (let group = 1; group <= matcher.groupCount(); group += 1) {
    const from = matcher.start(group);
    if (from >= 0 && matcher.end(group) > from) groups.push([from, matcher.end(group)]);
  }
  if (groups.length > 0) return groups;
  const [from, to] = [matcher.start(), matcher.end()];
  return to > from ? [[from, to]] : [];
}
