// Makes the response for a diagnosis that cannot start. It has the form of a diagnosis, and its result says why.

import { userInfo } from 'node:os';
import { type Problem, problemLine } from '#config/problem.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Diagnosis, ProxyVariables } from '#diagnose/report.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Redactor } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';

export interface Undiagnosed {
  readonly file: string;
  readonly version: string;
  readonly nowMs: number;
  readonly shell: ProxyVariables;
  readonly redactor: Redactor;
}

/** The reason, or the first error of the file when that is the reason. */
export function undiagnosed(
  { error, problems = [] }: { readonly error: CodedError; readonly problems?: readonly Problem[] },
  { file, version, nowMs, shell, redactor }: Undiagnosed,
): Diagnosis {
  const failure = toFailure(error, redactor);
  const [message = failure.message, ...more] = problems.map(problemLine);
  return {
    as: { user: userName(), pid: process.pid, service: false },
    version,
    at: utcTime(nowMs),
    config: file,
    saved: true,
    through: null,
    verdict: {
      outcome: 'failed',
      sentence: `[${error.code}] ${message}`,
      purpose: null,
      finding: { ...failure, message },
    },
    notes: more,
    environment: { service: shell, shell },
    purposes: [],
  };
}

export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A uid without a name, as in some containers.
    return String(process.getuid?.() ?? 'unknown');
  }
}
