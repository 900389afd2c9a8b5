// Kinds of route, as vendors describe their proxies (docs/response-timeout.md names the sources). Each kind says what a
// response over such a route looks like for a given job. Everything is drawn from the random numbers of the scenario.

import type { RouteKey } from '#timeout/model.ts';
import type { Random } from './random.ts';
import { held, streamed, type Thing, type Transfer, trickled } from './transfers.ts';

const MB = 1e6;
const DAY_MS = 86_400_000;

/** What holds for one job. */
export interface Conditions {
  readonly route: RouteKey;
  /** Every attempt is dead at present. */
  readonly down?: boolean;
  draw(thing: Thing, random: Random): Transfer;
}

/** A kind of route. Its world is asked for each job in order. */
export interface Kind {
  readonly name: string;
  /** Share of dead attempts, if it differs from the default. */
  readonly dead?: number;
  /** Time between jobs, if it differs from the default. */
  readonly everyMs?: number;
  world(random: Random): (job: number, atMs: number) => Conditions;
}

type Draw = Conditions['draw'];

const ROUTE: RouteKey = { proxy: 'http://proxy.example.com:3128', origin: 'https://updates.example.com' };

/** The same at all times. */
export function steady(name: string, draw: Draw): Kind {
  return { name, world: () => () => ({ route: ROUTE, draw }) };
}

/** With a factor of slowness for each job. */
export function varying(
  name: string,
  factor: (random: Random) => (job: number, atMs: number) => number,
  draw: ByPace,
): Kind {
  return {
    name,
    world: (random) => {
      const at = factor(random);
      return (job, atMs) => {
        const slow = at(job, atMs);
        return { route: ROUTE, draw: (thing, noise) => draw(thing, noise, slow) };
      };
    },
  };
}

type ByPace = (thing: Thing, random: Random, slow: number) => Transfer;

/** How long a scanner holds a package of this size and density. */
export function scanMs(
  { size, density }: Thing,
  random: Random,
  by: { readonly mbPerSecond: number; readonly spread?: number; readonly slow?: number },
): number {
  const fetchMs = (size / random.around(6 * MB, 0.25)) * 1_000;
  const workMs = ((size / MB) * 1_000 * Math.exp((by.spread ?? 0.4) * density)) / by.mbPerSecond;
  return (random.around(250, 0.5) + fetchMs + workMs * random.around(1, 0.12)) * (by.slow ?? 1);
}

export const scanner: ByPace = (thing, random, slow) =>
  held(thing.size, scanMs(thing, random, { mbPerSecond: 2.5, slow }), random);

export const fastStream: Draw = ({ size }, random) =>
  streamed(size, {
    firstMs: random.around(120, 0.5),
    bytesPerSecond: random.around(15 * MB, 0.4),
    stallMs: random.around(60, 0.9),
  });

const cacheHit: Draw = ({ size }, random) =>
  streamed(size, {
    firstMs: random.around(15, 0.5),
    bytesPerSecond: random.around(40 * MB, 0.3),
    stallMs: random.around(10, 0.6),
  });

const slowStream: Draw = ({ size }, random) =>
  streamed(size, {
    firstMs: random.around(400, 0.5),
    bytesPerSecond: random.around(0.15 * MB, 0.25),
    stallMs: Math.min(240_000, random.pareto(400, 1.6) * (1 + Math.log10(1 + size / MB))),
  });

/** The proxy is replaced at job 500. */
function replaced(name: string, before: Draw, after: Draw): Kind {
  return { name, world: () => (job) => ({ route: ROUTE, draw: job < 500 ? before : after }) };
}

const kindOfTrickle = {
  /** A chunk, then a byte for each thousand fetched, silence while it scans. */
  perThousand: (thing: Thing, random: Random) => {
    const scan = scanMs(thing, random, { mbPerSecond: 3 });
    const fetchMs = (thing.size / (6 * MB)) * 1_000;
    return trickled(
      thing.size,
      {
        firstMs: random.around(300, 0.4),
        heldMs: fetchMs + scan,
        perSecond: 2_000,
        silenceMs: scan,
        fromBytes: 4_096,
        bytesPerSecond: 6 * MB,
      },
      random,
    );
  },
  bytePerSecond: (thing: Thing, random: Random) =>
    trickled(
      thing.size,
      {
        firstMs: random.around(1_100, 0.2),
        heldMs: scanMs(thing, random, { mbPerSecond: 2 }),
        perSecond: 1,
        silenceMs: random.around(1_400, 0.2),
        fromBytes: 1,
        bytesPerSecond: 6 * MB,
      },
      random,
    ),
  lastPart: (thing: Thing, random: Random) =>
    trickled(
      thing.size,
      {
        firstMs: random.around(200, 0.5),
        heldMs: scanMs(thing, random, { mbPerSecond: 2 }),
        perSecond: 1,
        silenceMs: random.around(1_300, 0.25),
        fromBytes: Math.max(1, thing.size - 16_384),
        bytesPerSecond: random.around(5 * MB, 0.3),
      },
      random,
    ),
  sparse: (thing: Thing, random: Random) => {
    const scan = scanMs(thing, random, { mbPerSecond: 1 });
    return trickled(
      thing.size,
      {
        firstMs: Math.min(scan, random.around(30_000, 0.05)),
        heldMs: scan,
        perSecond: 20,
        silenceMs: random.around(30_000, 0.06),
        fromBytes: 1,
        bytesPerSecond: 6 * MB,
      },
      random,
    );
  },
};

