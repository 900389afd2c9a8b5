// Cuts a stream of bytes into overlapping windows and redacts each. Pure.
//
// Guarantees: the result does not depend on the chunks of the stream. The rules see every byte with at least `CONTEXT`
// bytes before and after it, so a match of at most that length is always found. A longer value is masked to its end, or
// to the end of its line if it ends in another window. Windows are cut at ends of lines; only a line that is longer
// than a window is cut anywhere. Memory is constant. Each byte is read as one character of Latin-1, so bytes that are
// not masked stay as they are.

import { coded } from '#errors/coded-error.ts';
import { mask } from '#redaction/mask.ts';
import { MASK } from '#redaction/secret.ts';
import { type Criteria, findingsIn, type Occurrence, type Pause } from './findings.ts';
import { notText } from './not-text.ts';

/** Bytes before and after each place. Longer than any private key and any encoding of a piece of a known secret. */
const CONTEXT = 16_384;
/** Bytes that wait before a window is processed, the context behind them included. */
const PENDING = 65_536;

/** Each pass masks at least one more place; more than two were never needed. */
const MAX_PASSES = 4;

/** Counts of what was masked or replaced, by the name of the rule. */
export type RuleCounts = Map<string, number>;

/** Redacts one stream. */
export class Windows {
  readonly #criteria: Criteria;
  readonly #counts: RuleCounts;
  /** The end of what was passed on, unchanged. */
  #before = '';
  #pending = '';
  /** Bytes at the start of `#pending` that belong to a finding of the previous window. */
  #maskedTo = 0;
  /** The rule of a value that had not ended in the previous window. */
  #open: string | null = null;
  #endedInMask = false;

  constructor(criteria: Criteria, counts: RuleCounts) {
    this.#criteria = criteria;
    this.#counts = counts;
  }

