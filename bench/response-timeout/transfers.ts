// What a proxy does to one response, as far as deadlines are concerned: when the first byte of the body arrives, the
// longest silence after it, when it is complete, and how many bytes have arrived at any time.

import type { Random } from './random.ts';

const MB = 1e6;

/** A package. What makes it slow to scan stays with it over retries. */
export interface Thing {
  readonly size: number;
  /** Standard normal: how dense it is. */
  readonly density: number;
  /** From 0 to 1: which mode of a mixture it belongs to. */
  readonly mode: number;
}

/** A response that completes if the client waits long enough. */
export interface Transfer {
  readonly size: number;
  readonly firstMs: number;
  readonly silenceMs: number;
  /** When that silence begins. */
  readonly silenceFromMs: number;
  readonly totalMs: number;
  /** A stretch of few bytes; before and after it bytes come evenly. */
  readonly lull: Lull | null;
}

interface Lull {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly fromBytes: number;
  readonly untilBytes: number;
}

/** Bytes that have arrived `ms` after the request. */
export function bytesAt({ size, firstMs, totalMs, lull }: Transfer, ms: number): number {
  if (ms <= firstMs) return 0;
  if (ms >= totalMs) return size;
  if (lull === null) return size * share(firstMs, ms, totalMs);
  if (ms < lull.fromMs) return lull.fromBytes * share(firstMs, ms, lull.fromMs);
  if (ms >= lull.untilMs) return lull.untilBytes + (size - lull.untilBytes) * share(lull.untilMs, ms, totalMs);
  return lull.fromBytes + (lull.untilBytes - lull.fromBytes) * share(lull.fromMs, ms, lull.untilMs);
}

function share(from: number, now: number, until: number): number {
  return until <= from ? 1 : (now - from) / (until - from);
}

/** Bytes are relayed as they come. */
export function streamed(
  size: number,
  by: { readonly firstMs: number; readonly bytesPerSecond: number; readonly stallMs: number },
): Transfer {
  const totalMs = by.firstMs + (size / by.bytesPerSecond) * 1_000 + by.stallMs;
  const silenceFromMs = by.firstMs + (totalMs - by.firstMs - by.stallMs) / 2;
  return { size, firstMs: by.firstMs, silenceMs: by.stallMs, silenceFromMs, totalMs, lull: null };
}

/** Nothing until all of it is scanned, then all at once. */
export function held(size: number, heldMs: number, random: Random): Transfer {
  const relayMs = (size / random.around(30 * MB, 0.3)) * 1_000;
  const stallMs = random.around(40, 0.8);
  return {
    size,
    firstMs: heldMs,
    silenceMs: stallMs,
    silenceFromMs: heldMs + relayMs / 2,
    totalMs: heldMs + relayMs + stallMs,
    lull: null,
  };
}

/** A few bytes at once, then `perSecond` in steps of `stepMs`, until it is scanned; the rest at once. */
export function trickled(
  size: number,
  by: {
    readonly firstMs: number;
    readonly heldMs: number;
    readonly perSecond: number;
    readonly silenceMs: number;
    /** Of the file, before the trickle begins. */
    readonly fromBytes: number;
    /** At that pace. */
    readonly bytesPerSecond: number;
  },
  random: Random,
): Transfer {
  const fromBytes = Math.min(size, by.fromBytes);
  const fromMs = by.firstMs + (fromBytes / by.bytesPerSecond) * 1_000;
  const untilMs = Math.max(fromMs, by.firstMs + by.heldMs);
  const untilBytes = Math.min(size, fromBytes + ((untilMs - fromMs) / 1_000) * by.perSecond);
  const relayMs = ((size - untilBytes) / random.around(30 * MB, 0.3)) * 1_000;
  return {
    size,
    firstMs: by.firstMs,
    silenceMs: Math.min(by.silenceMs, Math.max(20, untilMs - by.firstMs)),
    silenceFromMs: fromMs,
    totalMs: untilMs + relayMs + random.around(20, 0.8),
    lull: { fromMs, untilMs, fromBytes, untilBytes },
  };
}
