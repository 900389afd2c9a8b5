// Upgrades the text of a configuration file from the previous format version: renames its keys and sets `version`. It
// replaces only the bytes that must change (splices).
//
// Guarantees: the result has exactly the settings of the old text, which is verified by parsing it again. All comments
// and all other bytes stay the same. If this is not possible, it throws CONFIG-EDIT with the line. Pure.

import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, Lexer } from 'yaml';
import { readDocument } from '#config/reading/document.ts';
import { FORMAT_HISTORY, type FormatHistory, modernise, type Renamed } from '#config/reading/renamed.ts';
import { coded } from '#errors/coded-error.ts';
import { type Edit, spliceEdits, spliceSet } from './edit.ts';
import { isSection, type Plain } from './edit-render.ts';
import { applyTextEdit, type Splice } from './edit-splice.ts';
import {
  childAt,
  childStart,
  endOf,
  isBlock,
  isFlow,
  positionAt,
  readYamlSource,
  startOf,
  type ValuePosition,
  type YamlSource,
} from './edit-tree.ts';

/** The text with the keys of this version; unchanged if it has this version already. @throws CodedError CONFIG-EDIT */
export function upgradeText(text: string, history: FormatHistory = FORMAT_HISTORY): string {
  const { value } = readDocument(text);
  if (!isSection(value) || value['version'] === history.version) return text;
  const expected = modernise(value, history).value;
  const comments = commentsIn(text);
  for (const rename of [renameInPlace, moveValues]) {
    const upgraded = tryToUpgrade(text, history, rename);
    if (upgraded === null || !isDeepStrictEqual(readDocument(upgraded).value, expected)) continue;
    if (isDeepStrictEqual(commentsIn(upgraded), comments)) return upgraded;
  }
  const first = renamesIn(text, history)[0];
  const [section = 'version'] = first?.from ?? [];
  const line = readDocument(text).keyAt(section)?.line ?? 1;
  throw coded('CONFIG-EDIT', { key: section, line, reason: 'the upgrade would lose a comment or the layout there' });
}

type Rename = (text: string, renames: readonly Renamed[], history: FormatHistory) => string;

/** Null if the text cannot be upgraded by this kind of rename. */
function tryToUpgrade(text: string, history: FormatHistory, rename: Rename): string | null {
  try {
    const renamed = rename(text, renamesIn(text, history), history);
    return readDocument(renamed).findings.length === 0 ? spliceSet(renamed, ['version'], history.version) : null;
  } catch {
    return null;
  }
}

/** The renames whose old name the text has. */
function renamesIn(text: string, { version, renamed }: FormatHistory): Renamed[] {
  const source = readYamlSource(text);
  return renamed.filter(({ since, from }) => since === version && positionAt(source, from) !== null);
}

/** Sections of the previous version that had a renamed key. */
function oldSections({ version, renamed }: FormatHistory): string[] {
  const nested = renamed.filter(({ since, from }) => since === version && from.length > 1);
  return [...new Set(nested.map(({ from: [section = ''] }) => section))];
}

// Renaming keys in place.

/** `a:` above `  b: value` becomes `b:` above `  url: value`. The value and the text around it stay. */
function renameInPlace(text: string, renames: readonly Renamed[], history: FormatHistory): string {
  const source = readYamlSource(text);
  const splices = oldSections(history).flatMap((section) => {
    const position = positionAt(source, [section]);
    return position === null ? [] : renameSection(source, { section, position }, renames);
  });
  return applyTextEdit(text, splices);
}

interface Found {
  readonly section: string;
  readonly position: ValuePosition;
}

