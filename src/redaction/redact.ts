// Masks a text before it reaches a file, a terminal or another process; every renderer calls this. First it masks the
// known values in all their encodings. Then it masks text where secrets usually are, such as after `password=`.

import type { KnownSecrets } from './known-secrets.ts';
import type { Span } from './mask.ts';
import { applyRules } from './rules.ts';

/** Masks secrets in a text. */
export interface Redactor {
  redact(text: string): string;
}

/** A redactor that can also return the spans of the values that it knows. */
export interface SpanRedactor extends Redactor {
  /** Unordered; they may overlap. Matches of rules are not included. */
  spans(text: string): readonly Span[];
  /** As `KnownSecrets.nextPlace`. */
  nextPlace(bytes: Uint8Array, from: number): number;
  /** False only if `spans` finds nothing in this text in UTF-8, or in any part of it. */
  mayContain(text: Buffer): boolean;
}

/** Masks nothing, for texts that cannot contain a secret. */
export const NO_SECRETS: SpanRedactor = {
  redact: (text) => text,
  spans: () => [],
  nextPlace: () => -1,
  mayContain: () => false,
};

/** Masks every string inside plain JSON data. The structure stays valid whatever a secret looks like. */
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

/** Masks known values, then applies the rules. Values that are registered later are also masked. */
export function createRedactor(known: KnownSecrets): SpanRedactor {
  return {
    redact: (text) => applyRules(known.redact(text)),
    spans: (text) => known.spans(text),
    nextPlace: (bytes, from) => known.nextPlace(bytes, from),
    mayContain: (text) => known.mayContain(text),
  };
}
