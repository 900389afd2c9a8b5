// Finds the exact positions of the parts of a configuration file, for the splices of `edit-splice.ts`. Pure.

import {
  type CST,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { KeyPath } from '#config/problem.ts';

export type Node = Scalar | YAMLMap | YAMLSeq;
type Token = CST.SourceToken;

const USUAL_STEP = 2;

/** The position of a value that exists or can be added: of the whole file, a key, or an entry of a list. */
export interface ValuePosition {
  /** Null if no value is written. */
  readonly node: Node | null;
  /** The offset after the colon or dash and after any anchor and tag, at which an absent value would begin. */
  readonly behindMark: number;
  /** Whether there is a colon or dash. A key without a value between brackets has none. */
  readonly hasMark: boolean;
  /** Whether an anchor or a tag precedes the value. */
  readonly isMarked: boolean;
  /** Whether it is between brackets, where lines and columns have no meaning. */
  readonly inFlow: boolean;
  /** The column of its key or dash; -1 for the whole file. */
  readonly column: number;
}

/** A parsed document that keeps its tokens. `step` and `dashStep` are as in `BlockPlace`. */
export interface YamlSource {
  readonly text: string;
  readonly root: ValuePosition;
  readonly eol: string;
  readonly step: number;
  readonly dashStep: number;
}

/** Parses a text for which `readDocument` has no findings. */
export function readYamlSource(text: string): YamlSource {
  const { contents } = parseDocument(text, { keepSourceTokens: true, stringKeys: true, uniqueKeys: false });
  const node = isNode(contents) && !isNothing(contents) ? contents : null;
  const root = { node, behindMark: 0, hasMark: true, isMarked: false, inFlow: false, column: -1 };
  return { text, root, eol: /\r?\n/.exec(text)?.[0] ?? '\n', ...habits(node) };
}

/** The key or entry in a section or list; null if there is none. */
function childOf(position: ValuePosition, step: string | number): ValuePosition | null {
  const { node } = position;
  if (isMap(node) && typeof step === 'string') {
    const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
    return pair === undefined ? null : positionOfPair(position, pair);
  }
  if (!isSeq(node) || typeof step !== 'number') return null;
  return step < node.items.length ? positionOfItem(position, step) : null;
}

/** The position at the end of the path; null if there is none. */
export function positionAt(source: YamlSource, path: KeyPath): ValuePosition | null {
  return path.reduce<ValuePosition | null>(
    (position, step) => (position === null ? null : childOf(position, step)),
    source.root,
  );
}

export function isFlow(node: Node | null): node is YAMLMap | YAMLSeq {
  return (isMap(node) || isSeq(node)) && node.srcToken?.type === 'flow-collection';
}

export function isBlock(node: Node | null): node is YAMLMap | YAMLSeq {
  return (isMap(node) || isSeq(node)) && node.srcToken?.type !== 'flow-collection';
}

export function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** The offset after the last character of the value, without comments. */
export function endOf(position: ValuePosition): number {
  const { node } = position;
  if (node === null) return position.behindMark;
  if (!isBlock(node)) return node.range?.[1] ?? 0;
  const last = lastChild(position);
  return last === null ? startOf(node) : endOf(last);
}

/** The column of the keys or dashes of a block. */
export function columnOf(node: YAMLMap | YAMLSeq): number {
  return node.srcToken !== undefined && 'indent' in node.srcToken ? node.srcToken.indent : 0;
}

function tokensOf(node: YAMLMap | YAMLSeq): readonly CST.FlowCollection['items'][number][] {
  return (node.srcToken as CST.FlowCollection | undefined)?.items ?? [];
}

/** The offset at which a child begins: its dash, or its key with any anchor and tag. */
export function childStart(node: YAMLMap | YAMLSeq, index: number): number {
  const item = tokensOf(node)[index];
  const marks = item?.start.find(({ type }) => ['explicit-key-ind', 'seq-item-ind', 'anchor', 'tag'].includes(type));
  const content = item?.key ?? item?.value;
  return Math.min(marks?.offset ?? Number.POSITIVE_INFINITY, content?.offset ?? Number.POSITIVE_INFINITY);
}

/** The offset of the comma before a child between brackets; with an index after the last child, of a trailing comma. */
export function commaBefore(node: YAMLMap | YAMLSeq, index: number): number | null {
  return tokensOf(node)[index]?.start.find(({ type }) => type === 'comma')?.offset ?? null;
}

export function childAt(position: ValuePosition, index: number): ValuePosition | null {
  const { node } = position;
  if (isSeq(node)) return positionOfItem(position, index);
  const pair = isMap(node) ? node.items[index] : undefined;
  return pair === undefined ? null : positionOfPair(position, pair);
}

/** Whether every key of the section is in double quotes, as in JSON. */
export function looksLikeJson(node: Node | null): boolean {
  if (!isMap(node)) return false;
  return node.items.length > 0 && node.items.every(({ key }) => isScalar(key) && key.type === 'QUOTE_DOUBLE');
}

function lastChild(position: ValuePosition): ValuePosition | null {
  const { node } = position;
  return isMap(node) || isSeq(node) ? childAt(position, node.items.length - 1) : null;
}

function positionOfPair(parent: ValuePosition, pair: Pair): ValuePosition {
  const token = pair.srcToken as CST.BlockMap['items'][number] | undefined;
  const marks = token?.sep ?? [];
  const key = pair.key as Scalar;
  const colon = marks.find(({ type }) => type === 'map-value-ind');
  const end = key.range?.[1] ?? 0;
  const inFlow = parent.inFlow || isFlow(parent.node);
  return { ...positionBehind(colon, marks, end), node: writtenIn(pair.value), inFlow, column: columnIn(parent) };
}

function positionOfItem(parent: ValuePosition, index: number): ValuePosition {
  const node = parent.node as YAMLSeq;
  const marks = tokensOf(node)[index]?.start ?? [];
  const dash = marks.find(({ type }) => type === 'seq-item-ind');
  const inFlow = parent.inFlow || isFlow(node);
  return {
    ...positionBehind(dash, marks, startOf(node)),
    node: writtenIn(node.items[index]),
    inFlow,
    column: columnIn(parent),
  };
}

function columnIn({ node }: ValuePosition): number {
  return isBlock(node) ? columnOf(node) : 0;
}

function positionBehind(mark: Token | undefined, all: readonly Token[], otherwise: number) {
  const properties = all.filter(
    ({ type, offset }) => ['anchor', 'tag'].includes(type) && offset > (mark?.offset ?? -1),
  );
  const last = properties.at(-1) ?? mark;
  return {
    behindMark: last === undefined ? otherwise : last.offset + last.source.length,
    hasMark: mark !== undefined,
    isMarked: properties.length > 0,
  };
}

function writtenIn(value: unknown): Node | null {
  return isNode(value) && !isNothing(value) ? value : null;
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value);
}

/** Whether no character of the value is written. A written `null` or `~` is a value. */
function isNothing(node: Node): boolean {
  return isScalar(node) && node.value === null && node.range?.[0] === node.range?.[1];
}

/** The indentation that the file uses: that of its first section, and that of its first list below a key. */
function habits(root: Node | null): { step: number; dashStep: number } {
  const blocks = blocksUnder(root, 0);
  const step = blocks.find(({ node }) => isMap(node))?.indent;
  const dashStep = blocks.find(({ node }) => isSeq(node))?.indent;
  return { step: step ?? (dashStep || USUAL_STEP), dashStep: dashStep ?? step ?? USUAL_STEP };
}

/** All blocks below the keys of a section, at any depth, each with its indentation. */
function blocksUnder(section: Node | null, column: number): { node: Node; indent: number }[] {
  if (!isMap(section) || !isBlock(section)) return [];
  return section.items.flatMap(({ value }) => {
    const node = writtenIn(value);
    if (!isBlock(node)) return [];
    return [{ node, indent: columnOf(node) - column }, ...blocksUnder(node, columnOf(node))];
  });
}
