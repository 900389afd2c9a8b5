// Which bytes of a configuration file change for one edit. Pure.
//
// Guarantees: only the bytes of the edited value, of its own lines and of one comma or bracket beside it. A way may turn
// out not to hold (a comment in the wrong place, a style nobody thought of), so several are offered, the nicest first;
// `edit.ts` takes the first whose result reads as meant, and refuses where none does.

import { isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import type { KeyPath } from '#config/problem.ts';
import {
  isList,
  isSection,
  type Plain,
  renderInline,
  renderInlinePair,
  renderItemLines,
  renderPairLines,
  type Style,
} from './edit-render.ts';
import {
  childAt,
  childStart,
  columnOf,
  commaBefore,
  endOf,
  isBlock,
  isFlow,
  looksLikeJson,
  type Node,
  type Sheet,
  type Slot,
  slotAt,
  startOf,
} from './edit-tree.ts';

/** These bytes away, this text in their place. */
export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** One way to make an edit: splices that do not overlap. */
export type Way = readonly Splice[];

/** Applies a way to the text. */
export function applyWay(text: string, way: Way): string {
  return way
    .toSorted((a, b) => b.from - a.from || b.to - a.to)
    .reduce((result, { from, to, text: put }) => result.slice(0, from) + put + result.slice(to), text);
}

/** The ways to give the key or entry this value, whether it is there or not. */
export function waysToSet(sheet: Sheet, path: KeyPath, value: Plain): Way[] {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const slot = slotAt(sheet, path.slice(0, depth));
    if (slot === null) continue;
    const [step, ...deeper] = path.slice(depth);
    if (step === undefined) return waysToReplace(sheet, slot, value);
    return waysToAdd(sheet, slot, { step, value: wrap(deeper, value) });
  }
  return [];
}

/** The ways to take the key or entry out. */
export function waysToRemove(sheet: Sheet, path: KeyPath): Way[] {
  const step = path.at(-1);
  const parent = slotAt(sheet, path.slice(0, -1));
  const { node } = parent ?? { node: null };
  if (parent === null || step === undefined || !(isMap(node) || isSeq(node))) return [];
  const index = indexOf(node, step);
  if (index === -1) return [];
  if (node.items.length === 1) return waysToReplace(sheet, parent, isSeq(node) ? [] : {});
  return isFlow(node) ? waysToRemoveFromFlow(sheet, parent, index) : waysToRemoveFromBlock(sheet, parent, index);
}

function indexOf(node: YAMLMap | YAMLSeq, step: string | number): number {
  if (isSeq(node)) return typeof step === 'number' && step < node.items.length ? step : -1;
  return node.items.findIndex(({ key }) => isScalar(key) && key.value === step);
}

function wrap(path: KeyPath, value: Plain): Plain {
  return path.reduceRight<Plain>((inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }), value);
}

// A value in place of another, or where there was none.

function waysToReplace(sheet: Sheet, slot: Slot, value: Plain): Way[] {
  const { node } = slot;
  if (node === null) return waysToFill(sheet, slot, value);
  const style = styleOf(sheet, node);
  const inline = renderInline(value, typeof value === 'object' && style !== 'json' ? 'plain' : style);
  if (!isBlock(node)) {
    const isTextBlock = isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED');
    const end = endOf(slot);
    return [[{ from: startOf(node), to: isTextBlock ? withoutEol(sheet.text, end) : end, text: inline }]];
  }
  const from = startOf(node);
  const lines = { from: lineStart(sheet.text, from), to: lineEnd(sheet.text, endOf(slot)), text: '' };
  // The first key of an entry stands behind its dash.
  if (lines.from <= slot.behindMark) return [[{ from, to: endOf(slot), text: inline }]];
  return [[{ from: slot.behindMark, to: slot.behindMark, text: ` ${inline}` }, lines]];
}

function waysToFill(sheet: Sheet, slot: Slot, value: Plain): Way[] {
  const mark = slot.hasMark ? ' ' : ': ';
  const text = mark + renderInline(value, 'plain');
  return [...blockInSlot(sheet, slot, value), [{ from: slot.behindMark, to: slot.behindMark, text }]];
}

/** A list or section as lines of its own below its key, which stands alone in its line so far. */
function blockInSlot(sheet: Sheet, slot: Slot, value: Plain): Way[] {
  if (slot.inFlow || typeof value !== 'object' || value === null || Object.keys(value).length === 0) return [];
  const isRoot = slot.column < 0;
  if (isRoot && isList(value)) return [];
  const place = { step: sheet.step, dashStep: sheet.dashStep };
  const column = isRoot ? 0 : slot.column + (isList(value) ? sheet.dashStep : sheet.step);
  const lines = isList(value)
    ? value.flatMap((one) => renderItemLines(one, { ...place, column }))
    : Object.entries(value).flatMap(([key, part]) => renderPairLines(key, part, { ...place, column }));
  const below = isRoot ? sheet.text.length : lineEnd(sheet.text, slot.behindMark);
  const [only] = isSection(value) && Object.keys(value).length === 1 ? Object.keys(value) : [];
  const marked =
    only === undefined || isRoot ? [] : commentsNaming(sheet, only, { from: below, to: sheet.text.length });
  return [...marked, below].map((at) => [linesAt(sheet, at, lines)]);
}

