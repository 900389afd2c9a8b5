// Edits the text of a configuration file by replacing only the bytes that must change (splices).
//
// Guarantees: the result has the old settings with exactly these edits, which is verified by parsing it again. If no
// splice achieves this, CONFIG-EDIT names the line and the key, and a person has to edit the file. Comments, blank
// lines, alignment, line ends, a byte order mark, quotes and number formats stay the same. The schema checks the
// values, not this file. Pure.

import { isDeepStrictEqual } from 'node:util';
import { type KeyPath, keyName } from '#config/problem.ts';
import { type ConfigDocument, readDocument } from '#config/reading/document.ts';
import { kindOf } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { schemaAt } from '#config/tree.ts';
import { coded } from '#errors/coded-error.ts';
import { isList, isSection, type Plain } from './edit-render.ts';
import { applyTextEdit, editsToRemove, editsToSet, type TextEdit } from './edit-splice.ts';
import { readYamlSource } from './edit-tree.ts';

/** One edit. A path may be written as in messages, `proxies[0].port`, if no key in it has a dot in its name. */
export type Edit =
  /** Sets the key to this value. Missing sections above it are added. The index after the last one extends a list. */
  | { readonly kind: 'set'; readonly path: KeyPath | string; readonly value: Plain }
  /** Removes the key or entry. An absent one is not an error. */
  | { readonly kind: 'remove'; readonly path: KeyPath | string }
  /** Adds an entry at the end of the list. A missing list is added. */
  | { readonly kind: 'append'; readonly path: KeyPath | string; readonly value: Plain };

/** Sets one key. @throws CodedError CONFIG-EDIT */
export function spliceSet(text: string, path: KeyPath | string, value: Plain): string {
  return spliceEdits(text, [{ kind: 'set', path, value }]);
}

/** Makes all edits in order, or none. @throws CodedError CONFIG-EDIT */
export function spliceEdits(text: string, edits: readonly Edit[]): string {
  const steps = edits.map(toStep);
  const expected = steps.reduce<Plain>(applyStep, readValid(text).value as Plain);
  const spliced = steps.reduce((before, step) => simplify(step, valueIn(before)).reduce(spliceOne, before), text);
  if (!isDeepStrictEqual(valueIn(spliced), expected))
    throw refuse(text, steps[0]?.path ?? [], 'the edited file would not have exactly the new value');
  return spliced;
}

/** The settings after the edits, as data. Nothing is spliced, and no value is checked. */
export function valuesAfter(root: Plain, edits: readonly Edit[]): Plain {
  return edits.map(toStep).reduce<Plain>(applyStep, root);
}

/** The part at a path; undefined if there is none. */
export function partAt(root: Plain, path: KeyPath): Plain | undefined {
  return path.reduce<Plain | undefined>((part, step) => {
    if (isList(part) && typeof step === 'number') return part[step];
    return isSection(part) && Object.hasOwn(part, step) ? part[step] : undefined;
  }, root);
}

/** The steps of a path such as `proxies[0].port`. */
export function parsePath(path: KeyPath | string): KeyPath {
  if (typeof path !== 'string') return path;
  return [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([step, index]) => (index === undefined ? step : Number(index)));
}

/** An edit with its path in steps. */
type Step =
  | { readonly kind: 'set' | 'append'; readonly path: KeyPath; readonly value: Plain }
  | { readonly kind: 'remove'; readonly path: KeyPath };

function toStep(edit: Edit): Step {
  return { ...edit, path: parsePath(edit.path) };
}

function spliceOne(text: string, step: Step): string {
  const before = valueIn(text);
  const expected = applyStep(before, step);
  if (isDeepStrictEqual(before, expected)) return text;
  for (const edit of textEditsFor(text, step)) {
    const spliced = applyTextEdit(text, edit);
    const { value, findings } = readDocument(spliced);
    if (findings.length === 0 && isDeepStrictEqual(value, expected)) return spliced;
  }
  throw refuse(text, step.path, 'because of how the line is written, other keys would change with it');
}

