// Checks the PIN of the menu. Pure.
//
// Guarantees: the comparison takes the same time for every wrong PIN of any length.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '#redaction/secret.ts';

/** `open`: no PIN is set, or it is this one. `locked`: none was given. */
export type PinVerdict = 'open' | 'locked' | 'wrong';

/** @param given null if none was entered */
export function checkPin(stored: Secret | undefined, given: string | null): PinVerdict {
  if (stored === undefined) return 'open';
  if (given === null) return 'locked';
  return timingSafeEqual(digestOf(stored.reveal()), digestOf(given)) ? 'open' : 'wrong';
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
