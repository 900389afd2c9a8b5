// Causes of death of a transfer. Each says what probes of the proxy show then, what ends the transfer if no deadline
// does, and whether the server still answers. The shares are assumptions, because there are no measurements from the
// field.

import type { Random } from './random.ts';
import type { Fate, KeepAlive } from './witness-environments.ts';

/** A death that has begun at time 0. */
interface DeathSigns {
  /** What becomes of a probe, by the time since the death. */
  fate(sinceMs: number, random: Random): Fate;
  /** When the transfer ends by an error; null for never. */
  errorMs(keepAlive: KeepAlive): number | null;
  readonly reachesOrigin: boolean;
  /** Single bytes continue to arrive. */
  readonly drips: boolean;
}

type Cause = (random: Random) => DeathSigns;

const quick: Fate = { acceptsMs: 1, answersMs: 5 };
const alive: DeathSigns = { fate: () => quick, errorMs: () => null, reachesOrigin: true, drips: false };
const dead = { errorMs: () => null, reachesOrigin: false, drips: false };
const byKeepAlive = (random: Random) => {
  const share = random.next();
  return ({ idleMs, lostMs }: KeepAlive) => share * idleMs + lostMs;
};

/** The host boots: silent, then refused, then alive. */
const reboots: Cause = (random) => {
  const upMs = random.around(25_000, 0.4);
  const lost = byKeepAlive(random);
  const fate = (since: number): Fate => {
    if (since >= upMs + 5_000) return quick;
    return since >= upMs ? { endsMs: 1 } : {};
  };
  // A keep-alive probe that reaches the booted host is answered by a reset.
  return { ...dead, fate, errorMs: (keepAlive) => Math.min(lost(keepAlive), upMs + random.between(0, 1_000)) };
};

/** The process hangs, and the queue of connections fills. */
const hangsFull: Cause = (random) => {
  const fullMs = random.between(1_000, 30_000);
  return { ...dead, fate: (since) => (since < fullMs ? { acceptsMs: 1 } : {}) };
};

export const CAUSES: Readonly<Record<string, Cause>> = {
  a1: () => ({ ...dead, fate: () => ({ acceptsMs: 1 }) }),
  a1s: hangsFull,
  a2: (random) => ({ ...dead, fate: () => ({}), errorMs: byKeepAlive(random) }),
  b: reboots,
  c1: (random) => {
    const ms = random.between(10_000, 60_000);
    return { ...alive, reachesOrigin: false, errorMs: () => ms };
  },
  c2: () => ({ ...alive, reachesOrigin: false }),
  d1: () => alive,
  d2: (random) => ({ ...alive, errorMs: byKeepAlive(random) }),
  e: () => alive,
  'e-trickle': () => ({ ...alive, drips: true }),
  f: () => ({ ...alive, reachesOrigin: false }),
  g: () => ({ ...alive, fate: (_since, random) => (random.chance(0.25) ? { acceptsMs: 1 } : quick) }),
};

/** The proxy hangs, vanished or reboots: what a probe can notice. */
export const VISIBLE: ReadonlySet<string> = new Set(['a1', 'a1s', 'a2', 'b']);

/** Shares of each cause, in percent. */
export const DEATH_MIXES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  proxy: { a1: 20, a1s: 10, a2: 15, b: 10, c1: 7.5, c2: 7.5, d1: 7.5, d2: 7.5, e: 7, 'e-trickle': 3, f: 3, g: 2 },
  origin: { a1: 5, a1s: 5, a2: 5, b: 5, c1: 17.5, c2: 17.5, d1: 10, d2: 10, e: 14, 'e-trickle': 6, f: 3, g: 2 },
  even: Object.fromEntries(Object.keys(CAUSES).map((cause) => [cause, 100 / Object.keys(CAUSES).length])),
};
