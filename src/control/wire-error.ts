// The form of a failure on the unix socket. Short commands load this file, but not the events of the log.

import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type ConnectTrace, readConnectTrace } from '#errors/connect-trace.ts';
import type { FieldValue } from '#errors/template.ts';

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
