// Finds a key that a person named, and reads the value that a person wrote for it. Pure.
//
// Guarantees: the key exists in the schema, and its path leads to one value, never to a section. The value has the type
// that the schema expects if the text allows it; otherwise it stays text, which the check of the file then rejects.

import { z } from 'zod';
import { type KeyPath, keyName } from '#config/problem.ts';
import { unwrap } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { keysOf, schemaAt } from '#config/tree.ts';
import { suggest } from '#config/values/suggest.ts';
import { coded } from '#errors/coded-error.ts';
import { parsePath } from './edit.ts';
import { isList, isSection, type Plain } from './edit-render.ts';

/** A key of the schema. */
export interface FoundKey {
  readonly path: KeyPath;
  readonly schema: z.ZodType;
}

/**
 * Finds a key such as `updates.parallel` or `proxies[0].port`. An entry of a list can also be named by its `name`:
 * `proxies.corp.port`.
 * @throws CodedError KEY-UNKNOWN
 */
export function findKey(settings: unknown, text: string): FoundKey {
  const path: (string | number)[] = [];
  let part: unknown = settings;
  for (const step of parsePath(text)) {
    const schema = schemaAt(settingsSchema, path);
    const at = schema === undefined ? step : stepIn(unwrap(schema), part, step);
    if (at === null || schemaAt(settingsSchema, [...path, at]) === undefined)
      throw unknown(text, { path, schema, step });
    path.push(at);
    part = (part as Readonly<Record<string | number, unknown>> | undefined)?.[at];
  }
  const schema = schemaAt(settingsSchema, path);
  if (path.length === 0 || schema === undefined) throw unknown(text, { path, schema: settingsSchema, step: '' });
  if (isSectionSchema(schema)) {
    const example = keysOf(schema)[0];
    throw coded('KEY-UNKNOWN', {
      key: text,
      reason: `it is a section${example === undefined ? '' : ` with keys such as ${keyName([...path, example])}`}`,
    });
  }
  return { path, schema };
}

/** The index of a list entry that is named; null if there is none. Other steps stay as they are. */
function stepIn(schema: z.ZodType, part: unknown, step: string | number): string | number | null {
  if (!(schema instanceof z.ZodArray)) return typeof step === 'number' ? null : step;
  if (typeof step === 'number') return step;
  const entries = Array.isArray(part) ? (part as unknown[]) : [];
  const index = entries.findIndex((one) => isSection(one) && String(one['name']).toLowerCase() === step.toLowerCase());
  return index < 0 ? null : index;
}

function isSectionSchema(schema: z.ZodType): boolean {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject || inner instanceof z.ZodRecord) return true;
  return inner instanceof z.ZodArray && unwrap(inner.element as z.ZodType) instanceof z.ZodObject;
}

function unknown(
  key: string,
  {
    path,
    schema,
    step,
  }: { readonly path: KeyPath; readonly schema: z.ZodType | undefined; readonly step: string | number },
) {
  const meant = suggest(String(step), keysOf(schema));
  const whole = meant === undefined ? undefined : keyName([...path, meant]);
  const isEntry = unwrap(schema ?? settingsSchema) instanceof z.ZodArray;
  const reason = isEntry ? `${keyName(path)} is a list without the entry ${step}` : 'there is no such key';
  return coded('KEY-UNKNOWN', { key, reason: whole === undefined ? reason : `${reason}. Did you mean ${whole}?` });
}

/** The value that the schema accepts, or the text itself. Several words are a list, or one text with spaces. */
export function readValue(schema: z.ZodType, [text, ...others]: readonly [string, ...string[]]): Plain {
  const inner = unwrap(schema);
  const all = [text, ...others];
  if (others.length > 0) return schema.safeParse(all).success ? all : all.join(' ');
  const readings = [
    asJson(text),
    asScalar(text),
    text,
    text === '' ? [] : text.split(/[\s,]+/).filter((one) => one !== ''),
  ];
  const fits = readings.find((one) => one !== undefined && schema.safeParse(one).success);
  if (fits !== undefined) return fits;
  return inner instanceof z.ZodNumber ? (asScalar(text) ?? text) : text;
}

/** As in the file, 0443 is 443. */
function asScalar(text: string): Plain | undefined {
  if (/^-?\d{1,15}(?:\.\d{1,9})?$/.test(text)) return Number(text);
  return { true: true, false: false }[text];
}

/** A list or an object in JSON. */
function asJson(text: string): Plain | undefined {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isList(value) || isSection(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
