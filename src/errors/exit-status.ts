// The exit statuses of all commands. They are stable and documented in docs/commands.md. Each class of failure has its
// own status, so that a script can distinguish a rejected password from a name that does not resolve. 64 and 78 have
// the same meaning as in sysexits(3).

import type { FailureClass } from './entry.ts';

export const EXIT_OK = 0;
/** Bad arguments (EX_USAGE). */
export const EXIT_USAGE = 64;
/** The statuses of `submit`, which programs call (sysexits). */
export const EXIT_SUBMIT = {
  /** A line is not a document (EX_DATAERR). */
  wrong: 65,
  /** Exposure analytics are not enabled (EX_UNAVAILABLE). */
  notEnabled: 69,
  /** Full, or no daemon: to be tried again later (EX_TEMPFAIL). */
  later: 75,
} as const;

export const EXIT_STATUS: Readonly<Record<FailureClass, number>> = {
  internal: 70,
  config: 78,
  dns: 10,
  tcp: 11,
  auth: 12,
  policy: 13,
  tls: 14,
  ws: 15,
  timeout: 16,
  content: 17,
  http: 18,
  system: 19,
  license: 20,
};
