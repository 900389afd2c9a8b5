// Lists all keys in the order of the schema, for the generated files and for tests of every key.

import { z } from 'zod';
import { factsOf, type KeyFacts, unwrap } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';

/** A section, or a single key at the left margin. */
export interface KeyGroup {
  /** `updates`; empty for the keys at the left margin. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly keys: readonly ListedKey[];
}

/** A key with all facts about it. */
export interface ListedKey {
  /** The name, such as `updates.feed_url` or `proxies[].port`. */
  readonly name: string;
  readonly schema: z.ZodType;
  /** Undefined if `describeKey` was forgotten; a test prevents that. */
  readonly facts: KeyFacts | undefined;
  /** The default; undefined if the schema has none. */
  readonly fallback: unknown;
  /** The keys of the entries of a list, or of an object that is one value. */
  readonly inner: readonly ListedKey[];
}

/** The keys and sections of the root, in order. */
export function listGroups(): KeyGroup[] {
  return Object.entries(shapeOf(settingsSchema)).map(([name, schema]) => {
    if (factsOf(schema) !== undefined) {
      return { name: '', title: '', description: '', keys: [listKey(name, schema)] };
    }
    const meta = schema.meta();
    const keys = Object.entries(shapeOf(unwrap(schema))).map(([key, part]) => listKey(`${name}.${key}`, part));
    return { name, title: String(meta?.title ?? ''), description: String(meta?.description ?? ''), keys };
  });
}

/** Every key, each followed by the keys inside it. */
export function listKeys(): ListedKey[] {
  return listGroups().flatMap(({ keys }) => keys.flatMap(withInner));
}

/** A key, followed by the keys inside it. */
export function withInner(key: ListedKey): ListedKey[] {
  return [key, ...key.inner.flatMap(withInner)];
}

function listKey(name: string, schema: z.ZodType): ListedKey {
  const parsed = schema.safeParse(undefined);
  const isList = unwrap(schema) instanceof z.ZodArray;
  const innerShape = isList
    ? shapeOf(unwrap((unwrap(schema) as z.ZodArray).element as z.ZodType))
    : shapeOf(unwrap(schema));
  return {
    name,
    schema,
    facts: factsOf(schema),
    fallback: parsed.success ? parsed.data : undefined,
    inner: Object.entries(innerShape).map(([key, part]) => listKey(`${name}${isList ? '[]' : ''}.${key}`, part)),
  };
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  return schema instanceof z.ZodObject ? schema.shape : {};
}
