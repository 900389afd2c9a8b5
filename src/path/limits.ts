// The limits of a path between this host and a server: it was observed to cut connections, refuse large bodies, answer
// ranges with wrong bytes, or serve a bad copy from a cache. Pure.
//
// A single cut may be an accident. Cuts become a limit if two of them agree in bytes or in time. A limit ends when a
// response exceeds it. After a week, the next transfer ignores the limit; if one more observation confirms it, it is
// used again.

import { z } from 'zod';
import { momentSchema } from '#system/moment-schema.ts';

/** How long an observation is used without another one, in milliseconds: 7 days. */
export const LIMIT_AGE_MS = 7 * 86_400_000;
/** How long it is remembered, so that one more observation restores it. */
const REMEMBERED_MS = 30 * 86_400_000;
/** Number of cuts that are kept, the newest. */
const MAX_CUTS = 4;
/** Cuts agree if they differ by at most this share: bytes that were under way when a connection was cut may be lost. */
const AGREEMENT = 0.1;
/** Differences up to this never matter: heads differ in length, and timers are not exact. */
const SLACK_BYTES = 1_024;
const SLACK_MS = 500;
/** A response that exceeds a limit by this factor disproves it. */
const DISPROOF_FACTOR = 1.25;

const cutSchema = z.strictObject({
  /** Bytes of the body that arrived. */
  bytes: z.int().positive(),
  /** Time from the request to the cut, in milliseconds. */
  ms: z.number().nonnegative(),
  /** Wall time, ms since the epoch. */
  at: momentSchema,
});

export const limitsSchema = z.strictObject({
  /** Connections that were cut inside a body, the newest last. */
  cuts: z.array(cutSchema).max(MAX_CUTS).readonly(),
  /** How many cuts were observed since the last response that disproved them. */
  cut_count: z.int().nonnegative(),
  /** The proxy refused a body of `refused` bytes because of its size. `passed`: the largest that it let through since. */
  cap: z
    .strictObject({
      refused: z.int().positive(),
      passed: z.int().nonnegative(),
      count: z.int().positive(),
      at: momentSchema,
    })
    .nullable(),
  /** A range had other bytes than the file. */
  wrong_ranges: z.strictObject({ count: z.int().positive(), at: momentSchema }).nullable(),
  /** A cache served a wrong file, and a request that bypassed it got the right one. */
  bad_cache: z.strictObject({ count: z.int().positive(), at: momentSchema }).nullable(),
});
export type PathLimits = Readonly<z.infer<typeof limitsSchema>>;
type Cut = Readonly<z.infer<typeof cutSchema>>;

export const NO_LIMITS: PathLimits = { cuts: [], cut_count: 0, cap: null, wrong_ranges: null, bad_cache: null };

/** What one response showed. `bytes` and `ms` are those of its body, from the request on. */
export type LimitObservation =
  | { readonly kind: 'cut' | 'passed'; readonly bytes: number; readonly ms: number }
  /** The proxy refused a response of this number of bytes. */
  | { readonly kind: 'too-big'; readonly bytes: number }
  | { readonly kind: 'wrong-ranges' | 'right-ranges' | 'bad-cache' };

/** Where a path cuts connections. `bytes` is the smallest body that arrived before one of the agreeing cuts. */
export interface CutLimit {
  readonly by: 'bytes' | 'time';
  readonly bytes: number;
  readonly ms: number;
  readonly at: number;
}

/** The limits after one more observation at wall time `now`. */
export function withLimit(limits: PathLimits, observed: LimitObservation, now: number): PathLimits {
  const known = remembered(limits, now);
  switch (observed.kind) {
    case 'cut':
      return withCut(known, { bytes: observed.bytes, ms: observed.ms, at: now });
    case 'passed':
      return withPassed(known, observed);
    case 'too-big':
      return withRefused(known, observed.bytes, now);
    case 'wrong-ranges':
      return { ...known, wrong_ranges: { count: (known.wrong_ranges?.count ?? 0) + 1, at: now } };
    case 'right-ranges':
      return { ...known, wrong_ranges: null };
    case 'bad-cache':
      return { ...known, bad_cache: { count: (known.bad_cache?.count ?? 0) + 1, at: now } };
  }
}