  /** The redacted texts that these bytes complete, in Latin-1. An empty one is a pause. @throws CodedError REDACTION-NOT-TEXT */
  *take(bytes: Uint8Array): Generator<string> {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    for (let at = 0; at < text.length; ) {
      const piece = text.slice(at, at + PENDING - this.#pending.length);
      this.#pending += piece;
      at += piece.length;
      if (this.#pending.length === PENDING) yield yield* this.#redact(false);
    }
  }

  /** The rest of the text. @throws CodedError REDACTION-NOT-TEXT */
  *end(): Generator<string> {
    yield yield* this.#redact(true);
  }

  *#redact(isLast: boolean): Generator<Pause, string> {
    const text = this.#before + this.#pending;
    const reason = notText(text);
    if (reason !== null) throw coded('REDACTION-NOT-TEXT', { reason });
    const start = this.#before.length;
    const findings = [...this.#carried(text, start), ...(yield* findingsIn(text, this.#criteria))];
    const cut = isLast ? text.length : cutOf(text, { start, findings });
    this.#count(findings, start, cut);
    yield '';
    const redacted = yield* this.#remask(this.#render(text, { start, cut, findings }));
    this.#carry(text, { cut, findings, isLast });
    return redacted;
  }

  /** What continues from the previous window. */
  #carried(text: string, start: number): Occurrence[] {
    let to = start + this.#maskedTo;
    if (this.#open !== null) {
      const rule = this.#criteria.rules.find(({ name }) => name === this.#open);
      to = Math.max(to, rule?.resume?.(text, start) ?? lineEnd(text, start));
    }
    return to > start ? [{ rule: this.#open ?? '', from: Math.max(0, start - 1), to, pseudonym: null }] : [];
  }

  #carry(
    text: string,
    { cut, findings, isLast }: { cut: number; findings: readonly Occurrence[]; isLast: boolean },
  ): void {
    this.#maskedTo = 0;
    this.#open = null;
    for (const { from, to, rule, pseudonym } of findings) {
      if (pseudonym !== null || from >= cut || to <= cut) continue;
      this.#maskedTo = Math.max(this.#maskedTo, to - cut);
      if (to >= text.length && !isLast) this.#open = rule;
    }
    this.#before = text.slice(Math.max(0, cut - CONTEXT), cut);
    this.#pending = text.slice(cut);
  }

  /** Each match counts once, in the window in which it begins. The same match in several layers is one. */
  #count(findings: readonly Occurrence[], start: number, cut: number): void {
    const coveredTo = new Map<string, number>();
    for (const { rule, from, to } of findings.toSorted((one, other) => one.from - other.from)) {
      const covered = coveredTo.get(rule) ?? -1;
      coveredTo.set(rule, Math.max(covered, to));
      if (from < start || from >= cut || from < covered) continue;
      this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
    }
  }

  /**
   * A mask can turn the text next to it into a match: it ends a word that was longer. Only lines with a mask are
   * examined again, so that a scan of the result finds nothing.
   */
  *#remask(redacted: string): Generator<Pause, string> {
    let text = redacted;
    for (let pass = 0; pass < MAX_PASSES && text.includes(MASK); pass += 1) {
      const parts: string[] = [];
      for (const { lines, isMasked } of blocksOf(text)) {
        const findings = isMasked ? yield* findingsIn(lines, { ...this.#criteria, pseudonymizer: null }) : [];
        this.#count(findings, 0, lines.length);
        parts.push(
          mask(
            lines,
            findings.map(({ from, to }) => [from, to]),
          ),
        );
      }
      const next = parts.join('');
      if (next === text) break;
      text = next;
      yield '';
    }
    return text;
  }

  #render(
    text: string,
    { start, cut, findings }: { start: number; cut: number; findings: readonly Occurrence[] },
  ): string {
    const masked = covers(findings.filter(({ pseudonym }) => pseudonym === null));
    const named = withoutOverlaps(
      findings.filter(({ pseudonym, from }) => pseudonym !== null && from >= start),
      masked,
    );
    const parts: string[] = [];
    let shownTo = start;
    let endedInMask = this.#endedInMask;
    for (const { from, to, pseudonym } of [...masked, ...named].toSorted((one, other) => one.from - other.from)) {
      if (to <= start || from >= cut) continue;
      const begin = Math.max(from, start);
      if (begin > shownTo) parts.push(text.slice(shownTo, begin));
      // A mask that continues one of the previous window is the same mask.
      if (pseudonym !== null) parts.push(pseudonym());
      else if (!(begin === start && endedInMask)) parts.push(MASK);
      shownTo = Math.min(to, cut);
      endedInMask = pseudonym === null && shownTo === cut;
    }
    parts.push(text.slice(shownTo, cut));
    this.#endedInMask = endedInMask && shownTo === cut && cut > start;
    return parts.join('');
  }
}

/** The text as runs of lines that have a mask, and of others. */
function blocksOf(text: string): { lines: string; isMasked: boolean }[] {
  const blocks: { lines: string; isMasked: boolean }[] = [];
  for (let from = 0; from < text.length; ) {
    const at = text.indexOf(MASK, from);
    const begin = at === -1 ? text.length : text.lastIndexOf('\n', at) + 1;
    if (begin > from) blocks.push({ lines: text.slice(from, begin), isMasked: false });
    if (at === -1) break;
    // Lines with a mask that follow each other are one block: a block has a cost of its own.
    let to = nextLine(text, at);
    for (let next = text.indexOf(MASK, to); next !== -1 && next < nextLine(text, to); ) {
      to = nextLine(text, to);
      next = text.indexOf(MASK, to);
    }
    blocks.push({ lines: text.slice(Math.max(begin, from), to), isMasked: true });
    from = to;
  }
  return blocks;
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf('\n', at) + 1;
  return end === 0 ? text.length : end;
}

/** After the last line that has its whole context in this window; inside a line if it is too long. */
function cutOf(text: string, { start, findings }: { start: number; findings: readonly Occurrence[] }): number {
  const latest = text.length - CONTEXT;
  const end = text.lastIndexOf('\n', latest - 1) + 1;
  if (end > start + CONTEXT) return end;
  // A pseudonym stays in one piece.
  const split = findings.find(({ from, to, pseudonym }) => pseudonym !== null && from < latest && to > latest);
  return split === undefined || split.from <= start ? latest : split.from;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  if (end === -1) return text.length;
  return end > at && text.charAt(end - 1) === '\r' ? end - 1 : end;
}

type Cover = Pick<Occurrence, 'from' | 'to' | 'pseudonym'>;

/** Spans that overlap or touch become one. */
function covers(findings: readonly Occurrence[]): Cover[] {
  const merged: { from: number; to: number; pseudonym: null }[] = [];
  for (const { from, to } of findings.toSorted((one, other) => one.from - other.from)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to, pseudonym: null });
  }
  return merged;
}

/** The findings that overlap neither a mask nor an earlier finding. */
function withoutOverlaps(findings: readonly Occurrence[], masked: readonly Cover[]): Cover[] {
  const kept: Cover[] = [];
  let next = 0;
  let freeFrom = 0;
  for (const finding of findings.toSorted((one, other) => one.from - other.from || other.to - one.to)) {
    while ((masked[next]?.to ?? Number.POSITIVE_INFINITY) <= finding.from) next += 1;
    const isMasked = (masked[next]?.from ?? Number.POSITIVE_INFINITY) < finding.to;
    if (isMasked || finding.from < freeFrom) continue;
    kept.push(finding);
    freeFrom = finding.to;
  }
  return kept;
}
