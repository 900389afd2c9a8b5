// Visits every value of the settings together with the definition of its key, for code that treats all keys in the same
// way. Pure.

import { z } from 'zod';
import type { KeyPath } from './problem.ts';
import { factsOf, type KeyFacts, unwrap } from './schema/key.ts';

/** The schema at a path, or undefined where there is none. */
export function schemaAt(root: z.ZodType, path: KeyPath): z.ZodType | undefined {
  let schema: z.ZodType | undefined = root;
  for (const step of path) {
    schema = schema === undefined ? undefined : childOf(schema, step);
  }
  return schema;
}

/** The facts of the key at a path, or of the nearest key above it. */
export function keyFactsAt(root: z.ZodType, path: KeyPath): KeyFacts | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const schema = schemaAt(root, path.slice(0, length));
    const facts = schema === undefined ? undefined : factsOf(schema);
    if (facts !== undefined) return facts;
  }
  return undefined;
}

/** Names of the keys that an object schema knows. */
export function keysOf(schema: z.ZodType | undefined): readonly string[] {
  const inner = schema === undefined ? undefined : unwrap(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** Replaces every value that is not an object, list or record according to its schema. Absent keys stay absent. */
export function mapLeaves(
  schema: z.ZodType,
  value: unknown,
  replace: (leaf: unknown, schema: z.ZodType, path: KeyPath) => unknown,
  path: KeyPath = [],
): unknown {
  const inner = unwrap(schema);
  const entries = entriesOf(inner, value);
  if (entries === null) return value === undefined ? undefined : replace(value, inner, path);
  const replaced = entries
    .map(([step, part]) => [step, mapLeaves(childOf(inner, step) ?? inner, part, replace, [...path, step])] as const)
    .filter(([, part]) => part !== undefined);
  return Array.isArray(value) ? replaced.map(([, part]) => part) : Object.fromEntries(replaced);
}

/** The valid part of a value, with defaults filled in, so that rules between keys run even if some keys are invalid. */
export function salvage(schema: z.ZodType, value: unknown): unknown {
  const inner = unwrap(schema);
  const container = inner instanceof z.ZodObject && value === undefined && inner !== schema ? {} : value;
  if (inner instanceof z.ZodObject && isPlain(container)) {
    const shape = inner.shape as Readonly<Record<string, z.ZodType>>;
    const parts = Object.entries(shape).map(([key, part]) => [key, salvageKey(part, container[key])] as const);
    return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
  }
  if (inner instanceof z.ZodArray && Array.isArray(container)) {
    return container.map((element) => salvage(inner.element as z.ZodType, element));
  }
  const parsed = schema.safeParse(container);
  return parsed.success ? parsed.data : undefined;
}

/** An absent optional object stays absent; an absent section gets its defaults. */
function salvageKey(schema: z.ZodType, value: unknown): unknown {
  return value === undefined && schema instanceof z.ZodOptional ? undefined : salvage(schema, value);
}

function childOf(schema: z.ZodType, step: string | number): z.ZodType | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return inner.element as z.ZodType;
  if (inner instanceof z.ZodRecord) return inner.valueType as z.ZodType;
  if (!(inner instanceof z.ZodObject) || !Object.hasOwn(inner.shape, step)) return undefined;
  return (inner.shape as Readonly<Record<string, z.ZodType>>)[step];
}

function entriesOf(schema: z.ZodType, value: unknown): [string | number, unknown][] | null {
  if (schema instanceof z.ZodArray && Array.isArray(value)) return value.map((part, index) => [index, part]);
  const isContainer = schema instanceof z.ZodObject || schema instanceof z.ZodRecord;
  return isContainer && isPlain(value) ? Object.entries(value) : null;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