function textEditsFor(text: string, step: Step): TextEdit[] {
  const source = readYamlSource(text);
  if (step.kind === 'remove') return editsToRemove(source, step.path);
  return editsToSet(source, step.path, step.value);
}

/** A text that is always written in quotes. */
const NEEDS_QUOTES = ' ';

/** Splits a step into smaller ones: a section or list that replaces another is changed key by key. */
function simplify(step: Step, root: Plain): Step[] {
  const { kind, path } = step;
  if (kind === 'remove') return [step];
  const before = partAt(root, path);
  if (kind === 'append')
    return [{ kind: 'set', path: [...path, isList(before) ? before.length : 0], value: step.value }];
  const { value } = step;
  // The check rejects an inline secret without quotes. Existing quotes stay, so a quoted text is set first.
  const schema = schemaAt(settingsSchema, path);
  const isInline = typeof value === 'string' && schema !== undefined && kindOf(schema) === 'secret';
  if (isInline && before !== NEEDS_QUOTES) return [{ kind, path, value: NEEDS_QUOTES }, step];
  if (isSection(before) && isSection(value) && Object.keys(before).length > 0) {
    const set = Object.entries(value).map(
      ([key, part]) => ({ kind: 'set', path: [...path, key], value: part }) as const,
    );
    const gone = Object.keys(before).filter((key) => !Object.hasOwn(value, key));
    return [
      ...set.flatMap((one) => simplify(one, root)),
      ...gone.map((key) => ({ kind: 'remove', path: [...path, key] }) as const),
    ];
  }
  if (!(isList(before) && isList(value) && before.length > 0)) return [step];
  const set = value.map((part, index) => ({ kind: 'set', path: [...path, index], value: part }) as const);
  const gone = before
    .slice(value.length)
    .map((_, index) => ({ kind: 'remove', path: [...path, value.length + index] }) as const);
  return [...set.flatMap((one) => simplify(one, root)), ...gone.reverse()];
}

/** The settings after the step. */
function applyStep(root: Plain, step: Step): Plain {
  if (step.kind !== 'append') return withPart(root, step.path, step.kind === 'set' ? step.value : undefined);
  const list = partAt(root, step.path);
  return withPart(root, step.path, [...(isList(list) ? list : []), step.value]);
}

function withPart(whole: Plain | undefined, path: KeyPath, part: Plain | undefined): Plain {
  const [step, ...deeper] = path;
  if (step === undefined) return part ?? null;
  const isLast = deeper.length === 0;
  if (typeof step === 'number') {
    const list = isList(whole) ? whole : [];
    if (isLast && part === undefined) return list.filter((_, index) => index !== step);
    if (part === undefined && step >= list.length) return whole ?? null;
    return list.toSpliced(step, 1, withPart(list[step], deeper, part));
  }
  const section = isSection(whole) ? whole : {};
  if (part === undefined && !Object.hasOwn(section, step)) return whole ?? null;
  const { [step]: inner, ...others } = section;
  return isLast && part === undefined ? others : { ...section, [step]: withPart(inner, deeper, part) };
}

function valueIn(text: string): Plain {
  return readDocument(text).value as Plain;
}

function readValid(text: string): ConfigDocument {
  const document = readDocument(text);
  const [first] = document.findings;
  if (first === undefined) return document;
  throw coded('CONFIG-EDIT', {
    key: keyName(first.path) === '' ? 'the file' : keyName(first.path),
    line: first.position.line,
    reason: 'this line already contains an error',
  });
}

function refuse(text: string, path: KeyPath, reason: string) {
  const document = readDocument(text);
  const places = path.map((_, index) => document.keyAt(keyName(path.slice(0, path.length - index))));
  const line = places.find((place) => place !== null)?.line ?? 1;
  return coded('CONFIG-EDIT', { key: keyName(path), line, reason });
}
