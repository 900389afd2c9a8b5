// Networks in which probes of a living proxy fail, and mixes of them. An episode begins once in 30 minutes of a
// transfer. Rates and shares are assumptions, because there are no measurements from the field.

import { TRANSFER_KEEP_ALIVE } from '#proxy/opening/dial.ts';
import type { Random } from './random.ts';
import type { Transfer } from './transfers.ts';

/** Keep-alive: the idle time before the first probe, and how long none may be answered. */
export interface KeepAlive {
  readonly idleMs: number;
  readonly lostMs: number;
}

/** That of downloads, and that of a rule without probes. */
export const KEEP_ALIVE: Readonly<Record<'witness' | 'today', KeepAlive>> = {
  witness: {
    idleMs: TRANSFER_KEEP_ALIVE.initialDelay,
    lostMs: TRANSFER_KEEP_ALIVE.count * TRANSFER_KEEP_ALIVE.interval,
  },
  today: { idleMs: 30_000, lostMs: 10_000 },
};

/** What becomes of a probe that is sent at a time. Absent values: it never happens. */
export interface Fate {
  readonly acceptsMs?: number;
  readonly answersMs?: number;
  readonly endsMs?: number;
  /** It breaks the transfer. */
  readonly harms?: boolean;
}

/** One transfer in an environment. */
interface Surroundings {
  /** The transfer as the environment delays it. */
  readonly transfer: Transfer;
  /** When keep-alive ends a transfer that lives; null for never. */
  keepAliveEndMs(keepAlive: KeepAlive): number | null;
  fate(atMs: number, random: Random): Fate;
  /** Whether one request to the server succeeds within this time. */
  reachesOrigin(atMs: number, random: Random, withinMs: number): boolean;
}

type Environment = (transfer: Transfer, random: Random) => Surroundings;

const PER_MS = 1 / 1_800_000;
const MINUTE_MS = 60_000;
const quick: Fate = { acceptsMs: 1, answersMs: 5 };

const base = (transfer: Transfer): Surroundings => ({
  transfer,
  keepAliveEndMs: () => null,
  fate: () => quick,
  reachesOrigin: () => true,
});

/** The beginning and the end of an episode in this transfer; null if there is none. */
function episode({ totalMs }: Transfer, random: Random, lasts: () => number): readonly [number, number] | null {
  if (!random.chance(1 - Math.exp(-totalMs * PER_MS))) return null;
  const from = random.between(0, totalMs);
  return [from, from + lasts()];
}

/** Nothing arrives from one time to another. */
function delayed(transfer: Transfer, from: number, until: number): Transfer {
  const ms = until - from;
  if (from >= transfer.totalMs) return transfer;
  if (from < transfer.firstMs) {
    const moved = { firstMs: transfer.firstMs + ms, silenceFromMs: transfer.silenceFromMs + ms };
    return { ...transfer, ...moved, totalMs: transfer.totalMs + ms, lull: shifted(transfer.lull, ms) };
  }
  const isSilent = from >= transfer.silenceFromMs && from < transfer.silenceFromMs + transfer.silenceMs;
  const longest = ms > transfer.silenceMs ? { silenceMs: ms, silenceFromMs: from } : {};
  const silence = isSilent ? { silenceMs: transfer.silenceMs + ms } : longest;
  return { ...transfer, ...silence, totalMs: transfer.totalMs + ms };
}

function shifted(lull: Transfer['lull'], ms: number): Transfer['lull'] {
  return lull === null ? null : { ...lull, fromMs: lull.fromMs + ms, untilMs: lull.untilMs + ms };
}

/** The process stands still: the transfer waits, and probes are accepted and answered afterwards. */
const pauses: Environment = (transfer, random) => {
  const found = episode(transfer, random, () => Math.min(120_000, random.around(6_000, 0.9)));
  if (found === null) return base(transfer);
  const [from, until] = found;
  const fate = (at: number) => (at >= from && at < until ? { acceptsMs: 1, answersMs: until - at + 5 } : quick);
  return {
    ...base(delayed(transfer, from, until)),
    fate,
    reachesOrigin: (at, _dice, within) => at < from || at >= until - within,
  };
};

