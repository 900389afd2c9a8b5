// A failure as Control tells it.

import type { Failure } from '#control/control.ts';
import type { CodedError } from '#errors/coded-error.ts';

/** Code, sentence, what to check, hop and class. */
export function toFailure(error: CodedError): Failure {
  return { code: error.code, message: error.safeText, check: error.check, hop: error.hop, class: error.entry.class };
}
