// Warns before signed metadata expires. Pure.
//
// People renew root and targets, so the warning comes 30 days before they expire. A program renews timestamp and
// snapshot, which are valid for days. They cause a warning only if checks fail and little time is left.

import { fillTemplate, showLocalTime } from '#errors/template.ts';
import type { RoleStatus } from '#trust/tuf/types.ts';

const DAY_MS = 86_400_000;
const BY_PEOPLE_MS = 30 * DAY_MS;
/** The part of a life that is left when a failed check becomes worth a warning. */
const LITTLE_LEFT = 1 / 3;

/** The facts that warnings depend on. Times are milliseconds since the epoch. */
export interface TrustFacts {
  readonly roles: readonly Pick<RoleStatus, 'role' | 'expiresMs'>[];
  readonly nowMs: number;
  /** The last successful check; null if there was none. */
  readonly succeededMs: number | null;
  /** Whether the last check failed. */
  readonly hasFailed: boolean;
}

/** One sentence for each role. */
export function trustWarnings({ roles, nowMs, succeededMs, hasFailed }: TrustFacts): string[] {
  return roles.flatMap(({ role, expiresMs }) => {
    const leftMs = expiresMs - nowMs;
    const isOnline = role === 'timestamp' || role === 'snapshot';
    // Only the host knows since when it has had this version; the vendor does not say when it was made.
    const lifeMs = succeededMs === null ? BY_PEOPLE_MS : expiresMs - succeededMs;
    const isDue = isOnline ? hasFailed && leftMs < lifeMs * LITTLE_LEFT : leftMs < BY_PEOPLE_MS;
    if (!isDue) return [];
    const facts = { role, at: showLocalTime(expiresMs) };
    if (leftMs <= 0)
      return [fillTemplate('The signed role {role} expired at {at:words}; no newer one has arrived.', facts)];
    return [
      isOnline
        ? fillTemplate('The signed role {role} expires at {at:words}, and the last check failed.', facts)
        : fillTemplate('The signed role {role} expires at {at:words}. The vendor has to renew it.', facts),
    ];
  });
}
