// The highest versions that were accepted. They are kept in the store and in a second place, the folder of the
// packages. Pure.
//
// Guarantees: versions never go back. The only exception is the recovery from a fast-forward attack (TUF 5.3.11): if a
// new root replaces a key of the timestamp or the snapshot, all versions except that of the root start over.

import { z } from 'zod';
import { identitiesOf } from './authority.ts';
import type { RootContent } from './decode.ts';
import type { KnownVersions } from './types.ts';

const version = z.int().min(0);

/** Versions as JSON. Roles are pairs: their names come from outside and may be `__proto__`. */
export const versionsSchema = z.object({
  root: version,
  timestamp: version,
  snapshot: version,
  roles: z.array(z.tuple([z.string(), version])).transform((pairs) => new Map(pairs)),
  onlineKeys: z.array(z.string()),
});

/** The same as JSON, without `format`. */
export function versionsAsJson({ roles, ...known }: KnownVersions): object {
  return { ...known, roles: [...roles] };
}

export const NO_VERSIONS: KnownVersions = { root: 0, timestamp: 0, snapshot: 0, roles: new Map(), onlineKeys: [] };

/** The higher version of each role. Both must be for the same root: see `forRoot`. */
export function mergeVersions(one: KnownVersions, other: KnownVersions): KnownVersions {
  const roles = new Map(one.roles);
  for (const [role, known] of other.roles) roles.set(role, Math.max(known, roles.get(role) ?? 0));
  return {
    root: Math.max(one.root, other.root),
    timestamp: Math.max(one.timestamp, other.timestamp),
    snapshot: Math.max(one.snapshot, other.snapshot),
    roles,
    onlineKeys: one.onlineKeys,
  };
}

/**
 * These versions as far as they count for the trusted root. If a key that may have signed them was taken away since, only
 * the version of the root counts: a fast-forward attack may have raised the others (TUF 5.3.11).
 */
export function forRoot(known: KnownVersions, content: RootContent): KnownVersions {
  const onlineKeys = onlineKeysOf(content);
  const root = Math.max(known.root, content.version);
  return areKeysRotated(known, content) ? { ...NO_VERSIONS, root, onlineKeys } : { ...known, root, onlineKeys };
}

/** The record with a version that was accepted. */
export function withVersion(known: KnownVersions, role: string, accepted: number): KnownVersions {
  if (role === 'root' || role === 'timestamp' || role === 'snapshot') {
    return { ...known, [role]: Math.max(known[role], accepted) };
  }
  return { ...known, roles: new Map([...known.roles, [role, Math.max(known.roles.get(role) ?? 0, accepted)]]) };
}

/** The first role that `higher` knows in a higher version than `known`, or null. */
export function findHigher(
  higher: KnownVersions,
  known: KnownVersions,
): { readonly role: string; readonly known: number; readonly found: number } | null {
  for (const role of ['root', 'timestamp', 'snapshot'] as const) {
    if (higher[role] > known[role]) return { role, known: higher[role], found: known[role] };
  }
  for (const [role, one] of higher.roles) {
    const found = known.roles.get(role) ?? 0;
    if (one > found) return { role, known: one, found };
  }
  return null;
}

/** The keys of the timestamp and snapshot roles, each with its role. */
function onlineKeysOf({ roles }: RootContent): readonly string[] {
  return [
    ...identitiesOf(roles.timestamp).map((identity) => `timestamp:${identity}`),
    ...identitiesOf(roles.snapshot).map((identity) => `snapshot:${identity}`),
  ].sort();
}

/** Whether a key that may have signed these versions is no longer trusted. */
export function areKeysRotated(known: KnownVersions, root: RootContent): boolean {
  const online = new Set(onlineKeysOf(root));
  return known.onlineKeys.some((key) => !online.has(key));
}
