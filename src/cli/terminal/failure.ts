// Prints the failure of a command, and chooses the exit status for it.

import type { Failure } from '#control/control.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { FailureClass } from '#errors/entry.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';
import { atHop } from '#errors/hop.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Terminal } from './terminal.ts';

/** Prints the failure on stderr: code and sentence, hop, what to check. Returns the exit status. */
export function printError(terminal: Terminal, error: CodedError, known: Redactor): number {
  terminal.err(known.redact(error.message));
  terminal.err(known.redact(`  ${atHop(error.hop, error.entry.class)}${error.check}`));
  return EXIT_STATUS[error.entry.class];
}

/** The exit status of a failure received over Control. */
export function exitStatusOf(failure: Failure): number {
  return Object.hasOwn(EXIT_STATUS, failure.class) ? EXIT_STATUS[failure.class as FailureClass] : EXIT_STATUS.internal;
}
