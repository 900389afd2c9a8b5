// Counts how much of the spool the documents of each user take, over the socket and the drop directory together, so
// that no user can fill it alone. The counts are only in memory: after a restart, each user has the full share again.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Documents } from '#spool/segments/documents.ts';

/** Part of the spool that one user may fill. */
const SHARE_OF_ONE_USER = 0.5;

export class UserShares {
  readonly #documents: Pick<Documents, 'waiting' | 'quota'>;
  /** Bytes that each user handed in and that may still wait. */
  readonly #byUser = new Map<number, number>();

  constructor(documents: Pick<Documents, 'waiting' | 'quota'>) {
    this.#documents = documents;
  }

  /** Why these bytes of the user cannot be accepted now (SPOOL-SHARE); null if they can. */
  refusal(user: number, bytes: number): CodedError | null {
    const { waiting, quota } = this.#documents;
    // What one user handed in cannot be more than what waits altogether.
    const mine = Math.min(this.#byUser.get(user) ?? 0, waiting.bytes);
    this.#byUser.set(user, mine);
    const limit = Math.floor(quota.bytes * SHARE_OF_ONE_USER);
    return mine + bytes > limit ? coded('SPOOL-SHARE', { user, limit }) : null;
  }

  /** These bytes of the user were accepted. */
  count(user: number, bytes: number): void {
    this.#byUser.set(user, (this.#byUser.get(user) ?? 0) + bytes);
  }
}