/** No packet passes: a connection completes with the next retry of its SYN. */
const blips: Environment = (transfer, random) => {
  const found = episode(transfer, random, () => Math.min(90_000, random.around(4_000, 0.9)));
  if (found === null) return base(transfer);
  const [from, until] = found;
  const fate = (at: number): Fate => {
    if (at < from || at >= until) return quick;
    const retry = [1, 3, 7, 15, 31, 63, 127].map((s) => s * 1_000).find((ms) => at + ms >= until);
    return retry === undefined ? {} : { acceptsMs: retry, answersMs: retry + 5 };
  };
  const keepAliveEndMs = ({ idleMs, lostMs }: KeepAlive) => {
    const endMs = from + random.between(0, idleMs) + lostMs;
    return endMs < until ? endMs : null;
  };
  return {
    ...base(delayed(transfer, from, until)),
    fate,
    keepAliveEndMs,
    reachesOrigin: (at) => at < from || at >= until,
  };
};

/** The server is gone or slow while the scanner has the whole object. */
const originGone: Environment = (transfer) => ({ ...base(transfer), reachesOrigin: () => false });

/** New connections are dropped for a while. */
const dropsNew: Environment = (transfer, random) => {
  const found = episode(transfer, random, () => random.between(20_000, 300_000));
  if (found === null) return base(transfer);
  const isIn = (at: number) => at >= found[0] && at < found[1];
  return { ...base(transfer), fate: (at) => (isIn(at) ? {} : quick), reachesOrigin: (at) => !isIn(at) };
};

/** One of four workers hangs; it does not have this transfer. */
const otherWorker: Environment = (transfer, random) => {
  const found = episode(transfer, random, () => random.magnitude(20_000, 3_600_000));
  if (found === null) return base(transfer);
  const fate = (at: number, dice: Random): Fate =>
    at >= found[0] && at < found[1] && dice.chance(0.25) ? { acceptsMs: 1, answersMs: found[1] - at } : quick;
  return { ...base(transfer), fate, reachesOrigin: (_at, dice) => !dice.chance(0.25) };
};

/** Slow to answer new requests, always. */
const overloaded =
  (medianMs: number): Environment =>
  (transfer) => ({
    ...base(transfer),
    fate: (_at, dice) => ({ acceptsMs: 1, answersMs: dice.around(medianMs, 0.6) }),
    reachesOrigin: (_at, dice, within) => dice.around(medianMs, 0.6) <= within,
  });

/** Slow for some minutes. */
const spikes =
  (medianMs: number): Environment =>
  (transfer, random) => {
    const found = episode(transfer, random, () => random.between(MINUTE_MS, 10 * MINUTE_MS));
    if (found === null) return base(transfer);
    const isIn = (at: number) => at >= found[0] && at < found[1];
    return {
      ...base(transfer),
      fate: (at, dice) => (isIn(at) ? { acceptsMs: 1, answersMs: dice.around(medianMs, 0.9) } : quick),
      reachesOrigin: (at, dice, within) => !isIn(at) || dice.around(medianMs, 0.9) <= within,
    };
  };

/** What a proxy does that allows one connection for each client. */
const oneConnection =
  (fate: Fate): Environment =>
  (transfer) => ({ ...base(transfer), fate: () => fate, reachesOrigin: () => false });

/** By name, with a word of what it is. */
export const ENVIRONMENTS: Readonly<Record<string, Environment>> = {
  plain: base,
  k: pauses,
  l: blips,
  o: originGone,
  i: dropsNew,
  gL: otherWorker,
  s5: spikes(5_000),
  s15: spikes(15_000),
  j2: overloaded(2_000),
  j4: overloaded(4_000),
  j8: overloaded(8_000),
  h1: oneConnection({ endsMs: 1 }),
  h2: oneConnection({}),
  h3: oneConnection({ acceptsMs: 1, harms: true }),
  h4: oneConnection({ acceptsMs: 1 }),
};

/** Shares of each environment, in percent. */
export const LIVING_MIXES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  calm: { plain: 93, k: 2, l: 2, o: 1, s5: 1, i: 0.5, gL: 0.5 },
  busy: { plain: 64, k: 5, l: 3, o: 3, s5: 8, s15: 5, j2: 5, j4: 3, i: 1, gL: 3 },
  hostile: { plain: 45, k: 5, l: 5, o: 5, s5: 8, s15: 8, j4: 5, j8: 3, i: 3, gL: 5, h1: 2, h2: 2, h3: 2, h4: 2 },
};
