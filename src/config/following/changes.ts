// Finds the keys in which two versions of the settings differ, and when each change takes effect: now, for the next
// transfer, or after a restart. Pure.
//
// A proxy profile or list item that only one version has counts as one change, such as `proxies[1]`, and not as one for
// each of its keys. Secrets are compared but never shown.

import { z } from 'zod';
import { type KeyPath, keyName } from '#config/problem.ts';
import { type Effect, unwrap } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import type { Settings } from '#config/settings.ts';
import { keyFactsAt } from '#config/tree.ts';
import { Secret } from '#redaction/secret.ts';

/** A key that changed. */
export interface KeyChange {
  /** Such as `proxies[0].port`. */
  readonly key: string;
  readonly effect: Effect;
}

/** Every change, in the order of the schema. */
export function changesBetween(from: Settings, to: Settings): KeyChange[] {
  return differences(settingsSchema, from, to, []).map((path) => ({ key: keyName(path), effect: effectOf(path) }));
}

/** The changes of the keys in `taken`. A name includes the keys below it: `proxies` includes `proxies[0].port`. */
export function changesOf(from: Settings | null, to: Settings, taken: Readonly<Record<string, Effect>>): KeyChange[] {
  if (from === null) return [];
  return changesBetween(from, to).flatMap(({ key }) => {
    const takers = Object.entries(taken).filter(
      ([name]) => key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`),
    );
    // The most specific name decides, in whichever order they are listed.
    const [taker] = takers.toSorted(([one], [other]) => other.length - one.length);
    return taker === undefined ? [] : [{ key, effect: taker[1] }];
  });
}

/** The new settings, with the active values of the keys that need a restart: no part of such a change applies early. */
export function heldUntilRestart(current: Settings, to: Settings): Settings {
  return hold(settingsSchema, current, to, []) as Settings;
}

type Tree = Readonly<Record<string | number, unknown>>;

function differences(schema: z.ZodType, from: unknown, to: unknown, path: KeyPath): KeyPath[] {
  const inner = unwrap(schema);
  if (from === undefined || to === undefined) return from === to ? [] : [path];
  const parts = partsOf(inner, from, to);
  if (parts === null) return isSame(from, to) ? [] : [path];
  return parts.flatMap(([step, part]) => differences(part, (from as Tree)[step], (to as Tree)[step], [...path, step]));
}

/** The parts to compare: of sections, records and lists of profiles. Null for one value; a list of words is one. */
function partsOf(schema: z.ZodType, from: unknown, to: unknown): [string | number, z.ZodType][] | null {
  if (from instanceof Secret || to instanceof Secret) return null;
  if (schema instanceof z.ZodObject) return Object.entries(schema.shape);
  if (schema instanceof z.ZodRecord) {
    const names = new Set([...Object.keys(from as object), ...Object.keys(to as object)]);
    return [...names].map((name) => [name, schema.valueType as z.ZodType]);
  }
  if (!(schema instanceof z.ZodArray) || !(schema.element instanceof z.ZodObject)) return null;
  const { element } = schema;
  const maxLength = Math.max((from as unknown[]).length, (to as unknown[]).length);
  return Array.from({ length: maxLength }, (_none, index) => [index, element]);
}

function isSame(from: unknown, to: unknown): boolean {
  if (from instanceof Secret && to instanceof Secret) return from.equals(to);
  return JSON.stringify(from) === JSON.stringify(to);
}

function effectOf(path: KeyPath): Effect {
  return keyFactsAt(settingsSchema, path)?.effect ?? 'restart';
}

/** Descends into sections only, because no key inside a list or a record needs a restart on its own. */
function hold(schema: z.ZodType, current: unknown, to: unknown, path: KeyPath): unknown {
  const inner = unwrap(schema);
  const isSection = inner instanceof z.ZodObject && keyFactsAt(settingsSchema, path) === undefined;
  if (!isSection) return effectOf(path) === 'restart' ? current : to;
  const shape = inner.shape as Readonly<Record<string, z.ZodType>>;
  const parts = Object.entries(shape).map(
    ([key, part]) => [key, hold(part, (current as Tree)[key], (to as Tree)[key], [...path, key])] as const,
  );
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
}