/** Where this path cuts connections, however old that is; null if no two of its last cuts agree. */
export function cutLimit({ cuts }: Pick<PathLimits, 'cuts'>): CutLimit | null {
  const newest = cuts.at(-1);
  if (newest === undefined) return null;
  const agreeing = (isSame: (cut: Cut) => boolean) => cuts.filter(isSame);
  const byBytes = agreeing(({ bytes }) => agree(bytes, newest.bytes, SLACK_BYTES));
  if (byBytes.length > 1) return { by: 'bytes', ...smallest(byBytes), at: newest.at };
  const byTime = agreeing(({ ms }) => agree(ms, newest.ms, SLACK_MS));
  return byTime.length > 1 ? { by: 'time', ...smallest(byTime), at: newest.at } : null;
}

/** Whether an observation of wall time `at` is still used. One from the future comes from a clock that was set. */
export function isCurrent(at: number, now: number): boolean {
  return at <= now && now - at < LIMIT_AGE_MS;
}

function smallest(cuts: readonly Cut[]): { bytes: number; ms: number } {
  return { bytes: Math.min(...cuts.map(({ bytes }) => bytes)), ms: Math.min(...cuts.map(({ ms }) => ms)) };
}

function agree(one: number, other: number, slack: number): boolean {
  return Math.abs(one - other) <= Math.max(slack, AGREEMENT * Math.max(one, other));
}

function withCut(limits: PathLimits, cut: Cut): PathLimits {
  return { ...limits, cuts: [...limits.cuts, cut].slice(-MAX_CUTS), cut_count: limits.cut_count + 1 };
}

function withPassed(limits: PathLimits, { bytes, ms }: { readonly bytes: number; readonly ms: number }): PathLimits {
  const { cap } = limits;
  const cuts = cutsAfter(limits, { bytes, ms });
  return {
    ...limits,
    cuts,
    cut_count: cuts.length === 0 ? 0 : limits.cut_count,
    cap: cap === null || bytes >= cap.refused ? null : { ...cap, passed: Math.max(cap.passed, bytes) },
  };
}

/** The cuts that a complete response does not disprove. */
function cutsAfter(limits: PathLimits, passed: { readonly bytes: number; readonly ms: number }): readonly Cut[] {
  const isPast = (of: { readonly bytes: number; readonly ms: number }) => ({
    bytes: passed.bytes > of.bytes * DISPROOF_FACTOR,
    time: passed.ms > of.ms * DISPROOF_FACTOR && passed.ms - of.ms > SLACK_MS,
  });
  const limit = cutLimit(limits);
  if (limit !== null) return isPast(limit)[limit.by] ? [] : limits.cuts;
  return limits.cuts.filter((cut) => !isPast(cut).bytes && !isPast(cut).time);
}

function withRefused(limits: PathLimits, bytes: number, now: number): PathLimits {
  const refused = Math.max(1, Math.min(bytes, limits.cap?.refused ?? bytes));
  const before = limits.cap?.passed ?? 0;
  const passed = before < refused ? before : 0;
  return { ...limits, cap: { refused, passed, count: (limits.cap?.count ?? 0) + 1, at: now } };
}

function remembered(limits: PathLimits, now: number): PathLimits {
  const isKnown = ({ at }: { readonly at: number }) => at <= now && now - at < REMEMBERED_MS;
  const cuts = limits.cuts.filter(isKnown);
  return {
    cuts,
    cut_count: cuts.length === 0 ? 0 : limits.cut_count,
    cap: limits.cap !== null && isKnown(limits.cap) ? limits.cap : null,
    wrong_ranges: limits.wrong_ranges !== null && isKnown(limits.wrong_ranges) ? limits.wrong_ranges : null,
    bad_cache: limits.bad_cache !== null && isKnown(limits.bad_cache) ? limits.bad_cache : null,
  };
}
