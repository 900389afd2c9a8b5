// Validates plain data against the schema. Each error says what was found, what is allowed, and what was probably
// meant. No error repeats the value of a secret or of an unknown key. Pure.

import type { z } from 'zod';
import { type Finding, type KeyPath, keyName } from '#config/problem.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { keyFactsAt, keysOf, schemaAt } from '#config/tree.ts';
import { suggestChoice, suggestKey, suggestNumber } from '#config/values/hints.ts';
import { applyRules } from '#redaction/rules.ts';
import { FORMAT_HISTORY } from './renamed.ts';

type Issue = z.core.$ZodIssue;

/** Longer values are shortened, in characters. */
const MAX_SHOWN_LENGTH = 60;

/** Every error that the schema finds. */
export function validate(value: unknown): Finding[] {
  const { error } = settingsSchema.safeParse(value);
  return (error?.issues ?? []).flatMap((issue) => findingsOf(issue, value));
}

function findingsOf(issue: Issue, root: unknown): Finding[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'unrecognized_keys') return unknownKeys(path, issue.keys);
  const value = valueAt(root, path);
  if (value === undefined && issue.code !== 'custom') return [missingKey(path)];
  if (issue.code === 'invalid_union' && !isSecretPath(path)) {
    // If the value has the type of one of the allowed forms, only the errors inside that form are of interest.
    const inner = issue.errors.find((issues) => issues.every(({ path: [first] }) => first !== undefined)) ?? [];
    if (inner.length > 0) return inner.flatMap((one) => findingsOf({ ...one, path: [...path, ...one.path] }, root));
  }
  return [wrongValue(issue, path, value)];
}

function wrongValue(issue: Issue, path: KeyPath, value: unknown): Finding {
  const { allowed = '' } = keyFactsAt(settingsSchema, path) ?? {};
  const meant = suggestionFor(issue, path, value);
  return {
    path,
    severity: 'error',
    at: issue.code === 'invalid_key' ? 'key' : 'value',
    found: issue.code === 'invalid_key' ? '' : foundIn(issue, path, value),
    allowed,
    ...(meant === undefined ? {} : { didYouMean: meant }),
    message: messageOf(issue, path, value),
  };
}

/** What was probably meant; undefined for secrets. */
function suggestionFor(issue: Issue, path: KeyPath, value: unknown): string | undefined {
  if (typeof value !== 'string' || isSecretPath(path)) return undefined;
  if (issue.code === 'invalid_value') return suggestChoice(String(path.at(-1)), value, issue.values.map(String));
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.expected === 'boolean') return /^(?:true|false)$/.test(value) ? `${value}, without quotes` : undefined;
  if (!isNumeric(issue.expected)) return undefined;
  const number = suggestNumber(value, keyFactsAt(settingsSchema, path)?.unit ?? null);
  if (number === undefined) return undefined;
  return /[a-z]/i.test(value) ? String(number) : `${number}, without quotes`;
}

function isNumeric(expected: string): boolean {
  return expected === 'number' || expected === 'int';
}

/** Text that would be a number or a switch without its quotes. */
const QUOTED = /^(?:\d+|true|false)$/;

/** The found value; with its quotes if they are the error. */
function foundIn(issue: Issue, path: KeyPath, value: unknown): string {
  const found = describeFound(path, value);
  const isQuoted = issue.code === 'invalid_type' && (isNumeric(issue.expected) || issue.expected === 'boolean');
  return isQuoted && typeof value === 'string' && QUOTED.test(value) && !isSecretPath(path) ? `"${found}"` : found;
}

function messageOf(issue: Issue, path: KeyPath, value: unknown): string {
  if (issue.code === 'custom') return issue.message;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? 'This name is not allowed here.';
  if (issue.code === 'invalid_value') return 'This is not one of the allowed values.';
  if (issue.code === 'too_big' && issue.origin === 'array')
    return `The list has too many entries; the limit is ${issue.maximum}.`;
  const outOfRange = issue.code === 'too_small' || issue.code === 'too_big';
  if (outOfRange) return `Out of range; must be ${keyFactsAt(settingsSchema, path)?.allowed ?? 'smaller or larger'}.`;
  if (value === null) return 'This key has no value. Set one, or remove the key.';
  return typeMessage(issue, path, value);
}

function typeMessage(issue: Issue, path: KeyPath, value: unknown): string {
  if (isSecretPath(path) && typeof value !== 'object')
    return 'Put the value in quotes. Without quotes, YAML does not read it as text.';
  if (isSecretPath(path)) return 'This is not a valid way to write a secret.';
  if (issue.code === 'invalid_union') {
    const words = issue.errors.flatMap(([first]) => (first?.code === 'invalid_type' ? typeWord(first.expected) : []));
    const isText = typeof value !== 'object' && words.includes('text');
    return `This must be ${words.join(' or ')}${isText ? '. Put it in quotes.' : '.'}`;
  }
  if (issue.code !== 'invalid_type') return 'This value is not valid here.';
  if (issue.expected === 'string' && typeof value !== 'object') return 'This must be text. Put it in quotes.';
  return `This must be ${typeWord(issue.expected)}.`;
}

