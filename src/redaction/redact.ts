// What every renderer calls before a text reaches a file, a terminal or another process: first the values that are
// known, in all their encodings, then the places where an unknown secret would stand.

import type { KnownSecrets } from './known-secrets.ts';
import { applyRules } from './rules.ts';

/** Anything that masks. */
export interface Redactor {
  redact(text: string): string;
}

/** Masks nothing: where no secret can be. */
export const NO_SECRETS: Redactor = { redact: (text) => text };

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
export function createRedactor(known: KnownSecrets): Redactor {
  return { redact: (text) => applyRules(known.redact(text)) };
}