/** A share of things is in a cache; which ones is decided per package. */
export function cached(name: string, share: number, miss: Draw): Kind {
  return steady(name, (thing, random) => (thing.mode < share ? cacheHit(thing, random) : miss(thing, random)));
}

/** Slower from one job on, until another. */
function between(from: number, until: number, slow: number) {
  return () => (job: number) => (job >= from && job < until ? slow : 1);
}

const heavyTail: Draw = (thing, random) => {
  const density = Math.min(60, (1 - thing.mode) ** (-1 / 1.5));
  return held(thing.size, scanMs({ ...thing, density: 0 }, random, { mbPerSecond: 6 / density }), random);
};

/** Episodes during which all is slower: how often they begin, and how long they last, in jobs. */
function episodes(begin: number, jobs: number, slow: number) {
  return (random: Random) => {
    let left = 0;
    return () => {
      if (left > 0) left -= 1;
      else if (random.chance(begin)) left = Math.ceil(random.around(jobs, 0.5));
      return left > 0 ? slow : 1;
    };
  };
}

const outages: Kind = {
  name: 'outages',
  world: (random) => {
    let left = 0;
    return () => {
      if (left > 0) left -= 1;
      else if (random.chance(1 / 400)) left = Math.ceil(random.between(0, 4));
      return { route: ROUTE, down: left > 0, draw: (thing, noise) => scanner(thing, noise, 1) };
    };
  },
};

const newOrigins: Kind = {
  name: 'newOrigins',
  world: () => (job) => ({
    route: { ...ROUTE, origin: `https://origin-${Math.floor(job / 10)}.example.com` },
    draw: (thing, random) => scanner(thing, random, 1),
  }),
};

const newProxies: Kind = {
  name: 'newProxies',
  world: (random) => {
    let inner = ((): Conditions => ({ route: ROUTE, draw: fastStream })) as (job: number, atMs: number) => Conditions;
    return (job, atMs) => {
      if (job % 10 === 0) inner = random.pick(SIMPLE).world(random);
      const proxy = `http://proxy-${Math.floor(job / 10)}.example.com:3128`;
      return { ...inner(job, atMs), route: { ...ROUTE, proxy } };
    };
  },
};

const SIMPLE: readonly Kind[] = [
  steady('streamFast', fastStream),
  steady('streamSlow', slowStream),
  steady('sfScan', (thing, random) => scanner(thing, random, 1)),
  steady('sfHeaders', (thing, random) => held(thing.size, scanMs(thing, random, { mbPerSecond: 1.2 }), random)),
  steady('trickle1000', kindOfTrickle.perThousand),
  steady('trickle1Bps', kindOfTrickle.bytePerSecond),
  steady('trickleEnd', kindOfTrickle.lastPart),
  steady('sparseTrickle', kindOfTrickle.sparse),
  cached('cacheMix70', 0.7, (thing, random) => scanner(thing, random, 1)),
  cached('cacheMix95', 0.95, (thing, random) => scanner(thing, random, 1)),
];

/** The kinds that the model was tuned on, on other seeds. */
export const KINDS: readonly Kind[] = [
  ...SIMPLE,
  varying('drift24h', () => (_job, atMs) => 3 - 2 * Math.cos((2 * Math.PI * atMs) / DAY_MS), scanner),
  replaced('toScanner', fastStream, (thing, random) => scanner(thing, random, 1)),
  replaced('toStream', (thing, random) => scanner(thing, random, 1), fastStream),
  varying('slow6x', between(500, 1_000, 6), scanner),
  steady('heavyTail', heavyTail),
  varying('congestion', episodes(1 / 120, 6, 7), scanner),
  outages,
  newOrigins,
  newProxies,
];