// A key or entry more.

interface Addition {
  readonly step: string | number;
  readonly value: Plain;
}

function waysToAdd(sheet: Sheet, slot: Slot, { step, value }: Addition): Way[] {
  const { node } = slot;
  if (node === null) return waysToFill(sheet, slot, wrap([step], value));
  if (isMap(node) && typeof step === 'string') {
    if (!isFlow(node)) return addPairLines(sheet, slot, { step, value });
    if (node.items.length === 0) return waysToUnfold(sheet, slot, { [step]: value });
    return addInFlow(sheet, slot, renderInlinePair(step, value, styleOf(sheet, node)));
  }
  if (!isSeq(node) || step !== node.items.length) return [];
  if (!isFlow(node)) return addItemLines(sheet, slot, value);
  if (node.items.length === 0) return waysToUnfold(sheet, slot, [value]);
  return addInFlow(sheet, slot, renderInline(value, styleOf(sheet, node)));
}

/** An empty `{}` or `[]` becomes lines where lines can be; else it is filled as it is. */
function waysToUnfold(sheet: Sheet, slot: Slot, value: Plain): Way[] {
  const { text } = sheet;
  const node = slot.node as Node;
  const [from, to] = [startOf(node), endOf(slot)];
  const inside = text.slice(from + 1, to - 1);
  const style = styleOf(sheet, node);
  const filled: Way =
    inside.trim() === ''
      ? [{ from, to, text: renderInline(value, style) }]
      : [{ from: from + 1, to: from + 1, text: renderInline(value, style).slice(1, -1) }];
  const isAlone = inside.trim() === '' && slot.column >= 0 && !slot.isMarked && from - slot.behindMark < 80;
  if (!isAlone || text.slice(slot.behindMark, to).includes('\n')) return [filled];
  const gone = { from: slot.behindMark, to, text: '' };
  const blocks = blockInSlot(sheet, slot, value).map((way) => [gone, ...way]);
  return [...blocks, filled];
}

function addPairLines(sheet: Sheet, slot: Slot, { step, value }: Addition): Way[] {
  const node = slot.node as YAMLMap;
  const column = columnOf(node);
  const lines = renderPairLines(String(step), value, { column, step: sheet.step, dashStep: sheet.dashStep });
  const end = lineEnd(sheet.text, endOf(slot));
  const isBlockOfItsOwn = column === 0 && lines.length > 1;
  const named = commentsNaming(sheet, String(step), {
    from: lineStart(sheet.text, startOf(node)),
    to: sheet.text.length,
  });
  const spaced = isBlockOfItsOwn && /\n\r?\n/.test(sheet.text.slice(0, end)) ? ['', ...lines] : lines;
  return [
    ...named.map((at) => [linesAt(sheet, at, lines)]),
    [linesAt(sheet, end, spaced)],
    ...atLastByte(sheet, slot, lines),
  ];
}

function addItemLines(sheet: Sheet, slot: Slot, value: Plain): Way[] {
  const place = { column: columnOf(slot.node as YAMLSeq), step: sheet.step, dashStep: sheet.dashStep };
  const lines = renderItemLines(value, place);
  return [[linesAt(sheet, lineEnd(sheet.text, endOf(slot)), lines)], ...atLastByte(sheet, slot, lines)];
}

/** A text block that keeps its blank lines ends behind them. */
function atLastByte(sheet: Sheet, slot: Slot, lines: readonly string[]): Way[] {
  const last = slot.node?.range?.[2] ?? 0;
  return [[linesAt(sheet, lineStart(sheet.text, last), lines)]];
}

function addInFlow(sheet: Sheet, slot: Slot, rendered: string): Way[] {
  const { text } = sheet;
  const node = slot.node as YAMLMap | YAMLSeq;
  const count = node.items.length;
  const last = childAt(slot, count - 1);
  const end = last === null ? 0 : endOf(last);
  const trailing = commaBefore(node, count);
  const start = childStart(node, count - 1);
  const behind = trailing === null ? end : trailing + 1;
  const inline: Way =
    trailing === null
      ? [{ from: end, to: end, text: `, ${rendered}` }]
      : [{ from: behind, to: behind, text: ` ${rendered}` }];
  const begin = lineStart(text, start);
  const close = endOf(slot) - 1;
  if (text.slice(begin, start).trim() !== '' || lineEnd(text, behind) > close) return [inline];
  const line = `${text.slice(begin, start)}${rendered}${trailing === null ? '' : ','}`;
  const comma = trailing === null ? [{ from: end, to: end, text: ',' }] : [];
  return [[...comma, linesAt(sheet, lineEnd(text, behind), [line])], inline];
}

// A key or entry less.

