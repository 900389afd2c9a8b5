// Masks spans of a text. Pure.

import { MASK } from './secret.ts';

/** From and to, in UTF-16 units. */
export type Span = readonly [from: number, to: number];

/** Part of a text: our own words (`ours`), or a value from outside. */
interface Part {
  readonly text: string;
  readonly ours: boolean;
}

/** Masks the spans; those that touch or overlap become one mask. */
export function mask(text: string, spans: readonly Span[]): string {
  let masked = '';
  let shownTo = 0;
  let coveredTo = -1;
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    if (from > coveredTo) {
      masked += text.slice(shownTo, from) + MASK;
      coveredTo = to;
    }
    coveredTo = Math.max(coveredTo, to);
    shownTo = coveredTo;
  }
  return masked + text.slice(shownTo);
}

/**
 * Masks only the parts of each span that are not ours. Our own words reveal nothing about a secret that happens to
 * contain them, and without them the line would be unreadable. The rest of the secret is masked, so it never appears
 * as a whole.
 */
export function maskForeign(parts: readonly Part[], spans: readonly Span[]): string {
  const text = parts.map((part) => part.text).join('');
  if (spans.length === 0) return text;
  const foreign: Span[] = [];
  let at = 0;
  for (const part of parts) {
    const end = at + part.text.length;
    if (!part.ours) foreign.push([at, end]);
    at = end;
  }
  const covered = spans.flatMap(([from, to]) =>
    foreign
      .map(([start, end]): Span => [Math.max(from, start), Math.min(to, end)])
      .filter(([start, end]) => start < end),
  );
  return mask(text, covered);
}
