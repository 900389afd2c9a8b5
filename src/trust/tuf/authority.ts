// The keys that may sign for a role: their IDs, the keys themselves, and the required number of signatures (TUF 4.3,
// 4.5). Pure.

import { FormatError, type JsonObject, readInteger, readTexts } from './document.ts';
import type { KeyRing } from './keys.ts';

/** Roles that the root names; no delegated role may have one of these names. */
export const TOP_LEVEL_ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;
export type TopLevelRole = (typeof TOP_LEVEL_ROLES)[number];

export interface SigningAuthority {
  readonly keyIds: readonly string[];
  readonly threshold: number;
  readonly keys: KeyRing;
}

/** `keyids` and `threshold`. @throws FormatError */
export function readAuthority(raw: JsonObject, keys: KeyRing): SigningAuthority {
  const keyIds = readTexts(raw['keyids'], 'keyids');
  if (new Set(keyIds).size !== keyIds.length) throw new FormatError('a role has a keyid twice');
  return { keyIds, threshold: readInteger(raw['threshold'], 'threshold', 1), keys };
}

/** The public keys that count, by their identity. */
export function identitiesOf({ keyIds, keys }: SigningAuthority): readonly string[] {
  return keyIds.flatMap((keyId) => keys.get(keyId)?.identity ?? []);
}