function typeWord(expected: string): string {
  return TYPE_WORDS[expected] ?? expected;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list, with a dash before each entry',
  object: 'a section with its own keys',
  record: 'a section of names and values',
};

/** Unknown keys. One wrongly indented line moves all lines below it, so only the first of them is reported. */
function unknownKeys(parent: KeyPath, keys: readonly string[]): Finding[] {
  const homes: (SectionOfKey | undefined)[] = [];
  for (const key of keys) homes.push(sectionFor(key, homes.at(-1)?.section));
  return keys.flatMap((key, index) => {
    const home = homes[index];
    // A misplaced section moves its own keys, so these are not reported.
    if (home !== undefined && keys.slice(0, index).includes(home.section)) return [];
    if (home === undefined || homes.findIndex((other) => other?.section === home.section) === index) {
      const moved = home === undefined ? 0 : homes.filter((other) => other?.section === home.section).length - 1;
      return [unknownKey([...parent, key], home, moved)];
    }
    return [];
  });
}

function unknownKey(path: KeyPath, home: SectionOfKey | undefined, moved: number): Finding {
  const key = String(path.at(-1));
  const siblings = keysOf(schemaAt(settingsSchema, path.slice(0, -1)));
  const meant = home?.name ?? suggestKey(key, siblings);
  const others = moved === 0 ? '' : ` and of ${moved} more ${moved === 1 ? 'line' : 'lines'}`;
  const renamed = FORMAT_HISTORY.renamed.filter(({ from }) => from[0] === key && path.length === 1);
  if (renamed.length > 0) {
    const names = renamed.map(({ from, to }) => `${keyName(from)} is now ${keyName(to)}`);
    const message = `Format version ${FORMAT_HISTORY.version} has no ${key}: ${names.join(', ')}.`;
    return { path, severity: 'error', at: 'key', found: '', allowed: '', message };
  }
  return {
    path,
    severity: 'error',
    at: 'key',
    found: '',
    allowed: siblings.join(', '),
    ...(meant === undefined ? {} : { didYouMean: meant }),
    ...(home === undefined ? {} : { isMisplaced: true }),
    message: `Unknown key.${home === undefined ? '' : ` Check the indentation of this line${others}.`}`,
  };
}

/** The place where a misplaced key belongs. */
interface SectionOfKey {
  /** A section at the left margin; the key itself if it belongs there. */
  readonly section: string;
  readonly name: string;
}

/**
 * The place of a key that belongs one level up or down; undefined without such a place, or with several. Of several, the
 * section of the line above is the likely one.
 */
function sectionFor(key: string, above: string | undefined): SectionOfKey | undefined {
  const roots = keysOf(settingsSchema);
  if (roots.includes(key)) return { section: key, name: `${key}, at the left margin` };
  const sections = roots.filter((root) => keysOf(schemaAt(settingsSchema, [root])).includes(key));
  const section = sections.length > 1 ? sections.find((one) => one === above) : sections[0];
  if (section !== undefined) return { section, name: `${section}.${key}` };
  if (sections.length > 1) return undefined;
  const lists = roots.filter((root) => keysOf(schemaAt(settingsSchema, [root, 0])).includes(key));
  const [list] = lists;
  return list !== undefined && lists.length === 1 ? { section: list, name: `${list}[0].${key}` } : undefined;
}

function missingKey(path: KeyPath): Finding {
  const allowed = keyFactsAt(settingsSchema, path)?.allowed ?? '';
  const key = String(path.at(-1));
  return { path, severity: 'error', at: 'key', found: 'nothing', allowed, message: `The key ${key} is missing.` };
}

/** The value that was found: only its type for a secret, otherwise the text, shortened, without user and password. */
export function describeFound(path: KeyPath, value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list with ${value.length} ${value.length === 1 ? 'entry' : 'entries'}`;
  if (typeof value === 'object') {
    const count = Object.keys(value).length;
    return `a section with ${count} ${count === 1 ? 'key' : 'keys'}`;
  }
  if (isSecretPath(path)) return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
  // The text before the last @ may be user and password, even without a scheme.
  const text = applyRules(String(value).replace(/^([a-z][a-z0-9+.-]*:\/\/)?.+@/is, '$1***@'));
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}

function isSecretPath(path: KeyPath): boolean {
  return keyFactsAt(settingsSchema, path)?.secret === true;
}

function valueAt(root: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, step)
        ? (value as Readonly<Record<string | number, unknown>>)[step]
        : undefined,
    root,
  );
}
