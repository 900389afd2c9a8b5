// Converts a failure to the form in which the daemon sends it to a command.

import type { Failure } from '#control/control.ts';
import type { DiagnosisFinding } from '#diagnose/report.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { redactError } from '#logging/record.ts';
import type { Redactor } from '#redaction/redact.ts';

/**
 * Code, sentence, what to check, hop and class. Redacted before the sentence is made, because the sentence is escaped
 * and cut.
 */
export function toFailure(failed: CodedError, redactor: Redactor): Failure {
  const error = redactError(failed, redactor);
  return { code: error.code, message: error.safeText, check: error.check, hop: error.hop, class: error.entry.class };
}

/** The same for a diagnosis, which prints on its own line what succeeded before. */
export function toFinding(failed: CodedError, redactor: Redactor): DiagnosisFinding {
  return { ...toFailure(failed, redactor), advice: redactError(failed, redactor).advice };
}
