// The definition of a rule. Each rule is a pure function of a text. `windows.ts` decides which text it gets.

import type { Span } from '#redaction/mask.ts';
import { MASK } from '#redaction/secret.ts';

/** A rule that ships with Sallyport. Tests and the table in docs/redaction.md are made from its examples. */
export interface BundleRule {
  /** Stable: bundles, counts and `sent.jsonl` name it. */
  readonly name: string;
  /** Increases whenever the rule begins to mask something else. */
  readonly version: number;
  /** What it masks, for admins. */
  readonly masks: string;
  readonly example: string;
  /** A similar text that stays as it is. */
  readonly untouched: string;
  /**
   * The spans to mask, in any order. They may overlap. Takes linear time. A text may begin or end in the middle of a
   * line; the engine handles values that reach its end.
   */
  find(text: string): Span[];
  /**
   * Where a value ends that began before the text and continues at the position. Without it, at the end of the line.
   */
  resume?(text: string, at: number): number;
}

/** An expression of a rule. */
interface Expression {
  readonly expression: RegExp;
  /** Something that every match contains and that is found faster; without it the expression is not applied. */
  readonly hint?: RegExp;
}

/** A rule that is one or more expressions and nothing more. */
export interface ExpressionRule extends Omit<BundleRule, 'find' | 'resume'>, Expression {
  readonly others?: readonly Expression[];
  /** Further conditions on a match. */
  accepts?(value: string, match: RegExpExecArray): boolean;
}

/** Whether a value was masked before, so that a second pass changes nothing. */
export function isMasked(value: string): boolean {
  return value.includes(MASK);
}

/** Makes a rule of its expressions. */
export function ruleOf({ expression, hint, others = [], accepts, ...rule }: ExpressionRule): BundleRule {
  const expressions: readonly Expression[] = [{ expression, ...(hint && { hint }) }, ...others];
  return {
    ...rule,
    find: (text) =>
      expressions.flatMap((one) => (one.hint?.test(text) === false ? [] : matchesOf(text, one.expression, accepts))),
  };
}

/**
 * All matches of an expression: the group named `value` (with the flag `d`), or the whole match. A match that touches a
 * masked value is not counted, because its remaining part is not the secret.
 */
export function matchesOf(text: string, expression: RegExp, accepts: ExpressionRule['accepts'] = () => true): Span[] {
  const spans: Span[] = [];
  expression.lastIndex = 0;
  for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
    if (match[0] === '') expression.lastIndex += 1;
    const [from, to] = match.indices?.groups?.['value'] ?? [match.index, match.index + match[0].length];
    const value = text.slice(from, to);
    if (
      value === '' ||
      isMasked(value) ||
      text.startsWith(MASK, to) ||
      text.slice(Math.max(0, from - MASK.length), from) === MASK
    )
      continue;
    if (accepts(value, match)) spans.push([from, to]);
  }
  return spans;
}
