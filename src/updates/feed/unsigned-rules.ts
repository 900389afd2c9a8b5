// The rules for an unsigned feed, which replace part of what a signature would give: its serial never goes back, and it
// expires. Pure.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { utcTime } from '#system/moment.ts';
import type { FeedMemory } from '#updates/memory.ts';
import type { FeedReading } from './feed.ts';

/**
 * The largest serial would make a feed unusable for good, no matter who wrote it, because no serial can follow it. The
 * first serial therefore leaves room, and each later one may use up at most this much of it; docs/protocol.md names
 * both limits. Times in any usual unit fit.
 */
export const MAX_FIRST_SERIAL = 2 ** 52;
export const MAX_SERIAL_STEP = 100_000_000_000_000;

/** Why the feed must not be used at all: FEED-STALE, FEED-SERIAL, FEED-ROLLBACK, FEED-FORKED; null when it may. */
export function refuseUnsigned(
  { document, sha256 }: Pick<FeedReading, 'document' | 'sha256'>,
  before: FeedMemory | null,
  nowMs: number,
): CodedError | null {
  const { serial, expiresMs } = document;
  if (expiresMs <= nowMs) {
    return coded('FEED-STALE', { expires: utcTime(expiresMs), now: nowMs });
  }
  const limit = before === null ? MAX_FIRST_SERIAL : before.serial + MAX_SERIAL_STEP;
  if (serial > limit) return coded('FEED-SERIAL', { found: serial, limit, known: before?.serial ?? null });
  if (before === null) return null;
  if (serial < before.serial) return coded('FEED-ROLLBACK', { known: before.serial, found: serial });
  if (serial === before.serial && sha256 !== before.sha256) return coded('FEED-FORKED', { found: serial });
  return null;
}
