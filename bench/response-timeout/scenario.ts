// All jobs of one kind of route for one seed. They are drawn once, so that every policy gets the same attempts: which
// are dead, what each would deliver, and how long a policy that knows the future would wait.

import type { RouteKey } from '#timeout/model.ts';
import type { Conditions, Kind } from './kinds.ts';
import { Random, seedOf } from './random.ts';
import type { Thing, Transfer } from './transfers.ts';

const ATTEMPTS = 4;
/** The clairvoyant waits until 99.9 % of good transfers have arrived. */
const CLAIRVOYANT = { draws: 1_500, share: 0.999 };
const USUAL = { dead: 0.04, everyMs: 15 * 60_000 };

/** How an attempt is dead: from the start, in the middle, or by one byte per second without end. */
type Death = 'mute' | 'stuck' | 'drip';

export interface Attempt {
  readonly death: Death | null;
  /** The response, or what it would have been; a dead one stops at `stopShare` of it. */
  readonly transfer: Transfer;
  readonly stopShare: number;
}

export interface Job {
  readonly route: RouteKey;
  readonly atMs: number;
  readonly size: number;
  readonly down: boolean;
  readonly attempts: readonly Attempt[];
  /** What the clairvoyant would allow in each phase. */
  truth(): Truth;
}

export interface Truth {
  readonly firstByteMs: number;
  readonly silenceMs: number;
  readonly totalMs: number;
}

/** The same for the same numbers. */
export function scenarioOf(kind: Kind, seed: number, jobs: number): Job[] {
  const nameSeed = [...kind.name].reduce((sum, letter) => seedOf(sum, letter.charCodeAt(0)), 7);
  const random = new Random(seedOf(seed, nameSeed));
  const conditionsAt = kind.world(new Random(seedOf(seed, nameSeed, 1)));
  const everyMs = kind.everyMs ?? USUAL.everyMs;
  return Array.from({ length: jobs }, (_none, index) => {
    // A year after the epoch, at uneven times.
    const atMs = Math.floor(365 * 86_400_000 + everyMs * (index + random.between(-0.3, 0.3)));
    const conditions = conditionsAt(index, atMs);
    const size = anySize(random);
    const thing = { size, density: random.normal(), mode: random.next() };
    const death = () => (random.chance(kind.dead ?? USUAL.dead) ? anyDeath(random) : null);
    const attempts = Array.from({ length: ATTEMPTS }, () => ({
      death: conditions.down === true ? 'mute' : death(),
      transfer: conditions.draw(thing, random),
      stopShare: random.next(),
    }));
    const truthSeed = seedOf(seed, nameSeed, 2, index);
    let known: Truth | null = null;
    const truth = () => (known ??= clairvoyant(conditions, size, truthSeed));
    return { route: conditions.route, atMs, size, down: conditions.down === true, attempts, truth };
  });
}

/** 10 KB to 1.2 GB: patches, packages, and now and then an image. */
function anySize(random: Random): number {
  return Math.round(random.chance(0.6) ? random.magnitude(1e4, 5e7) : random.magnitude(1e6, 1.2e9));
}

function anyDeath(random: Random): Death {
  const chance = random.next();
  if (chance < 0.4) return 'mute';
  return chance < 0.8 ? 'stuck' : 'drip';
}

/** The 99.9th percentile of the time of good transfers of this size. */
function clairvoyant(conditions: Conditions, size: number, seed: number): Truth {
  const random = new Random(seed);
  const { draws, share } = CLAIRVOYANT;
  const [first, silence, total] = [new Float64Array(draws), new Float64Array(draws), new Float64Array(draws)];
  for (let draw = 0; draw < draws; draw += 1) {
    const thing: Thing = { size, density: random.normal(), mode: random.next() };
    const transfer = conditions.draw(thing, random);
    first[draw] = transfer.firstMs;
    silence[draw] = transfer.silenceMs;
    total[draw] = transfer.totalMs;
  }
  const at = Math.floor(share * draws);
  const quantile = (values: Float64Array) => Math.max(1, values.sort()[at] ?? 0);
  return { firstByteMs: quantile(first), silenceMs: quantile(silence), totalMs: quantile(total) };
}
