// Whole rounds over paths that cut, cap, or change bytes, on a disk in memory, with sockets on loopback.

import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { makeJar } from '#test/support/jars.ts';
import { type Manner, type PackageServer, startPackageServer } from '#test/support/package-server.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { testSettings } from '#test/support/test-settings.ts';

const MIB = 1_048_576;
const JAR = makeJar('u1', 6 * MIB);
const OTHER = Buffer.concat([JAR.subarray(0, 4), Buffer.alloc(JAR.length - 4, 7)]);
const ORIGIN = 'http://127.0.0.1:9';
const CUT = 1.5 * MIB;
/** One clock for all processes of a test: what one observed must not be in the future of the next. */
const clock = scaledClock(20);

let server: PackageServer;
afterEach(() => server.close());

/** A host behind a proxy that answers in this manner. */
async function behind(manner: Partial<Manner>, files = new CrashingFiles()) {
  server = await startPackageServer({ jar: JAR, ...manner });
  return { files, open: () => reopen(files) };
}

function reopen(files: CrashingFiles, on: Clock = clock) {
  const settings = testSettings('/d', {
    updates: { feed_url: `${ORIGIN}/feed.json` },
    proxies: [{ name: 'corp', address: '127.0.0.1', port: server.port, default: true }],
    retry: { attempts: 2 },
    response_timeout: { mode: 'fixed', base_ms: 30_000 },
  });
  return openRig({ files, dir: '/d', settings, clock: on, routerClock: systemClock });
}

const route = () => ({ proxy: `http://127.0.0.1:${server.port}`, origin: ORIGIN });
const published = (files: CrashingFiles) => files.content('/d/packages/u1.jar')?.equals(JAR) ?? false;
const bytesOf = (ranges: PackageServer['ranges']) =>
  ranges.map((range) => (range === null ? JAR.length : range[1] - range[0] + 1));

