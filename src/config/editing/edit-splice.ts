// Computes the bytes of a configuration file that change for one edit (a splice). Pure.
//
// Guarantees: only the edited value, its own lines, and one adjacent comma or bracket change. A splice can give a wrong
// result, for example because of a comment or an unusual style. Therefore, several candidates are returned, the one
// with the best layout first. `edit.ts` uses the first candidate that parses to the expected value. If there is none,
// it rejects the edit.

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
  positionAt,
  startOf,
  type ValuePosition,
  type YamlSource,
} from './edit-tree.ts';

/** Replaces the characters from `from` to before `to` with the text. */
export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** One candidate for an edit: splices that do not overlap. */
export type TextEdit = readonly Splice[];

/** Applies a candidate to the text. */
export function applyTextEdit(text: string, edit: TextEdit): string {
  return edit
    .toSorted((a, b) => b.from - a.from || b.to - a.to)
    .reduce((result, { from, to, text: put }) => result.slice(0, from) + put + result.slice(to), text);
}

/** The candidates for setting a key or entry, whether it exists or not. */
export function editsToSet(source: YamlSource, path: KeyPath, value: Plain): TextEdit[] {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const position = positionAt(source, path.slice(0, depth));
    if (position === null) continue;
    const [step, ...deeper] = path.slice(depth);
    if (step === undefined) return editsToReplace(source, position, value);
    return editsToAdd(source, position, { step, value: wrap(deeper, value) });
  }
  return [];
}

/** The candidates for removing a key or entry. */
export function editsToRemove(source: YamlSource, path: KeyPath): TextEdit[] {
  const step = path.at(-1);
  const parent = positionAt(source, path.slice(0, -1));
  const { node } = parent ?? { node: null };
  if (parent === null || step === undefined || !(isMap(node) || isSeq(node))) return [];
  const index = indexOf(node, step);
  if (index === -1) return [];
  if (node.items.length === 1) return editsToReplace(source, parent, isSeq(node) ? [] : {});
  return isFlow(node) ? editsToRemoveFromFlow(source, parent, index) : editsToRemoveFromBlock(source, parent, index);
}

function indexOf(node: YAMLMap | YAMLSeq, step: string | number): number {
  if (isSeq(node)) return typeof step === 'number' && step < node.items.length ? step : -1;
  return node.items.findIndex(({ key }) => isScalar(key) && key.value === step);
}

function wrap(path: KeyPath, value: Plain): Plain {
  return path.reduceRight<Plain>((inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }), value);
}

// Replacing a value, or filling in an absent one.

function editsToReplace(source: YamlSource, position: ValuePosition, value: Plain): TextEdit[] {
  const { node } = position;
  if (node === null) return editsToFill(source, position, value);
  const style = styleOf(source, node);
  const inline = renderInline(value, typeof value === 'object' && style !== 'json' ? 'plain' : style);
  if (!isBlock(node)) {
    const isTextBlock = isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED');
    const end = endOf(position);
    return [[{ from: startOf(node), to: isTextBlock ? withoutEol(source.text, end) : end, text: inline }]];
  }
  const from = startOf(node);
  const lines = { from: lineStart(source.text, from), to: lineEnd(source.text, endOf(position)), text: '' };
  // The first key of an entry follows its dash on the same line.
  if (lines.from <= position.behindMark) return [[{ from, to: endOf(position), text: inline }]];
  return [[{ from: position.behindMark, to: position.behindMark, text: ` ${inline}` }, lines]];
}

function editsToFill(source: YamlSource, position: ValuePosition, value: Plain): TextEdit[] {
  const mark = position.hasMark ? ' ' : ': ';
  const text = mark + renderInline(value, 'plain');
  return [...blockAt(source, position, value), [{ from: position.behindMark, to: position.behindMark, text }]];
}

/** A list or section as lines below its key, which so far has no value. */
function blockAt(source: YamlSource, position: ValuePosition, value: Plain): TextEdit[] {
  if (position.inFlow || typeof value !== 'object' || value === null || Object.keys(value).length === 0) return [];
  const isRoot = position.column < 0;
  if (isRoot && isList(value)) return [];
  const place = { step: source.step, dashStep: source.dashStep };
  const column = isRoot ? 0 : position.column + (isList(value) ? source.dashStep : source.step);
  const lines = isList(value)
    ? value.flatMap((one) => renderItemLines(one, { ...place, column }))
    : Object.entries(value).flatMap(([key, part]) => renderPairLines(key, part, { ...place, column }));
  const below = isRoot ? source.text.length : lineEnd(source.text, position.behindMark);
  const [only] = isSection(value) && Object.keys(value).length === 1 ? Object.keys(value) : [];
  const marked =
    only === undefined || isRoot ? [] : commentsNaming(source, only, { from: below, to: source.text.length });
  return [...marked, below].map((at) => [linesAt(source, at, lines)]);
}

