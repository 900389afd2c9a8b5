// Finds everything in a text that must not leave this host: secrets of the configuration in several encodings, matches
// of the built-in rules (with and without escapes), matches of the admin's rules, and names to replace. Pure.

import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { asUtf8, type Layer, layersOfLines } from '#redaction/layers.ts';
import type { LinearPattern } from '#redaction/linear-pattern.ts';
import type { Span } from '#redaction/mask.ts';
import type { Pseudonymizer } from './pseudonymizer.ts';
import { type BundleRule, isMasked } from './rules/rule.ts';

/** The name under which configured secrets are counted. */
const KNOWN_SECRET_RULE = 'configured-secret';

/** A rule of the configuration. */
export interface OwnRule {
  readonly name: string;
  readonly pattern: LinearPattern;
}

/** What to look for. */
export interface Criteria {
  readonly known: KnownSecrets;
  readonly rules: readonly BundleRule[];
  readonly own: readonly OwnRule[];
  readonly pseudonymizer: Pseudonymizer | null;
}

/** A span to mask, or to replace by a pseudonym. */
export interface Occurrence {
  readonly rule: string;
  readonly from: number;
  readonly to: number;
  /** null: masked. */
  readonly pseudonym: (() => string) | null;
}

/** Yielded where other work may get its turn. A rule takes milliseconds on a whole window, and there may be 64. */
export type Pause = '';

/** All findings, unordered; they may overlap. Offsets are those of the text. */
export function* findingsIn(text: string, criteria: Criteria): Generator<Pause, Occurrence[]> {
  const findings: Occurrence[] = [];
  const layers = layersOfLines(text);
  for (const layer of layers) {
    const add = (rule: string, spans: readonly Span[]) => {
      for (const span of spans) {
        const [from, to] = layer.place(span[0], span[1]);
        findings.push({ rule, from, to, pseudonym: null });
      }
    };
    for (const [from, to] of criteria.known.spansIn(layer)) {
      findings.push({ rule: KNOWN_SECRET_RULE, from, to, pseudonym: null });
    }
    if (layer.isPartial === true) continue;
    for (const rule of criteria.rules) add(rule.name, rule.find(layer.text));
    for (const { rule, span, name } of criteria.pseudonymizer?.find(layer.text) ?? []) {
      const [from, to] = layer.place(span[0], span[1]);
      findings.push({ rule, from, to, pseudonym: name });
    }
  }
  for (const rule of criteria.own) {
    yield '';
    findings.push(...ownFindings(text, rule));
  }
  return findings;
}

/** An own rule sees each line as it is in the file, decoded as UTF-8 where it is UTF-8. */
function ownFindings(text: string, { name, pattern }: OwnRule): Occurrence[] {
  const findings: Occurrence[] = [];
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    const to = end === -1 ? text.length : end;
    const line = lineLayer(text, from, to);
    for (const span of pattern.spans(line.text)) {
      if (isMasked(line.text.slice(span[0], span[1]))) continue;
      const [start, stop] = line.place(span[0], span[1]);
      findings.push({ rule: name, from: start, to: stop, pseudonym: null });
    }
    from = to + 1;
  }
  return findings;
}

function lineLayer(text: string, from: number, to: number): Layer {
  const end = to > from && text.charAt(to - 1) === '\r' ? to - 1 : to;
  const line: Layer = { text: text.slice(from, end), place: (start, stop) => [start + from, stop + from] };
  return asUtf8(line) ?? line;
}