describe('path limits: cuts after 1.5 MiB', () => {
  it('after two of them, parts follow that are not cut', async () => {
    const { files, open } = await behind({ cutAfter: CUT });
    const rig = await open();

    expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

    expect(published(files)).toBe(true);
    const [whole, rest, ...parts] = bytesOf(server.ranges);
    expect([whole, rest]).toEqual([JAR.length, JAR.length - CUT]);
    expect(parts.length).toBe(3);
    expect(Math.max(...parts)).toBeLessThan(CUT);
    expect(rig.codes().filter((code) => code === 'CONNECTION-LOST')).toHaveLength(2);
    expect(rig.events.filter(({ name }) => name === 'in-parts')).toHaveLength(1);
  });

  it('after kill -9 no byte on disk is requested again', async () => {
    const { files, open } = await behind({ cutAfter: CUT });
    const rig = await open();
    const killed = new AbortController();
    const round = rig.round(killed.signal);
    while (server.ranges.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    killed.abort(new Error('killed'));
    await expect(round).rejects.toThrow('killed');
    const onDisk = files.content('/d/packages/.staging/u1.jar.unverified')?.length ?? 0;
    const before = server.ranges.length;

    const next = await reopen(files.afterCrash('killed'));
    expect(next.ports.habits.adviceFor(route()).rangeBytes).toBe(Math.floor(CUT * 0.9));
    expect(await next.round()).toMatchObject({ published: ['u1'] });

    expect(server.ranges[before]?.[0]).toBeGreaterThanOrEqual(onDisk);
    expect(bytesOf(server.ranges.slice(before)).every((bytes) => bytes < CUT)).toBe(true);
  });
});

describe('path limits: a cap', () => {
  it('is passed in one round, in parts', async () => {
    const { files, open } = await behind({ cap: 2 * MIB });
    const rig = await open();

    expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

    expect(published(files)).toBe(true);
    expect(bytesOf(server.ranges).slice(0, 4)).toEqual([JAR.length, 3 * MIB, MIB, MIB]);
    expect(rig.codes()).toEqual([]);
    expect(rig.ports.habits.limitsOf(route())).toMatchObject([{ kind: 'size_cap', bytes: 3 * MIB }]);
  });

  it('that is below 1 MiB is a failure, PROXY-TOO-BIG', async () => {
    const { open } = await behind({ cap: 1_000_000 });
    const rig = await open();

    const { failed } = await rig.round();

    expect(failed.map(({ error }) => error.code)).toEqual(['PROXY-TOO-BIG']);
  });
});

describe('path limits: wrong bytes', () => {
  it('in a range cost one restart, and no range follows', async () => {
    const { files, open } = await behind({ cutAfter: 2 * MIB });
    const rig = await open();
    const stopped = new AbortController();
    const first = rig.round(stopped.signal);
    while (server.ranges.length < 1 || files.content('/d/packages/.staging/u1.jar.unverified')?.length !== 2 * MIB) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stopped.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
    server.manner = { jar: JAR, wrongRanges: OTHER };

    expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

    expect(published(files)).toBe(true);
    expect(server.ranges.at(-2)?.[0]).toBe(2 * MIB);
    expect(server.ranges.at(-1)).toBeNull();
    expect(server.heads.at(-1)).toMatch(/^cache-control: no-cache/im);
    expect(rig.ports.habits.adviceFor(route())).toMatchObject({ ranges: false, rangeBytes: null });
  });

  it('on disk are not published, and are not blamed on the path', async () => {
    const { files, open } = await behind({ cutAfter: 2 * MIB });
    const rig = await open();
    const stopped = new AbortController();
    const first = rig.round(stopped.signal);
    const staged = '/d/packages/.staging/u1.jar.unverified';
    while (files.content(staged)?.length !== 2 * MIB) await new Promise((resolve) => setTimeout(resolve, 5));
    stopped.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
    const flipped = Buffer.from(files.content(staged) ?? []);
    flipped[1_000_000] = (flipped[1_000_000] ?? 0) ^ 1;
    files.plantFile(staged, flipped);
    server.manner = { jar: JAR };
    const before = server.ranges.length;

    expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

    expect(published(files)).toBe(true);
    expect(bytesOf(server.ranges.slice(before))).toEqual([JAR.length - 2 * MIB, JAR.length]);
    expect(rig.ports.habits.limitsOf(route())).toEqual([]);
  });

  it('from a cache are requested past it, also for the next package', async () => {
    const { files, open } = await behind({ badCache: OTHER });
    const rig = await open();

    expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

    expect(published(files)).toBe(true);
    expect(server.heads.map((head) => /^cache-control: no-cache/im.test(head))).toEqual([false, true]);
    expect(rig.ports.habits.adviceFor(route()).noCache).toBe(true);
  });
});

it('path limits: a path that ignores ranges gets no request for parts', async () => {
  const { files, open } = await behind({ cutAfter: 3 * MIB, ignoresRanges: true });
  const rig = await open();
  const slow = rig.round();
  while (server.heads.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  server.manner = { jar: JAR, ignoresRanges: true };

  expect(await slow).toMatchObject({ published: ['u1'] });
  expect(published(files)).toBe(true);
  expect(server.heads.some((head) => /^range: bytes=\d+-\d/im.test(head))).toBe(false);
});

it('path limits: 256 KiB arrive through cuts at 4 KiB, at most one connection a second', async () => {
  const jar = makeJar('u1', 256 * 1_024 - 500);
  const fast = scaledClock(50);
  const times: number[] = [];
  server = await startPackageServer({ jar, cutAfter: 4_096, onPackage: () => times.push(fast.monotonic()) });
  const files = new CrashingFiles();
  const rig = await reopen(files, fast);

  expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

  expect(files.content('/d/packages/u1.jar')?.equals(jar)).toBe(true);
  const gaps = times.slice(1).map((at, n) => at - (times[n] ?? 0));
  expect(gaps).toHaveLength(Math.ceil(jar.length / 4_096) - 1);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  // 1 MiB in ten minutes: 2.3 s for each part. The median, because a busy machine delays some of them.
  expect(gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)]).toBeLessThan(2_300);
  expect(rig.ports.habits.limitsOf(route())).toMatchObject([
    { kind: 'cut_by_bytes', bytes: 4_096, use: 'downloads resume after each cut' },
  ]);
});
