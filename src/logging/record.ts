// Prepares an event once for all renderers: fills in its message and masks secrets. Pure.
//
// Secrets are masked twice. First in the fields, before the formatter escapes and shortens them, because an escaped or
// shortened secret would not be found. Then in the whole message, because a secret may appear only when parts are
// joined. The second time, the words of our templates are not masked: a password like `update` must not make lines
// unreadable. An error is created again from its masked facts.

import { asCoded, CodedError } from '#errors/coded-error.ts';
import { type Hop, originAt, proxyAt, readHop } from '#errors/hop.ts';
import { type FieldValue, fillPieces, joinPieces, type Piece } from '#errors/template.ts';
import { maskForeign } from '#redaction/mask.ts';
import type { Redactor, SpanRedactor } from '#redaction/redact.ts';
import type { Level } from './event-definition.ts';
import { EVENTS, type EventName, type SallyportEvent } from './events.ts';

/** One event at one moment, safe to render. */
export interface LogRecord {
  /** Wall time, milliseconds since the epoch. */
  readonly at: number;
  readonly name: EventName;
  readonly level: Level;
  readonly thread: string;
  /** The sentence of the classic line. */
  readonly message: string;
  /** The fields of the event, redacted. */
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** The stack of an internal error, innermost frame first, redacted; absent for anything else. */
  readonly stack?: readonly string[];
}

/** Maximum number of frames of a stack, and of characters of a frame. */
const STACK_LIMIT = 20;
const FRAME_LIMIT = 300;
/** The name of a thread; it cannot end the head of a line. */
const THREAD = /^[A-Z][A-Za-z ]{0,30}$/;

/** Redacts an event and fills its template. */
export function toRecord(event: SallyportEvent, at: number, known: SpanRedactor): LogRecord {
  const { level, text } = EVENTS[event.name];
  const { name, thread: ofPurpose, ...rest } = event;
  const thread = EVENTS[name].thread ?? threadOf(ofPurpose);
  const fields = redactFields(rest, known);
  const message = maskLine(fillPieces(text, fields), known);
  const stack = stackOf(Object.values(rest), known);
  return { at, name, level, thread, message, fields, ...(stack === null ? {} : { stack }) };
}

/** The thread of a purpose; an event that came over the socket from another version may have none. */
function threadOf(given: FieldValue): string {
  return typeof given === 'string' && THREAD.test(given) ? given : 'Updater';
}

/** The sentence with known secrets masked and all our own words kept. */
export function maskLine(pieces: readonly Piece[], known: SpanRedactor): string {
  const line = pieces.map(({ text }) => text).join('');
  const spans = known.spans(line);
  return joinPieces(spans.length === 0 ? pieces : [{ text: maskForeign(pieces, spans), ours: true }]);
}

function stackOf(values: readonly FieldValue[], known: Redactor): string[] | null {
  const fault = values.find((value) => value instanceof Error && asCoded(value).code === 'INTERNAL') as
    | Error
    | undefined;
  if (fault === undefined) return null;
  const { stack } = fault.cause instanceof Error ? fault.cause : fault;
  const frames = typeof stack === 'string' ? [...stack.matchAll(/^ {4}at (.+)$/gm)] : [];
  return frames.slice(0, STACK_LIMIT).map(([, frame = '']) => known.redact(frame).slice(0, FRAME_LIMIT));
}

/** The same failure, made from redacted facts and without its cause. */
export function redactError(error: CodedError, known: Redactor): CodedError {
  return new CodedError(error.code, redactFields(error.facts, known)).during(error.trace);
}

function redactFields(fields: Readonly<Record<string, FieldValue>>, known: Redactor): Record<string, FieldValue> {
  const redacted: Record<string, FieldValue> = {};
  for (const [name, value] of Object.entries(fields)) redacted[name] = redactValue(value, known);
  return redacted;
}

function redactHop(hop: Hop, known: Redactor): Hop {
  if (hop.kind === 'proxy') return proxyAt(known.redact(hop.name), known.redact(hop.address));
  return hop.kind === 'origin' ? originAt(known.redact(hop.address)) : hop;
}

function redactValue(value: FieldValue, known: Redactor): FieldValue {
  if (typeof value === 'string') return known.redact(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean' || value === undefined) return value;
  if (value instanceof Error) return redactError(asCoded(value), known);
  if (Array.isArray(value)) return value.map((item) => known.redact(String(item)));
  const hop = readHop(value);
  if (hop !== null) return redactHop(hop, known);
  // The types exclude this. A Secret that gets here prints as ***.
  return known.redact(String(value));
}
