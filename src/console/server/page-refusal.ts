// A request that the console's process refuses, and the HTTP status of an answer with a failure.

import type { Code } from '#errors/catalogue.ts';
import type { CodedError } from '#errors/coded-error.ts';

/** Thrown inside the server only. */
export class PageRefusal extends Error {
  readonly status: number;
  readonly failure: CodedError;

  constructor(status: number, failure: CodedError) {
    super(failure.message, { cause: failure });
    this.status = status;
    this.failure = failure;
  }
}

const INTERNAL = 500;
/** The daemon, or the change service, refused or failed. */
const FAILED = 400;
const STATUS: Partial<Record<Code, number>> = {
  'CONSOLE-REQUEST': 422,
  'CONTROL-REQUEST': 422,
  'CONTROL-ADMIN': 403,
  'CONTROL-OPERATE': 403,
  'CONFIG-FORBIDDEN': 403,
  'CONFIG-CHANGED': 409,
  'CHANGE-PENDING': 409,
  'CONTROL-UNREACHABLE': 503,
  'CONTROL-OTHER-FILE': 503,
  'CONTROL-FOREIGN': 503,
  INTERNAL,
};

/** The HTTP status of an answer with this failure. */
export function statusOf(error: CodedError): number {
  return STATUS[error.code] ?? FAILED;
}
