// A failure in the form in which pages show it. Pure.

import type { WireFailure } from '#console/wire.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { redactError } from '#logging/record.ts';
import type { Redactor } from '#redaction/redact.ts';

/** Redacted before the sentence is made, because the sentence is escaped and cut. */
export function shownFailure(failed: CodedError, known: Redactor): WireFailure {
  const error = redactError(failed, known);
  return { code: error.code, message: error.safeText, check: error.check, hop: error.hop, class: error.entry.class };
}