function waysToRemoveFromBlock({ text }: Sheet, slot: Slot, index: number): Way[] {
  const node = slot.node as YAMLMap | YAMLSeq;
  const child = childAt(slot, index);
  if (child === null) return [];
  const start = childStart(node, index);
  const end = lineEnd(text, endOf(child));
  const begin = lineStart(text, start);
  if (text.slice(begin, start).trim() === '') return [[{ from: begin, to: end, text: '' }]];
  // The first key of an entry stands behind its dash: the next one takes its place, or the dash stays alone.
  const next = childStart(node, index + 1);
  const between = text.slice(end, next);
  const alone = [{ from: start - trailingSpaces(text.slice(begin, start)), to: withoutEol(text, end), text: '' }];
  return between.trim() === '' ? [[{ from: start, to: next, text: '' }], alone] : [alone];
}

function waysToRemoveFromFlow({ text }: Sheet, slot: Slot, index: number): Way[] {
  const node = slot.node as YAMLMap | YAMLSeq;
  const child = childAt(slot, index);
  if (child === null) return [];
  const start = childStart(node, index);
  const end = endOf(child);
  const after = commaBefore(node, index + 1);
  const before = commaBefore(node, index);
  const begin = lineStart(text, start);
  const behind = after === null ? end : after + 1;
  const rest = text.slice(behind, lineEnd(text, behind));
  const isOwnLine = text.slice(begin, start).trim() === '' && /^[ \t]*(?:#.*)?\r?\n$/.test(rest);
  const comma = after === null && before !== null ? [{ from: before, to: before + 1, text: '' }] : [];
  const ownLine: Way[] = isOwnLine ? [[...comma, { from: begin, to: lineEnd(text, behind), text: '' }]] : [];
  const spaces = rest.length - rest.replace(/^[ \t]+/, '').length;
  if (after !== null) return [...ownLine, [{ from: start, to: behind + spaces, text: '' }]];
  const hasComment = before !== null && text.slice(before, start).includes('#');
  const joined: Way[] = before === null || hasComment ? [] : [[{ from: before, to: end, text: '' }]];
  return [...ownLine, ...joined, [...comma, { from: start, to: end, text: '' }]];
}

// Lines.

/** Places behind a comment that names the key, such as `#port: 3128`; behind all of it where it goes on below. */
function commentsNaming(sheet: Sheet, key: string, { from, to }: { from: number; to: number }): number[] {
  const named = new RegExp(`^[ \\t]*#[ \\t]*(["']?)${escapeRegExp(key)}\\1[ \\t]*:(?=[ \\t\\r\\n]|$)`);
  const places: number[] = [];
  for (let at = from; at < to && places.length < MOST_PLACES; at = nextLine(sheet.text, at)) {
    const line = sheet.text.slice(at, nextLine(sheet.text, at));
    if (named.test(line)) places.push(endOfComment(sheet.text, at + line.length, indentOf(line)));
  }
  return places;
}

/** More comments than that do not name one key. */
const MOST_PLACES = 4;

/** Behind the lines of a comment that are indented deeper than its head, as the parts of a section put aside are. */
function endOfComment(text: string, from: number, head: number): number {
  let at = from;
  while (at < text.length) {
    const line = text.slice(at, nextLine(text, at));
    if (!/^[ \t]*#/.test(line) || indentOf(line) <= head) break;
    at += line.length;
  }
  return at;
}

/** How deep the words of a comment stand, the mark itself not counted. */
function indentOf(line: string): number {
  return /^[ \t]*#?[ \t]*/.exec(line)?.[0].replace('#', '').length ?? 0;
}

/** Whole lines at the beginning of a line, or behind a last line without an end, which then has one. */
function linesAt({ text, eol }: Sheet, at: number, lines: readonly string[]): Splice {
  const block = lines.join(eol);
  const isInside = at === 0 || text[at - 1] === '\n' || (at === 1 && text.startsWith('\ufeff'));
  return { from: at, to: at, text: isInside ? block + eol : eol + block };
}

function lineStart(text: string, at: number): number {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  return start === 0 && text.startsWith('\ufeff') ? 1 : start;
}

/** Behind the end of the line that the byte before stands in. */
function lineEnd(text: string, at: number): number {
  return at > 0 && text[at - 1] === '\n' ? at : nextLine(text, at);
}

function nextLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline === -1 ? text.length : newline + 1;
}

function withoutEol(text: string, end: number): number {
  if (text[end - 1] !== '\n') return end;
  return text[end - 2] === '\r' ? end - 2 : end - 1;
}

function trailingSpaces(text: string): number {
  return text.length - text.trimEnd().length;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Quotes stay as they are. */
function styleOf({ root }: Sheet, node: Node): Style {
  if (looksLikeJson(root.node) || (isFlow(node) && looksLikeJson(node))) return 'json';
  if (!isScalar(node)) return 'plain';
  if (node.type === 'QUOTE_DOUBLE') return 'double';
  return node.type === 'QUOTE_SINGLE' ? 'single' : 'plain';
}