// Adding a key or entry.

interface Addition {
  readonly step: string | number;
  readonly value: Plain;
}

function editsToAdd(source: YamlSource, position: ValuePosition, { step, value }: Addition): TextEdit[] {
  const { node } = position;
  if (node === null) return editsToFill(source, position, wrap([step], value));
  if (isMap(node) && typeof step === 'string') {
    if (!isFlow(node)) return addPairLines(source, position, { step, value });
    if (node.items.length === 0) return editsToUnfold(source, position, { [step]: value });
    return addInFlow(source, position, renderInlinePair(step, value, styleOf(source, node)));
  }
  if (!isSeq(node) || step !== node.items.length) return [];
  if (!isFlow(node)) return addItemLines(source, position, value);
  if (node.items.length === 0) return editsToUnfold(source, position, [value]);
  return addInFlow(source, position, renderInline(value, styleOf(source, node)));
}

/** Replaces an empty `{}` or `[]` by lines where lines are possible; otherwise fills it in place. */
function editsToUnfold(source: YamlSource, position: ValuePosition, value: Plain): TextEdit[] {
  const { text } = source;
  const node = position.node as Node;
  const [from, to] = [startOf(node), endOf(position)];
  const inside = text.slice(from + 1, to - 1);
  const style = styleOf(source, node);
  const filled: TextEdit =
    inside.trim() === ''
      ? [{ from, to, text: renderInline(value, style) }]
      : [{ from: from + 1, to: from + 1, text: renderInline(value, style).slice(1, -1) }];
  const isAlone = inside.trim() === '' && position.column >= 0 && !position.isMarked && from - position.behindMark < 80;
  if (!isAlone || text.slice(position.behindMark, to).includes('\n')) return [filled];
  const gone = { from: position.behindMark, to, text: '' };
  const blocks = blockAt(source, position, value).map((edit) => [gone, ...edit]);
  return [...blocks, filled];
}

function addPairLines(source: YamlSource, position: ValuePosition, { step, value }: Addition): TextEdit[] {
  const node = position.node as YAMLMap;
  const column = columnOf(node);
  const lines = renderPairLines(String(step), value, { column, step: source.step, dashStep: source.dashStep });
  const end = lineEnd(source.text, endOf(position));
  const isBlockOfItsOwn = column === 0 && lines.length > 1;
  const named = commentsNaming(source, String(step), {
    from: lineStart(source.text, startOf(node)),
    to: source.text.length,
  });
  const spaced = isBlockOfItsOwn && /\n\r?\n/.test(source.text.slice(0, end)) ? ['', ...lines] : lines;
  return [
    ...named.map((at) => [linesAt(source, at, lines)]),
    [linesAt(source, end, spaced)],
    ...atLastByte(source, position, lines),
  ];
}

function addItemLines(source: YamlSource, position: ValuePosition, value: Plain): TextEdit[] {
  const place = { column: columnOf(position.node as YAMLSeq), step: source.step, dashStep: source.dashStep };
  const lines = renderItemLines(value, place);
  return [[linesAt(source, lineEnd(source.text, endOf(position)), lines)], ...atLastByte(source, position, lines)];
}

/** A text block that keeps its trailing blank lines ends after them. */
function atLastByte(source: YamlSource, position: ValuePosition, lines: readonly string[]): TextEdit[] {
  const last = position.node?.range?.[2] ?? 0;
  return [[linesAt(source, lineStart(source.text, last), lines)]];
}

function addInFlow(source: YamlSource, position: ValuePosition, rendered: string): TextEdit[] {
  const { text } = source;
  const node = position.node as YAMLMap | YAMLSeq;
  const count = node.items.length;
  const last = childAt(position, count - 1);
  const end = last === null ? 0 : endOf(last);
  const trailing = commaBefore(node, count);
  const start = childStart(node, count - 1);
  const behind = trailing === null ? end : trailing + 1;
  const inline: TextEdit =
    trailing === null
      ? [{ from: end, to: end, text: `, ${rendered}` }]
      : [{ from: behind, to: behind, text: ` ${rendered}` }];
  const begin = lineStart(text, start);
  const close = endOf(position) - 1;
  if (text.slice(begin, start).trim() !== '' || lineEnd(text, behind) > close) return [inline];
  const line = `${text.slice(begin, start)}${rendered}${trailing === null ? '' : ','}`;
  const comma = trailing === null ? [{ from: end, to: end, text: ',' }] : [];
  return [[...comma, linesAt(source, lineEnd(text, behind), [line])], inline];
}

