// The rules for an unsigned feed, which replace part of what a signature would give: its serial never goes back, and it
// expires. Pure.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { utcTime } from '#system/moment.ts';
import type { FeedMemory } from '#updates/memory.ts';
import type { FeedReading } from './feed.ts';

/**
 * Limits of the first serial, and of the difference between two serials. No serial can follow the largest number, so a
 * feed that reached it could never change again. docs/protocol.md names both limits. A time in any usual unit is a
 * valid serial.
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
