// What every renderer calls before a text reaches a file, a terminal or another process: first the values that are
// known, in all their encodings, then the places where an unknown secret would stand.

import type { KnownSecrets } from './known-secrets.ts';
import type { Span } from './mask.ts';
import { applyRules } from './rules.ts';

/** Anything that masks. */
export interface Redactor {
  redact(text: string): string;
}

/** One that can also say where the values stand that it knows. */
export interface SpanRedactor extends Redactor {
  /** In no order; they may overlap. What a rule would find is not in it. */
  spans(text: string): readonly Span[];
}

/** Masks nothing: where no secret can be. */
export const NO_SECRETS: SpanRedactor = { redact: (text) => text, spans: () => [] };

/** Masks every text inside plain JSON data, so that the structure around it stays whole whatever a secret looks like. */
export function redactDeep<T>(value: T, redactor: Redactor): T {
  return redactAny(value, redactor) as T;
}

function redactAny(value: unknown, redactor: Redactor): unknown {
  if (typeof value === 'string') return redactor.redact(value);
  if (Array.isArray(value)) return value.map((item: unknown) => redactAny(item, redactor));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(entries.map(([key, held]) => [key, redactAny(held, redactor)]));
}

/** Known values and rules in one; later values of the registry are covered, too. */
export function createRedactor(known: KnownSecrets): SpanRedactor {
  return {
    redact: (text) => applyRules(known.redact(text)),
    spans: (text) => known.spans(text),
  };
}
