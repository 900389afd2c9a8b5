// A log event in the form that pages get: with its sentence, and only with facts that JSON can hold. Pure.

import type { PageLogEvent } from '#console/wire.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';

/** The event with secrets masked. */
export function pageLogEvent(event: SallyportEvent, at: number, known: SpanRedactor): PageLogEvent {
  const { name, level, thread, message, fields } = toRecord(event, at, known);
  const facts: Record<string, string | number | boolean | null> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
      facts[key] = value as string | number | boolean | null;
    }
  }
  return { name, level, thread, at: utcTime(at), message, facts };
}
