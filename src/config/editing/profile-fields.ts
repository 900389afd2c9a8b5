// Lists the fields of a proxy profile for forms and flags. They are derived from the schema, so a new key of the schema
// becomes a flag. Name, default and password are left out, because the callers handle them. Pure.

import { z } from 'zod';
import { validate } from '#config/reading/validate.ts';
import { crossCheck } from '#config/rules/cross-rules.ts';
import type { Salvaged } from '#config/rules/salvaged.ts';
import { factsOf, type KeyFacts, kindOf, unwrap } from '#config/schema/key.ts';
import { FORMAT_VERSION, settingsSchema } from '#config/schema/settings.ts';
import { salvage, schemaAt } from '#config/tree.ts';
import type { Plain } from './edit-render.ts';

/** One field. */
export interface ProfileField {
  /** Path inside the profile, such as `['port']`. */
  readonly path: readonly string[];
  /** The flag without leading dashes, such as `tunnel-http`. */
  readonly flag: string;
  readonly kind: 'text' | 'number' | 'switch' | 'list';
  readonly choices: readonly string[];
  readonly facts: KeyFacts;
  /** The default as text; empty if there is none. */
  readonly byDefault: string;
}

const PROFILE = ['proxies', 0] as const;
const APART: readonly string[] = ['name', 'default', 'password'];

/** Every field, in the order of the schema. */
export function profileFields(): ProfileField[] {
  const profile = schemaAt(settingsSchema, PROFILE);
  return profile === undefined ? [] : fieldsOf(profile, []).filter(({ path }) => !APART.includes(path.join('.')));
}

/** Parses the text that a person entered for a field. Invalid text is returned unchanged, for validation to reject. */
export function readField({ kind }: ProfileField, text: string): Plain {
  // As in the file, 0443 is 443.
  if (kind === 'number') return /^\d{1,15}$/.test(text) ? Number(text) : text;
  if (kind === 'switch') return { true: true, false: false }[text] ?? text;
  return kind === 'list' ? text.split(/[\s,]+/).filter((part) => part !== '') : text;
}

/** What is wrong with a value, in one sentence of the schema; null if it is valid. */
export function validateField(path: readonly string[], value: Plain): string | null {
  const nested = path.reduceRight<Plain>((inner, step) => ({ [step]: inner }), value) as Readonly<
    Record<string, Plain>
  >;
  const profile = { name: 'x', address: 'proxy.example.com', ...nested };
  const settings = { version: FORMAT_VERSION, proxies: [profile] };
  // The other rules between keys are checked with the whole file.
  const isAccount = path[0] === 'user' || path[0] === 'domain';
  const across = isAccount ? crossCheck(salvage(settingsSchema, settings) as Salvaged) : [];
  const findings = [...validate(settings), ...across].filter(({ severity }) => severity === 'error');
  const own = findings.find((finding) => [...PROFILE, ...path].every((step, index) => finding.path[index] === step));
  if (own === undefined) return null;
  return own.allowed === '' || own.message.includes(own.allowed)
    ? own.message
    : `${own.message} Allowed: ${own.allowed}.`;
}

function fieldsOf(schema: z.ZodType, path: readonly string[]): ProfileField[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as Readonly<Record<string, z.ZodType>>;
    return Object.entries(shape).flatMap(([key, part]) => fieldsOf(part, [...path, key]));
  }
  const facts = factsOf(schema);
  // A secret is never passed as an argument.
  if (facts === undefined || kindOf(schema) === 'secret') return [];
  return [
    {
      path,
      flag: flagOf(path),
      kind: kindOfField(inner),
      choices: inner instanceof z.ZodEnum ? inner.options.map(String) : [],
      facts,
      byDefault: schema instanceof z.ZodDefault ? String(schema.parse(undefined)) : '',
    },
  ];
}

/** `client_certificate.key_file` becomes client-certificate-key-file. A repeated word is written once. */
function flagOf(path: readonly string[]): string {
  const words = path.flatMap((key) => key.split('_'));
  return words.filter((word, index) => word !== words[index - 1]).join('-');
}

function kindOfField(inner: z.ZodType): ProfileField['kind'] {
  if (inner instanceof z.ZodNumber) return 'number';
  if (inner instanceof z.ZodBoolean) return 'switch';
  return inner instanceof z.ZodArray ? 'list' : 'text';
}
