// A failure in the form in which pages show it. Pure.

import type { CodedError } from '#errors/coded-error.ts';
import { redactError } from '#logging/record.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { WireFailure } from './wire.ts';

/** Redacted before the sentence is made, because the sentence is escaped and cut. */
export function wireFailure(failed: CodedError, known: Redactor): WireFailure {
  const error = redactError(failed, known);
  return { code: error.code, message: error.safeText, check: error.check, hop: error.hop, class: error.entry.class };
}
