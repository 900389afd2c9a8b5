// The form of events on the unix socket. A request is HTTP/1.1 with JSON. A long response consists of lines of JSON:
// first the events, last the result.

import { CodedError } from '#errors/coded-error.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';
import type { EventForm } from './verb.ts';
import { reviveError, wireError } from './wire-error.ts';

/** An event with its error flattened; `reviveEvent` restores it. */
export function wireEvent(event: SallyportEvent): unknown {
  const fields = Object.entries(event).map(([name, value]: [string, unknown]) => [
    name,
    value instanceof CodedError ? wireError(value) : value,
  ]);
  return Object.fromEntries(fields);
}

/** The event of a line, or null when this version does not know it. */
export function reviveEvent(raw: unknown): SallyportEvent | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const { name, error } = raw as { name?: unknown; error?: unknown };
  if (typeof name !== 'string' || !Object.hasOwn(EVENTS, name)) return null;
  const revived = error === undefined ? raw : { ...raw, error: reviveError(error) };
  return revived as SallyportEvent;
}

/** Streams the events of the log's vocabulary. */
export const LOG_EVENTS: EventForm<SallyportEvent> = { read: reviveEvent, write: wireEvent };
