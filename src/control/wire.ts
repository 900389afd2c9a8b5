// How a request for the daemon looks on the unix socket: HTTP/1.1 and JSON; long answers are lines of JSON, events
// first and the result last. One table for both ends.

import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type Journey, readJourney } from '#errors/journey.ts';
import type { FieldValue } from '#errors/template.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';

/** The requests, by method and path. */
export const PATHS = {
  status: '/v1/status',
  endpoints: '/v1/endpoints',
  check: '/v1/check',
  retryCredentials: '/v1/credentials/retry',
  updates: '/v1/updates',
  verify: '/v1/updates/verify',
  forgetSerial: '/v1/updates/forget-serial',
  tryChange: '/v1/change/try',
  confirmChange: '/v1/change/confirm',
  seedTimeout: '/v1/timeout/seed',
  diagnose: '/v1/diagnose',
  /** The size follows, or nothing. */
  explainTimeout: '/v1/timeout/explain/',
  /** The id follows. */
  hook: '/v1/updates/hook/',
} as const;

/** The id of a request to run the hook, or null when it is another request. */
export function hookIdOf(url: string): string | null {
  if (!url.startsWith(PATHS.hook)) return null;
  try {
    return decodeURIComponent(url.slice(PATHS.hook.length));
  } catch {
    return null;
  }
}

/** The size of a request to explain timeouts: null for none, undefined when it is another request. */
export function sizeOf(url: string): number | null | undefined {
  if (!url.startsWith(PATHS.explainTimeout)) return undefined;
  const text = url.slice(PATHS.explainTimeout.length);
  if (text === '') return null;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** An event, with its error flattened; `reviveEvent` makes it whole again. */
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

/** A failure as code and facts; text is made again by the reader's own formatter. */
export function wireError(error: CodedError): {
  code: string;
  facts: Readonly<Record<string, unknown>>;
  journey: Journey | null;
} {
  return { code: error.code, facts: error.facts, journey: error.journey };
}

/** Makes a failure of the other end ours. */
export function reviveError(raw: unknown): CodedError {
  const { code, facts, journey } = (typeof raw === 'object' && raw !== null ? raw : {}) as {
    readonly code?: unknown;
    readonly facts?: unknown;
    readonly journey?: unknown;
  };
  if (typeof code !== 'string' || !Object.hasOwn(CATALOGUE, code) || typeof facts !== 'object' || facts === null) {
    return coded('INTERNAL', { reason: 'the daemon answered with an unknown failure' });
  }
  return new CodedError(code as Code, facts as Record<string, FieldValue>).during(readJourney(journey));
}
