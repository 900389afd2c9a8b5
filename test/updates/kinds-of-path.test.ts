// Whole rounds over real sockets through fake proxies of every kind, alive and dead. Time runs 200 times as fast.

import { afterEach, describe, expect, it } from 'vitest';
import { explainTimeouts } from '#daemon/answers/timeouts.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { ALIVE, DEAD, FASTER, type ScanningProxy, startScanningProxy } from '#test/support/scanning-proxy.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
/** For slow proxies. The shortest silence that is reported is then 200 ms of real time: a busy machine may stop for 50 ms. */
const SLOWER = 50;
const ORIGIN = 'http://127.0.0.1:9';
const JAR = makeJar('scanned', 400_000);
const opened: ScanningProxy[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((proxy) => proxy.close()));
});

/** A Sallyport behind a proxy of this kind that offers these packages, `/ID.jar` each. */
async function behind(
  manner: Parameters<typeof startScanningProxy>[0],
  over: {
    packages?: Record<string, Buffer>;
    attempts?: number;
    files?: CrashingFiles;
    holdMs?: (path: string) => number;
    timeouts?: Record<string, unknown>;
    faster?: number;
  } = {},
) {
  const packages = over.packages ?? { u1: JAR };
  const offered = new Set(Object.keys(packages));
  const proxy = await startScanningProxy(manner, {
    feed: () =>
      feedOf(
        [...offered].map((id) => itemFor(id, packages[id] ?? JAR, { package: id })),
        { serial: offered.size },
      ),
    packages: Object.fromEntries(Object.entries(packages).map(([id, jar]) => [`/${id}.jar`, jar])),
    ...(over.holdMs === undefined ? {} : { holdMs: over.holdMs }),
  });
  opened.push(proxy);
  const files = over.files ?? new CrashingFiles();
  const settings = testSettings(DIR, {
    updates: { feed_url: `${ORIGIN}/feed.json` },
    proxies: [{ name: 'scanner', address: '127.0.0.1', port: proxy.port, default: true }],
    retry: { attempts: over.attempts ?? 1 },
    response_timeout: over.timeouts ?? {},
  });
  const open = () =>
    openRig({ files, dir: DIR, settings, clock: scaledClock(over.faster ?? FASTER), routerClock: systemClock });
  const route = { proxy: `http://127.0.0.1:${proxy.port}`, origin: ORIGIN };
  return { proxy, route, open, rig: await open(), offered };
}

type Place = Awaited<ReturnType<typeof behind>>;

/** Teaches what a fast route teaches: deadlines are at their minimum, ten seconds. */
function teachQuick({ rig, route }: Place): void {
  for (let n = 0; n < 12; n += 1) {
    rig.ports.model.observe(route, {
      size: JAR.length,
      ok: true,
      timedOut: null,
      firstByteMs: 500,
      longestSilenceMs: 300,
      totalMs: 1_500,
      atMs: rig.ports.clock.now(),
    });
  }
}

const failuresOf = (events: readonly SallyportEvent[]) =>
  events.flatMap((event) => (event.name === 'download-failed' && event.error instanceof Error ? [event.error] : []));

describe('kinds of path: a package through a living proxy that is unknown yet', () => {
  it.each([
    ['streaming', 'streaming'],
    ['storeAndForward', 'held'],
    ['earlyHeaders', 'held'],
    ['trickleOneInThousand', 'trickled'],
    ['trickleOneByteASecond', 'trickled'],
    ['tailHeld', 'tail_held'],
    ['sparse', 'trickled'],
    ['cached', 'cached'],
  ] as const)('arrives at the first try: %s, and the path is known as %s', async (manner, kind) => {
    const faster = kind === 'trickled' ? { faster: SLOWER } : {};
    const { rig, proxy, route } = await behind(ALIVE[manner], faster);

    const report = await rig.round();

    expect([report.error, report.failed]).toEqual([null, []]);
    expect(report.published).toEqual(['u1']);
    expect(proxy.requests()).toBe(1);
    expect(rig.ports.model.samples(route)).toHaveLength(1);
    expect(rig.ports.habits.kindOf(route)).toBe(kind);
    expect(rig.events.find(({ name }) => name === 'downloaded')).toMatchObject({ kind });
  });

  it.each([
    ['pageThenObject', ['NOT-THE-PACKAGE']],
    ['muteOnce', ['RESPONSE-TIMEOUT']],
    ['hangsOnce', ['RESPONSE-TIMEOUT']],
    ['resetsOnce', ['CONNECTION-LOST']],
  ] as const)('arrives at the second try: %s', async (manner, codes) => {
    // A second request within the first attempt is tested in test/transfer/late-farewell.test.ts.
    const place = await behind(ALIVE[manner], { attempts: 2, timeouts: { probe: false } });
    teachQuick(place);

    const report = await place.rig.round();

    expect(report.published).toEqual(['u1']);
    expect(failuresOf(place.rig.events).map((error) => (error as { code?: unknown }).code)).toEqual(codes);
    expect(place.proxy.requests()).toBe(2);
  });
});

