// Checks plain data against the schema and says each mistake in our words: what was found, what is allowed, what was
// probably meant. Never repeats the value of a secret, nor that of a key it does not know. Pure.

import type { z } from 'zod';
import { applyRules } from '#redaction/rules.ts';
import type { Finding, KeyPath } from './problem.ts';
import { settingsSchema } from './schema/settings.ts';
import { suggest } from './suggest.ts';
import { factsAt, keysOf, schemaAt } from './tree.ts';

type Issue = z.core.$ZodIssue;

/** Longest text of a value that is shown. */
const LONGEST_SHOWN = 60;

/** Every mistake that the schema knows of. */
export function validate(value: unknown): Finding[] {
  const { error } = settingsSchema.safeParse(value);
  return (error?.issues ?? []).flatMap((issue) => findingsOf(issue, value));
}

function findingsOf(issue: Issue, root: unknown): Finding[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key]));
  }
  const value = valueAt(root, path);
  if (value === undefined && issue.code !== 'custom') return [missingKey(path)];
  if (issue.code === 'invalid_union' && !isSecretPath(path)) {
    // Of the forms of a key, the one whose type it has: its mistakes are further in.
    const inner = issue.errors.find((issues) => issues.every(({ path: [first] }) => first !== undefined)) ?? [];
    if (inner.length > 0) return inner.flatMap((one) => findingsOf({ ...one, path: [...path, ...one.path] }, root));
  }
  return [wrongValue(issue, path, value)];
}

function wrongValue(issue: Issue, path: KeyPath, value: unknown): Finding {
  const allowed = factsAt(settingsSchema, path)?.allowed ?? '';
  const meant =
    issue.code === 'invalid_value' && typeof value === 'string' ? suggest(value, issue.values.map(String)) : undefined;
  return {
    path,
    severity: 'error',
    at: issue.code === 'invalid_key' ? 'key' : 'value',
    found: issue.code === 'invalid_key' ? '' : describeFound(path, value),
    allowed,
    ...(meant === undefined ? {} : { didYouMean: meant }),
    message: messageOf(issue, path, value),
  };
}

function messageOf(issue: Issue, path: KeyPath, value: unknown): string {
  if (issue.code === 'custom') return issue.message;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? 'This name is not allowed here.';
  if (issue.code === 'invalid_value') return 'This is none of the choices.';
  if (issue.code === 'too_big' && issue.origin === 'array') return `The list has more than ${issue.maximum} entries.`;
  const outOfRange = issue.code === 'too_small' || issue.code === 'too_big';
  if (outOfRange) return `Out of range; it is ${factsAt(settingsSchema, path)?.allowed ?? 'too large or too small'}.`;
  if (value === null) return 'Nothing stands here; give a value, or take the key out.';
  return typeMessage(issue, path, value);
}

function typeMessage(issue: Issue, path: KeyPath, value: unknown): string {
  if (isSecretPath(path) && typeof value !== 'object')
    return 'Put the value in quotes: unquoted, YAML reads it as something else than text.';
  if (isSecretPath(path)) return 'This is not one of the ways to write a secret.';
  if (issue.code === 'invalid_union') {
    const words = issue.errors.flatMap(([first]) => (first?.code === 'invalid_type' ? typeWord(first.expected) : []));
    const isText = typeof value !== 'object' && words.includes('text');
    return `This must be ${words.join(' or ')}${isText ? '; put it in quotes.' : '.'}`;
  }
  if (issue.code !== 'invalid_type') return 'This is not what belongs here.';
  if (issue.expected === 'string' && typeof value !== 'object') return 'This must be text; put it in quotes.';
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
  array: 'a list, each entry with a dash',
  object: 'a section with keys of its own',
  record: 'a section of names and values',
};

function unknownKey(path: KeyPath): Finding {
  const key = String(path.at(-1));
  const siblings = keysOf(schemaAt(settingsSchema, path.slice(0, -1)));
  const meant = elsewhere(key) ?? suggest(key, siblings);
  return {
    path,
    severity: 'error',
    at: 'key',
    found: '',
    allowed: siblings.join(', '),
    ...(meant === undefined ? {} : { didYouMean: meant }),
    message: 'This key is not known here.',
  };
}

/** A key that exists, one level up or down from where it was written. */
function elsewhere(key: string): string | undefined {
  const roots = keysOf(settingsSchema);
  if (roots.includes(key)) return `${key}, at the left margin`;
  const sections = roots.filter((root) => keysOf(schemaAt(settingsSchema, [root])).includes(key));
  return sections.length === 1 ? `${sections[0]}.${key}` : undefined;
}

function missingKey(path: KeyPath): Finding {
  const allowed = factsAt(settingsSchema, path)?.allowed ?? '';
  const key = String(path.at(-1));
  return { path, severity: 'error', at: 'key', found: 'nothing', allowed, message: `The key ${key} is missing.` };
}

/** What stands there: the type alone for a secret, else the text, without user information, cut. */
export function describeFound(path: KeyPath, value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return `a section with ${Object.keys(value).length} keys`;
  if (isSecretPath(path)) return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
  // Up to the last @ it may be user and password, also where the scheme was forgotten.
  const text = applyRules(String(value).replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@'));
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

function isSecretPath(path: KeyPath): boolean {
  return factsAt(settingsSchema, path)?.secret === true;
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
