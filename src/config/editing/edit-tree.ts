// Where the parts of a configuration file stand, to the byte: what the splices of `edit-splice.ts` are measured by. Pure.

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

/** Something that has, or can have, a value: the file as a whole, a key, or an entry of a list. */
export interface ValuePosition {
  /** Null where nothing is written. */
  readonly node: Node | null;
  /** Behind the colon or dash, and behind what stands there of anchors and tags; where an absent value begins. */
  readonly behindMark: number;
  /** Whether there is a colon or dash; a key alone between brackets has none. */
  readonly hasMark: boolean;
  /** Whether an anchor or a tag stands in front of the value. */
  readonly isMarked: boolean;
  /** Inside brackets, where lines and columns mean nothing. */
  readonly inFlow: boolean;
  /** The column that its key or dash stands in; -1 for the file as a whole. */
  readonly column: number;
}

/** A document, parsed with the tokens that it was made of. */
export interface YamlSource {
  readonly text: string;
  readonly root: ValuePosition;
  readonly eol: string;
  readonly step: number;
  readonly dashStep: number;
}

/** Reads a text that `readDocument` has found nothing wrong with. */
export function readYamlSource(text: string): YamlSource {
  const { contents } = parseDocument(text, { keepSourceTokens: true, stringKeys: true, uniqueKeys: false });
  const node = isNode(contents) && !isNothing(contents) ? contents : null;
  const root = { node, behindMark: 0, hasMark: true, isMarked: false, inFlow: false, column: -1 };
  return { text, root, eol: /\r?\n/.exec(text)?.[0] ?? '\n', ...habits(node) };
}

/** The key or entry of this name in a section or list; null when there is none. */
function childOf(position: ValuePosition, step: string | number): ValuePosition | null {
  const { node } = position;
  if (isMap(node) && typeof step === 'string') {
    const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
    return pair === undefined ? null : positionOfPair(position, pair);
  }
  if (!isSeq(node) || typeof step !== 'number') return null;
  return step < node.items.length ? positionOfItem(position, step) : null;
}

/** The slot at the end of the path, or null. */
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

/** Behind the last byte that belongs to the value, comments not counted. */
export function endOf(position: ValuePosition): number {
  const { node } = position;
  if (node === null) return position.behindMark;
  if (!isBlock(node)) return node.range?.[1] ?? 0;
  const last = lastChild(position);
  return last === null ? startOf(node) : endOf(last);
}

/** The column that the keys or dashes of a block stand in. */
export function columnOf(node: YAMLMap | YAMLSeq): number {
  return node.srcToken !== undefined && 'indent' in node.srcToken ? node.srcToken.indent : 0;
}

function tokensOf(node: YAMLMap | YAMLSeq): readonly CST.FlowCollection['items'][number][] {
  return (node.srcToken as CST.FlowCollection | undefined)?.items ?? [];
}

/** Where the key (with what stands before it) or the dash of a child begins. */
export function childStart(node: YAMLMap | YAMLSeq, index: number): number {
  const item = tokensOf(node)[index];
  const marks = item?.start.find(({ type }) => ['explicit-key-ind', 'seq-item-ind', 'anchor', 'tag'].includes(type));
  const content = item?.key ?? item?.value;
  return Math.min(marks?.offset ?? Number.POSITIVE_INFINITY, content?.offset ?? Number.POSITIVE_INFINITY);
}

/** Where the comma in front of a child between brackets stands; also of the child behind the last, which has but that. */
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

/** An absent value, of which no byte is written; a `null` or `~` that is written is a value. */
function isNothing(node: Node): boolean {
  return isScalar(node) && node.value === null && node.range?.[0] === node.range?.[1];
}

/** How far the file indents: that of the first section, and of the first list under a key. */
function habits(root: Node | null): { step: number; dashStep: number } {
  const blocks = blocksUnder(root, 0);
  const step = blocks.find(({ node }) => isMap(node))?.indent;
  const dashStep = blocks.find(({ node }) => isSeq(node))?.indent;
  return { step: step ?? (dashStep || USUAL_STEP), dashStep: dashStep ?? step ?? USUAL_STEP };
}

/** The blocks under the keys of a section, and under theirs, with how far each is indented. */
function blocksUnder(section: Node | null, column: number): { node: Node; indent: number }[] {
  if (!isMap(section) || !isBlock(section)) return [];
  return section.items.flatMap(({ value }) => {
    const node = writtenIn(value);
    if (!isBlock(node)) return [];
    return [{ node, indent: columnOf(node) - column }, ...blocksUnder(node, columnOf(node))];
  });
}
