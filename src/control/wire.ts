// The form of events and failures on the unix socket. A request is HTTP/1.1 with JSON. A long response consists of
// lines of JSON: first the events, last the result.

import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type ConnectTrace, readConnectTrace } from '#errors/connect-trace.ts';
import type { FieldValue } from '#errors/template.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';

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

/** A failure as code and facts; the receiver formats its own text from them. */
export function wireError(error: CodedError): {
  code: string;
  facts: Readonly<Record<string, unknown>>;
  journey: ConnectTrace | null;
} {
  return { code: error.code, facts: error.facts, journey: error.trace };
}

/** Converts a failure of the other end to one of this process. */
export function reviveError(raw: unknown): CodedError {
  const { code, facts, journey } = (typeof raw === 'object' && raw !== null ? raw : {}) as {
    readonly code?: unknown;
    readonly facts?: unknown;
    readonly journey?: unknown;
  };
  if (typeof code !== 'string' || !Object.hasOwn(CATALOGUE, code) || typeof facts !== 'object' || facts === null) {
    return coded('INTERNAL', { reason: 'the daemon answered with an unknown failure' });
  }
  return new CodedError(code as Code, facts as Record<string, FieldValue>).during(readConnectTrace(journey));
}
