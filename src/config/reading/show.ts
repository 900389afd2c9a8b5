// The rows of `config show`: every key with its effective value and its source. Secrets are shown as `***`. Pure.

import { z } from 'zod';
import { type KeyPath, keyName } from '#config/problem.ts';
import { kindOf, type Setter, unwrap } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { keyFactsAt } from '#config/tree.ts';
import { MASK } from '#redaction/secret.ts';
import type { LoadedSettings } from './load.ts';

/** One key. */
export interface ExplainedKey {
  /** Such as `proxies[0].port`. */
  readonly key: string;
  /** Ready for JSON; null if the key is not set and has no default. */
  readonly value: string | number | boolean | readonly string[] | null;
  readonly source: 'default' | 'file';
  /** Line of the key in the file; null if it is not there. */
  readonly line: number | null;
  /** Who may set it from a menu or console. */
  readonly setBy: Setter;
}

/** Every key, in the order of the schema. */
export function explainSettings(loaded: Pick<LoadedSettings, 'settings' | 'version' | 'lineOf'>): ExplainedKey[] {
  return explain(settingsSchema, { ...loaded.settings, version: loaded.version }, []).map(({ path, value }) => {
    const key = keyName(path);
    const line = loaded.lineOf(key)?.line ?? null;
    const setBy = keyFactsAt(settingsSchema, path)?.setBy ?? 'root';
    return { key, value, source: line === null ? 'default' : 'file', line, setBy };
  });
}

interface Leaf {
  readonly path: KeyPath;
  readonly value: ExplainedKey['value'];
}

function explain(schema: z.ZodType, value: unknown, path: KeyPath): Leaf[] {
  const inner = unwrap(schema);
  if (value === undefined) return [{ path, value: null }];
  if (kindOf(inner) === 'secret') return [{ path, value: MASK }];
  if (inner instanceof z.ZodObject) {
    const shape = inner.shape as Readonly<Record<string, z.ZodType>>;
    return Object.entries(shape).flatMap(([key, part]) => explain(part, property(value, key), [...path, key]));
  }
  if (inner instanceof z.ZodRecord)
    return explainEach(inner.valueType as z.ZodType, Object.entries(value as object), path);
  const element = inner instanceof z.ZodArray ? (inner.element as z.ZodType) : undefined;
  if (element instanceof z.ZodObject) return explainEach(element, [...(value as unknown[]).entries()], path);
  return [{ path, value: value as ExplainedKey['value'] }];
}

/** The rows of a list or record. An empty one is a single row. */
function explainEach(schema: z.ZodType, entries: [string | number, unknown][], path: KeyPath): Leaf[] {
  if (entries.length === 0) return [{ path, value: [] }];
  return entries.flatMap(([step, part]) => explain(schema, part, [...path, step]));
}

function property(value: unknown, key: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[key];
}
