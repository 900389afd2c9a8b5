// Kinds of route that were not used for tuning. They show whether the model fits only the kinds that were.

import { cached, fastStream, type Kind, scanMs, scanner, steady, varying } from './kinds.ts';
import type { Random } from './random.ts';
import { held, streamed, type Thing } from './transfers.ts';

const MB = 1e6;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Scans at most 50 MB of a file. */
const saturating = steady('saturating', (thing, random) => {
  const scanned = { ...thing, size: Math.min(thing.size, 50 * MB) };
  const rest = ((thing.size - scanned.size) / (10 * MB)) * 1_000;
  return held(thing.size, scanMs(scanned, random, { mbPerSecond: 1 }) + rest * 0.05, random);
});

/** Larger files are passed unscanned: the largest are the fastest. */
const bypass = steady('sizeBypass', (thing, random) =>
  thing.size > 10 * MB
    ? fastStream(thing, random)
    : held(thing.size, scanMs(thing, random, { mbPerSecond: 0.4 }), random),
);

/** By day eight times slower than by night, from one minute to the next. */
const twoSpeed = varying(
  'twoSpeed',
  () => (_job, atMs) => (atMs % DAY_MS > 8 * HOUR_MS && atMs % DAY_MS < 18 * HOUR_MS ? 8 : 1),
  scanner,
);

/** A queue before the scanner, whatever the size: calm for long, then minutes. */
const burstyQueue: Kind = {
  name: 'burstyQueue',
  world: (random) => {
    let level = 0;
    return () => {
      level = 0.8 * level + random.normal();
      const queueMs = 1_000 * Math.exp(1.1 * level);
      return {
        route: routeTo('updates'),
        draw: (thing, noise) =>
          held(thing.size, queueMs * noise.around(1, 0.4) + scanMs(thing, noise, { mbPerSecond: 4 }), noise),
      };
    };
  },
};

/** The first answer after a pause wakes something up. */
const warmUp = steady('warmUp', (thing, random) => {
  const wakeMs = random.chance(0.08) ? random.between(20_000, 60_000) : 0;
  return streamed(thing.size, {
    firstMs: wakeMs + random.around(300, 0.5),
    bytesPerSecond: random.around(8 * MB, 0.4),
    stallMs: random.around(80, 0.8),
  });
});

/** Plain files, archives, archives in archives. */
const multiModal = steady('multiModal', (thing, random) =>
  held(thing.size, scanMs(thing, random, { mbPerSecond: 8 / densityOf(thing), spread: 0.25 }), random),
);

function densityOf({ mode }: Thing): number {
  if (mode < 0.8) return 1;
  return mode < 0.97 ? 6 : 40;
}

/** A link that gets slower and faster again by chance, over weeks. */
const driftingLink = varying(
  'driftingLink',
  (random) => {
    let level = 0;
    return () => {
      level = 0.998 * level + 0.06 * random.normal();
      return Math.exp(level);
    };
  },
  ({ size }, random, slow) =>
    streamed(size, {
      firstMs: random.around(300, 0.4) * slow,
      bytesPerSecond: random.around(2 * MB, 0.3) / slow,
      stallMs: random.around(300, 0.8) * slow,
    }),
);

/** A few files are run in a sandbox for minutes before they are let through. */
const sandbox = steady('sandbox', (thing, random) => {
  const detonation = thing.mode > 0.97 ? random.around(180_000, 0.25) : 0;
  return held(thing.size, detonation + scanMs(thing, random, { mbPerSecond: 5 }), random);
});

/** Unpacking costs more than in proportion. */
const superlinear = steady('superlinear', (thing, random) => {
  const grown = { ...thing, size: thing.size * (1 + thing.size / (200 * MB)) };
  return held(thing.size, scanMs(grown, random, { mbPerSecond: 4 }), random);
});

/** The line is shared with zero to seven others at a time. */
const sharedLine: Kind = {
  name: 'sharedLine',
  world: (random) => () => {
    const sharers = 1 + Math.floor(random.between(0, 8));
    return { route: routeTo('updates'), draw: (thing, noise) => scanner(thing, noise, sharers / 2) };
  },
};

/** Four origins behind one proxy, of very different speeds, in turn. */
const mixedOrigins: Kind = {
  name: 'mixedOrigins',
  world: (random) => () => {
    const nth = Math.floor(random.between(0, 4));
    return { route: routeTo(`origin-${nth}`), draw: (thing, noise) => scanner(thing, noise, 4 ** nth / 8) };
  },
};

/** Once a week all clients update at once. */
const updateDay = varying('updateDay', () => (_job, atMs) => (Math.floor(atMs / DAY_MS) % 7 === 2 ? 4 : 1), scanner);

/** The proxy was replaced again and again: each month another speed. */
const monthly: Kind = {
  ...varying(
    'monthlyChange',
    (random: Random) => {
      let [month, slow] = [-1, 1];
      return (_job, atMs) => {
        const now = Math.floor(atMs / (30 * DAY_MS));
        if (now !== month) [month, slow] = [now, random.magnitude(0.3, 4)];
        return slow;
      };
    },
    scanner,
  ),
  everyMs: 6 * HOUR_MS,
};

/** Ten downloads a month for years. */
const rarely: Kind = { ...steady('tenAMonth', (thing, random) => scanner(thing, random, 2)), everyMs: 3 * DAY_MS };

/** Nearly every third attempt dies. */
const deadProne: Kind = { ...steady('deadProne', (thing, random) => scanner(thing, random, 1)), dead: 0.3 };

/** What is not in the cache goes over a slow scanner, and nearly all is in the cache. */
const rareMiss = cached('rareMiss99', 0.99, (thing, random) =>
  held(thing.size, scanMs(thing, random, { mbPerSecond: 1 }), random),
);

function routeTo(origin: string) {
  return { proxy: 'http://proxy.example.com:3128', origin: `https://${origin}.example.com` };
}

/** Half a megabyte a second, and dense packages for half an hour and more. */
const slowScan = steady('slowScan', (thing, random) =>
  held(thing.size, scanMs(thing, random, { mbPerSecond: 0.5, spread: 0.6 }), random),
);

export const STRESS: readonly Kind[] = [
  slowScan,
  saturating,
  bypass,
  twoSpeed,
  burstyQueue,
  warmUp,
  multiModal,
  driftingLink,
  sandbox,
  superlinear,
  sharedLine,
  mixedOrigins,
  updateDay,
  monthly,
  rarely,
  deadProne,
  rareMiss,
];