// Removing a key or entry.

function editsToRemoveFromBlock({ text }: YamlSource, position: ValuePosition, index: number): TextEdit[] {
  const node = position.node as YAMLMap | YAMLSeq;
  const child = childAt(position, index);
  if (child === null) return [];
  const start = childStart(node, index);
  const end = lineEnd(text, endOf(child));
  const begin = lineStart(text, start);
  if (text.slice(begin, start).trim() === '') return [[{ from: begin, to: end, text: '' }]];
  // The first key of an entry follows its dash: the next key takes its place, or the dash stays on its own line.
  const next = childStart(node, index + 1);
  const between = text.slice(end, next);
  const alone = [{ from: start - trailingSpaces(text.slice(begin, start)), to: withoutEol(text, end), text: '' }];
  return between.trim() === '' ? [[{ from: start, to: next, text: '' }], alone] : [alone];
}

function editsToRemoveFromFlow({ text }: YamlSource, position: ValuePosition, index: number): TextEdit[] {
  const node = position.node as YAMLMap | YAMLSeq;
  const child = childAt(position, index);
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
  const ownLine: TextEdit[] = isOwnLine ? [[...comma, { from: begin, to: lineEnd(text, behind), text: '' }]] : [];
  const spaces = rest.length - rest.replace(/^[ \t]+/, '').length;
  if (after !== null) return [...ownLine, [{ from: start, to: behind + spaces, text: '' }]];
  const hasComment = before !== null && text.slice(before, start).includes('#');
  const joined: TextEdit[] = before === null || hasComment ? [] : [[{ from: before, to: end, text: '' }]];
  return [...ownLine, ...joined, [...comma, { from: start, to: end, text: '' }]];
}

// Helpers for lines.

/** The offsets after comments that contain the key, such as `#port: 3128`, including their continuation lines. */
function commentsNaming(source: YamlSource, key: string, { from, to }: { from: number; to: number }): number[] {
  const named = new RegExp(`^[ \\t]*#[ \\t]*(["']?)${escapeRegExp(key)}\\1[ \\t]*:(?=[ \\t\\r\\n]|$)`);
  const places: number[] = [];
  for (let at = from; at < to && places.length < MAX_COMMENTS; at = nextLine(source.text, at)) {
    const line = source.text.slice(at, nextLine(source.text, at));
    if (named.test(line)) places.push(endOfComment(source.text, at + line.length, indentOf(line)));
  }
  return places;
}

/** Only the first few comments that contain the key are tried. */
const MAX_COMMENTS = 4;

/** The offset after those comment lines that are indented deeper than the first, like a commented-out section. */
function endOfComment(text: string, from: number, head: number): number {
  let at = from;
  while (at < text.length) {
    const line = text.slice(at, nextLine(text, at));
    if (!/^[ \t]*#/.test(line) || indentOf(line) <= head) break;
    at += line.length;
  }
  return at;
}

/** The indentation of the text of a comment, without the `#`. */
function indentOf(line: string): number {
  return /^[ \t]*#?[ \t]*/.exec(line)?.[0].replace('#', '').length ?? 0;
}

/** Inserts whole lines at the start of a line, or after a last line that has no line end and then gets one. */
function linesAt({ text, eol }: YamlSource, at: number, lines: readonly string[]): Splice {
  const block = lines.join(eol);
  const isInside = at === 0 || text[at - 1] === '\n' || (at === 1 && text.startsWith('\ufeff'));
  return { from: at, to: at, text: isInside ? block + eol : eol + block };
}

function lineStart(text: string, at: number): number {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  return start === 0 && text.startsWith('\ufeff') ? 1 : start;
}

/** The offset after the line that contains the preceding character. */
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

/** The style of the value in the file, so that an edit keeps its quotes. */
function styleOf({ root }: YamlSource, node: Node): Style {
  if (looksLikeJson(root.node) || (isFlow(node) && looksLikeJson(node))) return 'json';
  if (!isScalar(node)) return 'plain';
  if (node.type === 'QUOTE_DOUBLE') return 'double';
  return node.type === 'QUOTE_SINGLE' ? 'single' : 'plain';
}
