// For each purpose that permits interception, lists what a proxy that decrypts TLS can read, for `status` and
// `endpoints`. Pure.

import type { Purpose } from '#config/purposes.ts';
import type { Status } from '#control/control.ts';
import type { PermittedInterception } from '#proxy/tls/interceptions.ts';
import { utcTime } from '#system/moment.ts';

const EXPOSED: Readonly<Partial<Record<Purpose, string>>> = {
  updates: 'the signed metadata, the packages and the receipts, but it cannot change what is published',
  support_logs: 'the facts of each bundle (number of the case, note, time, size), but not the encrypted logs',
  exposure_analytics: 'every document',
};

/** What such a proxy can read, in words. */
export function exposedWords(purpose: Purpose): string {
  return EXPOSED[purpose] ?? 'everything';
}

type InterceptionRow = Status['routes'][number]['interception'];

/** Null if the purpose permits none. */
export function interceptionRow(purpose: Purpose, permitted: PermittedInterception | null): InterceptionRow {
  if (permitted === null) return null;
  const { key, path, authorities, withheld, last } = permitted;
  return {
    key,
    file: path,
    authorities: authorities.map(({ name, expiresMs }) => ({ name, expires: utcTime(expiresMs) })),
    exposes: exposedWords(purpose),
    sends_tokens: withheld.length === 0,
    decrypted_by: last?.by ?? null,
    decrypted_at: last === null || last === undefined ? null : utcTime(last.atMs),
  };
}