function renameSection(source: YamlSource, { section, position }: Found, renames: readonly Renamed[]): Splice[] {
  const { node } = position;
  if (isFlow(node) && node.items.length > 0) return unfoldSection(source, { section, position }, renames);
  const isLeft = isMap(node) && node.items.some(({ key }) => nameFor([section, textOf(key)], renames) === null);
  const header = isLeft ? [] : withoutHeader(source, { section, position });
  if (!isMap(node) || !isBlock(node)) return header;
  const pairs = node.items.flatMap(({ key }, index) => {
    const to = nameFor([section, textOf(key)], renames);
    const child = childAt(position, index);
    if (to === null || child === null) return [];
    const start = childStart(node, index);
    const from = lineStart(source.text, start);
    const indent = source.text.slice(from, start);
    return [{ from, to: child.behindMark, text: headersOf(to, { indent, eol: source.eol }) }];
  });
  return [...header, ...pairs];
}

/** Removes the line of the section itself; a comment after it stays as its own line. */
function withoutHeader({ text, root }: YamlSource, { section, position }: Found): Splice[] {
  const { node } = root;
  if (!isMap(node)) return [];
  const index = node.items.findIndex(({ key }) => textOf(key) === section);
  const from = childStart(node, index);
  const value = position.node;
  // An empty `{}` is removed with its key.
  const end = value === null || isBlock(value) ? position.behindMark : endOf(position);
  const blanks = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0;
  const rest = /^\r?\n/.exec(text.slice(end + blanks))?.[0].length ?? 0;
  return [{ from, to: end + blanks + rest, text: '' }];
}

/** Replaces `a: {b: value}` by lines. */
function unfoldSection(source: YamlSource, { section, position }: Found, renames: readonly Renamed[]): Splice[] {
  const { node } = position;
  const { node: root } = source.root;
  if (!isMap(node) || !isMap(root)) return [];
  const lines = node.items.flatMap(({ key }, index) => {
    const to = nameFor([section, textOf(key)], renames);
    const child = childAt(position, index);
    if (to === null || child?.node == null) return [];
    const value = source.text.slice(startOf(child.node), endOf(child));
    return [`${headersOf(to, { indent: ' '.repeat(source.step), eol: source.eol })} ${value}`];
  });
  const index = root.items.findIndex(({ key }) => textOf(key) === section);
  return [{ from: childStart(root, index), to: endOf(position), text: lines.join(source.eol) }];
}

/** The new name of a key as lines, without its value. */
function headersOf(to: readonly string[], { indent, eol }: { readonly indent: string; readonly eol: string }): string {
  return to.map((key, depth) => `${indent.repeat(depth)}${key}:`).join(eol);
}

function nameFor(from: readonly string[], renames: readonly Renamed[]): readonly string[] | null {
  return renames.find((one) => isDeepStrictEqual(one.from, from))?.to ?? null;
}

function textOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : '';
}

function lineStart(text: string, at: number): number {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  return start === 0 && text.startsWith('\ufeff') ? 1 : start;
}

// If renaming in place is not possible: the new keys are set and the old ones removed.

function moveValues(text: string, renames: readonly Renamed[], history: FormatHistory): string {
  const { value } = readDocument(text);
  const valueAt = (path: readonly string[]) =>
    path.reduce<unknown>((part, step) => (isSection(part) ? part[step] : undefined), value) as Plain;
  const set = renames.map(({ from, to }): Edit => ({ kind: 'set', path: to, value: valueAt(from) }));
  const gone = renames.map(({ from }): Edit => ({ kind: 'remove', path: from }));
  const moved = spliceEdits(text, [...set, ...gone]);
  const { value: left } = readDocument(moved);
  const empty = oldSections(history).filter((section) => isSection(left) && isEmpty(left[section]));
  return spliceEdits(
    moved,
    empty.map((section): Edit => ({ kind: 'remove', path: [section] })),
  );
}

function isEmpty(part: unknown): boolean {
  return part === null || (isSection(part) && Object.keys(part).length === 0);
}

/** The comments, sorted, because moved keys may change their order. */
function commentsIn(text: string): string[] {
  const lexemes = [...new Lexer().lex(text)];
  // The lexer puts a marker before plain text, so a lexeme that begins with # and has no marker is a comment.
  return lexemes.filter((lexeme, index) => lexeme.startsWith('#') && lexemes[index - 1] !== '\u001f').toSorted();
}
