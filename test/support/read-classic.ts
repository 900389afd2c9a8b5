/**
 * Parses a classic log line with expressions made from the templates that wrote it. It knows only the forms of a shown value: a
 * token, quoted text, words, a failure. A line that parses as two events reveals a flaw in the formatter or two templates
 * that are too similar.
 */
import { PURPOSE_TABLE } from '#config/purposes.ts';
import { EVENTS, type EventName } from '#logging/events.ts';

export interface Reading {
  readonly atText: string;
  readonly level: string;
  readonly thread: string;
  readonly name: EventName;
  /** The placeholders as shown: quotes and escapes are still on. */
  readonly fields: Readonly<Record<string, string>>;
}

const HEAD = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) \[([A-Z]+)\] \[Thread: ([A-Za-z][A-Za-z ]*)\] /;
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const TOKEN = String.raw`[\w.~@%+/\\:;=?&#*$!-]+`;
const ITEM = `(?:${QUOTED}|${TOKEN})`;
const PLAIN = `(?:${ITEM}(?:, ${ITEM})*(?: and \\d+ more)?)`;
const WORDS = String.raw`(?:(?:${QUOTED}|[\w.~@%+/\\:;=?&#*$!'<>()[\], -])+)`;
const FAILURE = String.raw`(?:\[[A-Z][A-Z0-9-]*\] (?:${QUOTED}|[^"])+)`;
const FIGURE = String.raw`(?:-?[\w.+-]+ (?:bytes?|[KMGTP]B|ms|s|h|min)(?: \d+ (?:s|min))?)`;
const HOP = String.raw`(?:this host|proxy ${TOKEN} \([\w.:%[\]-]+\))`;
const VIA = String.raw`(?:(?:[\w-]+/)?[\d.]+ [\w.:[\]-]+(?:, (?:[\w-]+/)?[\d.]+ [\w.:[\]-]+)*)`;
const BY_FORMAT: Readonly<Record<string, string>> = {
  words: WORDS,
  advised: FAILURE,
  size: `(?:an unknown size|${FIGURE})`,
  ms: FIGURE,
  hop: HOP,
  via: VIA,
  clock: String.raw`(?:\d\d:\d\d:\d\d)`,
};

const READERS = Object.entries(EVENTS).map(([name, event]) => ({
  name: name as EventName,
  level: event.level.toUpperCase(),
  threads: threadsOf(event),
  expression: expressionOf(event.text),
}));

/** The threads that a line of this event may name. */
export function threadsOf({ thread }: (typeof EVENTS)[EventName]): readonly string[] {
  return thread === null ? PURPOSE_TABLE.map((row) => row.thread) : [thread];
}

/** The one event that a line reads as; null for none, or for several. */
export function readClassicLine(line: string): Reading | null {
  const readings = readingsOf(line);
  return readings.length === 1 ? (readings[0] ?? null) : null;
}

/** Every event that a line could be read as. */
export function readingsOf(line: string): readonly Reading[] {
  const head = HEAD.exec(line);
  if (head === null) return [];
  const [whole, atText = '', level = '', thread = ''] = head;
  const message = line.slice(whole.length);
  return READERS.flatMap((reader) => {
    if (reader.level !== level || !reader.threads.includes(thread)) return [];
    const match = reader.expression.exec(message);
    return match === null ? [] : [{ atText, level, thread, name: reader.name, fields: { ...match.groups } }];
  });
}

function expressionOf(template: string): RegExp {
  const pieces = template.split(/(\{[^}]+\})/).map((piece) => {
    const [, name, format = ''] = /^\{([A-Za-z0-9_]+)(?::([a-z]+))?\}$/.exec(piece) ?? [];
    if (name === undefined) return piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    if (format === 's') return 's?';
    if (format === 'at') return `(?: at (?<${name}>${HOP}|${PLAIN}))?`;
    if (format === 'for') return `(?: for update ID (?<${name}>${PLAIN}))?`;
    const special = BY_FORMAT[format];
    return `(?<${name}>${special === undefined ? '' : `${special}|`}${PLAIN})`;
  });
  // `s`, so that a line break inside would be seen by the tests for line breaks and not hide the event.
  return new RegExp(`^${pieces.join('')}$`, 's');
}
