// How a key of the configuration is defined: its zod schema together with all that is told about it (principle 5).
//
// Types, validation, the JSON schema, the example, the reference page and `config show` are made from these facts and
// from nothing else. The facts travel in zod's own metadata, those that JSON Schema does not know as `x-...`. They
// belong to one schema object: `describeKey` is the last call on it.

import { z } from 'zod';

/** When a changed value is used: at once, with the next transfer, or after a restart of the daemon. */
export type Effect = 'now' | 'next_transfer' | 'restart';

/** Who may set a key from a menu or console; commands, paths, secret sources, CAs, endpoints, listeners are root's. */
export type Setter = 'operator' | 'admin' | 'root';

/** Everything that is told about a key. */
export interface KeyFacts {
  readonly title: string;
  /** Plain sentences. */
  readonly description: string;
  /** `ms`, `seconds`, `bytes`, ...; null where the value has none. */
  readonly unit: string | null;
  readonly secret: boolean;
  readonly effect: Effect;
  readonly setBy: Setter;
  /** What may be written, in words; where the schema is a range, a choice or a switch it says so by itself. */
  readonly allowed: string;
  /** What holds when the key is absent and its schema has no default. */
  readonly absent: string | null;
  /** What to show where the default is nothing to learn from; undefined where it is. */
  readonly example: unknown;
}

type GivenFacts = Omit<KeyFacts, 'unit' | 'secret' | 'allowed' | 'absent' | 'example'> &
  Partial<Pick<KeyFacts, 'unit' | 'secret' | 'allowed' | 'absent' | 'example'>>;

/** Ties the facts to the schema of a key. */
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

/** A section: an object that knows each of its keys, and that is the same absent as empty. */
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

/** A text that a judge finds nothing wrong with; the judge says what is wrong in one sentence. */
export function validatedText(validate: (text: string) => string | null) {
  return z.string().superRefine((text, context) => {
    const wrong = validate(text);
    if (wrong !== null) context.addIssue({ code: 'custom', message: wrong });
  });
}

/** What kind of leaf a schema is, where it is treated apart: paths are made absolute, files watched, secrets resolved. */
export type LeafKind = 'path' | 'file' | 'secret';

/** Marks a schema as a kind of leaf; keys made from it inherit the mark. */
export function markKind<S extends z.ZodType>(schema: S, kind: LeafKind): S {
  return schema.meta({ 'x-kind': kind });
}

/** The kind of a leaf, if it has one. */
export function kindOf(schema: z.ZodType): LeafKind | undefined {
  return unwrap(schema).meta()?.['x-kind'] as LeafKind | undefined;
}

/** What lies under optional, default and prefault. */
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
