// The JSON line: pino's own JSON, one object per line. The fields of the event are under `fields`, where their names
// cannot collide with ours.
//
// Guarantees: each line is valid JSON and safe to print. JSON allows C1 controls, bidi controls and U+2028 in strings,
// so they are escaped here. Long texts from outside are shortened. Relies on fields in which secrets are masked. The
// sentence of a failure is made from these fields and masked once more.

import { CodedError } from '#errors/coded-error.ts';
import { hopText, readHop } from '#errors/hop.ts';
import { type FieldValue, fillPieces } from '#errors/template.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';
import { type LogRecord, maskLine } from './record.ts';

/** Maximum length of a text in characters: enough for any path and URL (PATH_MAX is 4096), not for a page. */
const TEXT_LIMIT = 4_096;
/** Maximum number of items of a list, such as the reasons of a route. */
const LIST_LIMIT = 100;

/** What pino writes between `level` and `message`. */
export function jsonFields(record: LogRecord, known: SpanRedactor): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record.fields)) fields[name] = jsonValue(value, known);
  const stack = record.stack === undefined ? {} : { stack: record.stack };
  return { time: zonedTime(record.at), thread: record.thread, event: record.name, fields, ...stack };
}

/**
 * Escapes characters that JSON allows inside strings but a terminal interprets. They do not occur outside of strings.
 */
export function escapeJsonLine(line: string): string {
  return line.replaceAll(UNPRINTABLE, (character) => {
    let escaped = '';
    for (let unit = 0; unit < character.length; unit += 1) {
      escaped += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}

const UNPRINTABLE = /[^\n \p{L}\p{M}\p{N}\p{P}\p{S}]|\p{Default_Ignorable_Code_Point}/gu;

function jsonValue(value: FieldValue, known: SpanRedactor): unknown {
  if (typeof value === 'string') return cut(value);
  if (value instanceof CodedError) {
    const { text, check } = value.entry;
    const sentence = (template: string) => maskLine(fillPieces(template, value.facts), known);
    return {
      code: value.code,
      message: sentence(text),
      check: sentence(check),
      hop: value.hop === null ? null : cut(value.hop),
    };
  }
  if (Array.isArray(value)) return value.slice(0, LIST_LIMIT).map(cut);
  const hop = readHop(value);
  return hop === null ? value : cut(hopText(hop));
}

function cut(text: string): string {
  return text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT - 1)}…` : text;
}

/** RFC 3339 with the zone of this host: `2026-11-20T00:04:10.123+01:00`. */
function zonedTime(epochMs: number): string {
  const east = -new Date(epochMs).getTimezoneOffset();
  const local = utcTime(epochMs + east * 60_000).slice(0, -1);
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.abs(east);
  return `${local}${east < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
