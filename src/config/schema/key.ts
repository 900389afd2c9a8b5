// Defines a key of the configuration: its zod schema and all facts about it (principle 5).
//
// Types, validation, the JSON schema, the example, the reference page and `config show` are derived from these facts.
// The facts are stored in the metadata of zod. Facts that JSON Schema does not define are named `x-...`. zod keeps
// metadata for one schema object, so `describeKey` must be the last call on it.

import { z } from 'zod';

/** When a changed value takes effect: at once, with the next transfer, or after a restart of the daemon. */
export type Effect = 'now' | 'next_transfer' | 'restart';
export const EFFECT_WORDS: Readonly<Record<Effect, string>> = {
  now: 'at once',
  next_transfer: 'with the next transfer',
  restart: 'after a restart',
};

/** Who may set a key from a menu or console; root for commands, paths, secret sources, CAs, endpoints and listeners. */
export type Setter = 'operator' | 'admin' | 'root';

/** All facts about a key. */
export interface KeyFacts {
  readonly title: string;
  /** Plain sentences. */
  readonly description: string;
  /** `ms`, `seconds`, `bytes`, ...; null if the value has no unit. */
  readonly unit: string | null;
  readonly secret: boolean;
  readonly effect: Effect;
  readonly setBy: Setter;
  /** The allowed values, in words; derived from the schema if that is a range, a choice or a switch. */
  readonly allowed: string;
  /** The meaning of an absent key whose schema has no default; null for required keys and keys with a default. */
  readonly absent: string | null;
  /** An example value, for a key whose default does not show how to write it; undefined otherwise. */
  readonly example: unknown;
}

type GivenFacts = Omit<KeyFacts, 'unit' | 'secret' | 'allowed' | 'absent' | 'example'> &
  Partial<Pick<KeyFacts, 'unit' | 'secret' | 'allowed' | 'absent' | 'example'>>;

/** Attaches the facts to the schema of a key. */
export function describeKey<S extends z.ZodType>(schema: S, facts: GivenFacts): S {
  return schema.meta({
    title: facts.title,
    description: facts.description,
    ...(facts.unit == null ? {} : { 'x-unit': facts.unit }),
    'x-secret': facts.secret ?? false,
    'x-takes-effect': facts.effect,
    'x-set-by': facts.setBy,
    'x-allowed': facts.allowed ?? allowedBy(unwrap(schema)),
    ...(facts.absent == null ? {} : { 'x-absent': facts.absent }),
    ...(facts.example === undefined ? {} : { examples: [facts.example] }),
  });
}

/** The facts of a key; undefined for a schema that is not a key (a section, an element of a list). */
export function factsOf(schema: z.ZodType): KeyFacts | undefined {
  const meta = schema.meta();
  if (meta?.['x-allowed'] === undefined) return undefined;
  return {
    title: String(meta.title),
    description: String(meta.description),
    unit: (meta['x-unit'] as string | undefined) ?? null,
    secret: meta['x-secret'] === true,
    effect: meta['x-takes-effect'] as Effect,
    setBy: meta['x-set-by'] as Setter,
    allowed: String(meta['x-allowed']),
    absent: (meta['x-absent'] as string | undefined) ?? null,
    example: (meta['examples'] as readonly unknown[] | undefined)?.[0],
  };
}

/** A section: an object that rejects unknown keys. An absent section is the same as an empty one. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape, title: string, description: string) {
  return z
    .strictObject(shape)
    .prefault({} as never)
    .meta({ title, description });
}

/** A whole number in a range. */
export function wholeNumber(min: number, max: number) {
  return z.int().min(min).max(max);
}

/** A text that `validate` accepts: it returns null, or one sentence that says what is wrong. */
export function validatedText(validate: (text: string) => string | null) {
  return z.string().superRefine((text, context) => {
    const wrong = validate(text);
    if (wrong !== null) context.addIssue({ code: 'custom', message: wrong });
  });
}

/** A leaf that needs its own treatment: paths are made absolute, files are also watched, secrets are resolved. */
export type LeafKind = 'path' | 'file' | 'secret';

/** Marks a schema as a kind of leaf. Keys that are made from it inherit the mark. */
export function markKind<S extends z.ZodType>(schema: S, kind: LeafKind): S {
  return schema.meta({ 'x-kind': kind });
}

/** The kind of a leaf; undefined if it needs no special treatment. */
export function kindOf(schema: z.ZodType): LeafKind | undefined {
  return unwrap(schema).meta()?.['x-kind'] as LeafKind | undefined;
}

/** The schema inside optional, default and prefault. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

function allowedBy(schema: z.ZodType): string {
  if (schema instanceof z.ZodNumber) return `${schema.minValue} to ${schema.maxValue}`;
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodEnum) return schema.options.join(', ');
  if (schema instanceof z.ZodLiteral) return [...schema.values].join(', ');
  throw new TypeError('A key whose schema is neither a range, a switch nor a choice says in words what is allowed.');
}