describe('kinds of path: a package through a dead proxy on a known route', () => {
  it.each([
    ['streamingThatStops', 'RESPONSE-TIMEOUT'],
    ['mute', 'RESPONSE-TIMEOUT'],
    ['headersThenNothing', 'RESPONSE-TIMEOUT'],
    ['trickleOneInThousand', 'RESPONSE-TRICKLES'],
    ['trickleOneByteASecond', 'RESPONSE-TRICKLES'],
    ['tailNeverComes', 'RESPONSE-TIMEOUT'],
    ['sparse', 'RESPONSE-TRICKLES'],
    ['pageOnly', 'NOT-THE-PACKAGE'],
    ['cachedThenNothing', 'RESPONSE-TIMEOUT'],
    ['resets', 'CONNECTION-LOST'],
  ] as const)('ends soon and says what it was: %s is %s', async (manner, code) => {
    const faster = code === 'RESPONSE-TRICKLES' ? { faster: SLOWER } : {};
    // The limits alone: with a probe, an attempt whose proxy and server answer lasts longer.
    const place = await behind(DEAD[manner], { ...faster, timeouts: { probe: false } });
    teachQuick(place);
    const taught = place.rig.ports.model.samples(place.route);
    const begun = place.rig.ports.clock.monotonic();

    const report = await place.rig.round();

    expect(report.failed.map(({ error }) => error.code)).toEqual([code]);
    expect(place.rig.ports.model.samples(place.route)).toEqual(taught);
    // A cold route would have waited for five minutes; a busy machine may take its time.
    expect(place.rig.ports.clock.monotonic() - begun).toBeLessThan(240_000);
  });

  it('kinds of path: a timeout names what this proxy has shown earlier', async () => {
    const place = await behind(DEAD.mute);
    teachQuick(place);
    const [failed] = (await place.rig.round()).failed;
    expect(failed?.error.message).toMatch(/this proxy has held packages of this size for up to 500 ms/);
  });
});

describe('kinds of path: what was learned', () => {
  /** Held for 1.3 seconds a kilobyte, as a slow scanner does with megabytes. */
  const SLOW = 1_300 / 1_000;
  const SIZES = { a: 10_000, b: 30_000, c: 60_000 };
  const small = Object.fromEntries(Object.entries(SIZES).map(([id, bytes]) => [id, makeJar(id, bytes)]));
  const large = makeJar('large', 300_000);
  const packages = { ...small, large };

  it('kinds of path: after learning, a package held for six minutes needs one try', async () => {
    const holdMs = (path: string) => (packages[path.slice(1, -4) as keyof typeof packages]?.length ?? 0) * SLOW;
    // Without the observations of this route, five minutes would be too short for it.
    const place = await behind(ALIVE.storeAndForward, { packages, holdMs });
    place.offered.delete('large');
    expect((await place.rig.round()).published.toSorted()).toEqual(['a', 'b', 'c']);

    const again = await place.open();
    const plans = (rig: typeof again) => explainTimeouts({ ...rig.ports, clock: place.rig.ports.clock }, large.length);
    const stripped = (rig: typeof again) => plans(rig).routes.map(({ plans: rows, evidence }) => ({ rows, evidence }));
    expect(stripped(again)).toEqual(stripped(place.rig));

    place.offered.add('large');
    const asked = place.proxy.requests();
    const report = await again.round();
    expect(report.published).toEqual(['large']);
    expect(place.proxy.requests()).toBe(asked + 1);
    const waited = again.events.find((event) => event.name === 'downloaded');
    expect(Number(waited?.['silence'])).toBeGreaterThan(380_000);
  });
});

describe('kinds of path: a server that drips', () => {
  it('has only its share of a round: after two packages the others wait', async () => {
    const packages = Object.fromEntries(['u1', 'u2', 'u3', 'u4'].map((id) => [id, makeJar(id, 100_000)]));
    const place = await behind(DEAD.trickleOneByteASecond, { packages, attempts: 3 });
    teachQuick(place);

    const report = await place.rig.round();

    expect(report.failed.map(({ error }) => error.code)).toEqual(['RESPONSE-TRICKLES', 'RESPONSE-TRICKLES']);
    expect(report.left).toBe(2);
    expect(place.proxy.requests()).toBe(2);
  });
});
