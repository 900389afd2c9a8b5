// Decides how to request a file on a path, from the limits that were observed there: the size of the parts, whether to
// use ranges at all, and whether to bypass caches. Pure.

import { showDuration, showSize } from '#errors/template.ts';
import { cutLimit, isCurrent, type PathLimits } from './limits.ts';

const MIB = 1_048_576;
/** No smaller part is requested: a path that passes less is used by resuming after each cut. */
const MIN_PART_BYTES = MIB;
/** The first part that is tried where a cap is known only from above. Caps of proxies are rarely smaller. */
const FIRST_PART_BYTES = 8 * MIB;
/** Share of a cut that a part may have. The rest is for the head and for bytes that a cut loses. */
const SHARE_OF_BYTES = 0.9;
/** The same for a cut by time, where the pace may change. */
const SHARE_OF_TIME = 0.7;

/** How to request a file over one route. */
export interface PathAdvice {
  /** Most bytes to request at once; null: no limit. */
  readonly rangeBytes: number | null;
  /** Whether ranges may be used. */
  readonly ranges: boolean;
  /** Whether caches must revalidate. */
  readonly noCache: boolean;
  /** Why, as a phrase for a sentence. Empty without a limit. */
  readonly evidence: string;
}

export const NO_ADVICE: PathAdvice = { rangeBytes: null, ranges: true, noCache: false, evidence: '' };

/** One observed limit, for people. */
export interface ShownLimit {
  readonly kind: 'cut_by_bytes' | 'cut_by_time' | 'size_cap' | 'wrong_ranges' | 'bad_cache';
  /** Bytes of the body at the limit; null if the limit is not one of bytes. */
  readonly bytes: number | null;
  readonly ms: number | null;
  readonly count: number;
  /** Wall time of the last observation, ms since the epoch. */
  readonly at: number;
  /** What the path does. */
  readonly words: string;
  /** What follows for downloads. */
  readonly use: string;
}

/** `ignoresRanges`: the last range request was answered with the whole file. */
export function adviceFor(limits: PathLimits, ignoresRanges: boolean, now: number): PathAdvice {
  const shown = shownLimits(limits, now);
  if (shown.length === 0) return NO_ADVICE;
  const ranges = !shown.some(({ kind }) => kind === 'wrong_ranges');
  const parts = [cutPart(limits, now), capPart(limits, now)].filter((bytes) => bytes !== null);
  return {
    rangeBytes: !ranges || ignoresRanges || parts.length === 0 ? null : Math.min(...parts),
    ranges,
    noCache: shown.some(({ kind }) => kind === 'bad_cache'),
    evidence: shown.map(({ words }) => words).join(', and '),
  };
}

/** The limits that are in use. */
export function shownLimits(limits: PathLimits, now: number): ShownLimit[] {
  const found = [shownCut(limits, now), shownCap(limits, now), shownWrong(limits, now), shownCache(limits, now)];
  return found.filter((limit) => limit !== null);
}

function cutPart(limits: PathLimits, now: number): number | null {
  const cut = cutLimit(limits);
  if (cut === null || !isCurrent(cut.at, now)) return null;
  const bytes = Math.floor(cut.bytes * (cut.by === 'bytes' ? SHARE_OF_BYTES : SHARE_OF_TIME));
  return bytes < MIN_PART_BYTES ? null : bytes;
}

/** What passed once passes again. Otherwise half of what was refused is tried, in whole MiB. */
function capPart({ cap }: PathLimits, now: number): number | null {
  if (cap === null || !isCurrent(cap.at, now) || cap.refused <= MIN_PART_BYTES) return null;
  if (cap.passed >= MIN_PART_BYTES) return cap.passed;
  const half = Math.min(FIRST_PART_BYTES, cap.refused / 2);
  return Math.max(MIN_PART_BYTES, Math.floor(half / MIB) * MIB);
}

function shownCut(limits: PathLimits, now: number): ShownLimit | null {
  const cut = cutLimit(limits);
  if (cut === null || !isCurrent(cut.at, now)) return null;
  const after = cut.by === 'bytes' ? showSize(cut.bytes) : showDuration(cut.ms);
  const part = cutPart(limits, now);
  return {
    kind: cut.by === 'bytes' ? 'cut_by_bytes' : 'cut_by_time',
    bytes: cut.bytes,
    ms: cut.by === 'bytes' ? null : cut.ms,
    count: limits.cut_count,
    at: cut.at,
    words: `this path cuts connections after ${after}`,
    use: part === null ? 'downloads resume after each cut' : `downloads request ${showSize(part)} at a time`,
  };
}

function shownCap(limits: PathLimits, now: number): ShownLimit | null {
  const { cap } = limits;
  if (cap === null || !isCurrent(cap.at, now)) return null;
  const part = capPart(limits, now);
  return {
    kind: 'size_cap',
    bytes: cap.refused,
    ms: null,
    count: cap.count,
    at: cap.at,
    words: `this path refuses responses of ${showSize(cap.refused)}`,
    use: part === null ? 'no smaller part is requested' : `downloads request ${showSize(part)} at a time`,
  };
}

function shownWrong({ wrong_ranges: wrong }: PathLimits, now: number): ShownLimit | null {
  if (wrong === null || !isCurrent(wrong.at, now)) return null;
  return {
    kind: 'wrong_ranges',
    bytes: null,
    ms: null,
    ...wrong,
    words: 'this path answers byte ranges with wrong bytes',
    use: 'downloads request whole files',
  };
}

function shownCache({ bad_cache: bad }: PathLimits, now: number): ShownLimit | null {
  if (bad === null || !isCurrent(bad.at, now)) return null;
  return {
    kind: 'bad_cache',
    bytes: null,
    ms: null,
    ...bad,
    words: 'a cache on this path served a wrong file',
    use: 'downloads bypass caches',
  };
}
