// What every renderer calls before a text reaches a file, a terminal or another process: first the values that are
// known, in all their encodings, then the places where an unknown secret would stand.

import type { KnownSecrets } from './known-secrets.ts';
import { applyRules } from './rules.ts';

/** Anything that masks. */
export interface Redactor {
  redact(text: string): string;
}

/** Known values and rules in one; later values of the registry are covered, too. */
export function createRedactor(known: KnownSecrets): Redactor {
  return { redact: (text) => applyRules(known.redact(text)) };
}
