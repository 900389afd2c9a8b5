// Rounds outside the hours of updates.window: what waits, what is kept, and what is published when the hours begin.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { crashPlaces } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
const HOUR = 3_600_000;
const JAR = makeJar('u1', 200_000);
const HALF = 60_000;
const STAGED = `${DIR}/packages/.staging/u1.jar.unverified`;
const PUBLISHED = `${DIR}/packages/u1.jar`;
/** Outside and inside the hours 22:00-05:00. */
const EVENING = Date.parse('2026-12-02T20:00:00Z');
const NIGHT = Date.parse('2026-12-02T23:00:00Z');

let origin: ScriptedOrigin;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  origin.serve('/u1.jar', JAR);
  origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
});
afterEach(() => origin.close());

async function open(
  window: Record<string, unknown>,
  around: { wall: number; files?: CrashingFiles },
): Promise<Rig & { files: CrashingFiles; clock: FakeClock }> {
  const { wall, files = new CrashingFiles() } = around;
  const clock = new FakeClock(wall);
  const settings = testSettings(DIR, {
    time_zone: 'UTC',
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge`, window },
  });
  return { ...(await openRig({ files, dir: DIR, settings, clock })), files, clock };
}

const DOWNLOAD = { download: ['22:00-05:00'] };
const PUBLISH = { publish: ['22:00-05:00'] };
const packages = () => origin.asked.filter((path) => path.endsWith('.jar'));
const names = ({ events }: Rig) => events.map(({ name }) => name);

describe('download window', () => {
  it('a round outside it reads the feed, and its packages wait', async () => {
    const rig = await open(DOWNLOAD, { wall: EVENING });
    expect(await rig.round()).toMatchObject({ error: null, parked: ['u1'], failed: [], waitsFor: ['download'] });

    expect(packages()).toEqual([]);
    expect(rig.events).toContainEqual({
      name: 'window-waits',
      at: EVENING + 2 * HOUR,
      key: 'updates.window.download',
      count: 1,
      what: 'download',
    });
  });

  it('packages inside it are downloaded and published', async () => {
    const rig = await open(DOWNLOAD, { wall: NIGHT });
    expect(await rig.round()).toMatchObject({ published: ['u1'], parked: [], waitsFor: [] });
  });

  it('check --now downloads and publishes outside it', async () => {
    const rig = await open({ ...DOWNLOAD, ...PUBLISH }, { wall: EVENING });
    expect(await rig.round(undefined, 'now')).toMatchObject({ published: ['u1'], parked: [], ready: [] });
  });

  it('a download that its end stops has not failed, and keeps its bytes', async () => {
    const rig = await open(DOWNLOAD, { wall: Date.parse('2026-12-03T04:30:00Z') });
    origin.on('/u1.jar', (_request, response) => {
      response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
      response.write(JAR.subarray(0, HALF));
    });
    const round = rig.round();
    await expect.poll(async () => (await rig.ports.files.facts(STAGED))?.size, { interval: 2 }).toBe(HALF);
    rig.clock.stepWall(HOUR);
    await rig.clock.advanceAsync(30_000);

    expect(await round).toMatchObject({ parked: ['u1'], failed: [], packageRetryAtMs: null, waitsFor: ['download'] });
    expect(rig.codes()).toEqual([]);
    expect(rig.ports.retries.nextFor('u1')).toBeNull();
    expect(rig.ports.timeouts.learned).toBeNull();
    expect(rig.events).toContainEqual({
      name: 'download-parked',
      id: 'u1',
      at: Date.parse('2026-12-03T22:00:00Z'),
      received: HALF,
      length: JAR.length,
    });

    const ranges: (string | undefined)[] = [];
    origin.on('/u1.jar', (request, response) => {
      ranges.push(request.headers.range);
      const head = { 'content-length': JAR.length - HALF, etag: '"v1"' };
      response.writeHead(206, { ...head, 'content-range': `bytes ${HALF}-${JAR.length - 1}/${JAR.length}` });
      response.end(JAR.subarray(HALF));
    });
    const later = await open(DOWNLOAD, { wall: NIGHT, files: rig.files.afterCrash('power-lost') });
    expect(await later.round()).toMatchObject({ published: ['u1'] });
    expect(ranges).toEqual([`bytes=${HALF}-`]);
    expect(later.files.content(PUBLISHED)).toEqual(JAR);
  });

  it('a retry of a failed package waits for it', async () => {
    const rig = await open(DOWNLOAD, { wall: NIGHT });
    origin.on('/u1.jar', (_request, response) => response.writeHead(503).end());
    const failed = await rig.round();
    expect(failed.packageRetryAtMs).not.toBeNull();
    rig.clock.stepWall(8 * HOUR);
    const parked = await rig.round();
    expect(parked).toMatchObject({ parked: ['u1'], failed: [], packageRetryAtMs: null, waitsFor: ['download'] });
    expect(rig.ports.retries.nextFor('u1')).not.toBeNull();
  });

  it('a package that is ready is published outside it', async () => {
    const rig = await open({ download: ['22:00-05:00'], publish: ['06:00-08:00'] }, { wall: NIGHT });
    expect(await rig.round()).toMatchObject({ ready: ['u1'], waitsFor: ['publish'] });
    rig.clock.stepWall(7.5 * HOUR);
    expect(await rig.round()).toMatchObject({ published: ['u1'], parked: [] });
    expect(packages()).toHaveLength(1);
  });
});

describe('publish window', () => {
  it('a package outside it becomes ready, and is verified again inside it', async () => {
    const rig = await open(PUBLISH, { wall: EVENING });
    expect(await rig.round()).toMatchObject({ ready: ['u1'], published: [], waitsFor: ['publish'] });
    expect(rig.events).toContainEqual({ name: 'ready-waits', id: 'u1', at: EVENING + 2 * HOUR });
    expect(rig.files.content(PUBLISHED)).toBeNull();

    rig.clock.stepWall(3 * HOUR);
    rig.events.length = 0;
    expect(await rig.round()).toMatchObject({ ready: [], published: ['u1'], waitsFor: [] });
    expect(names(rig).filter((name) => name === 'verified' || name === 'published')).toEqual(['verified', 'published']);
    expect(packages()).toHaveLength(1);
  });

  it('a package stays ready if it closes right before the publication', async () => {
    const rig = await open(PUBLISH, { wall: NIGHT });
    const { ports } = rig;
    const publishing = ports.hold.publishing.bind(ports.hold);
    ports.hold.publishing = (publication) => {
      expect(names(rig)).toContain('verified');
      rig.clock.stepWall(12 * HOUR);
      return publishing(publication);
    };
    expect(await rig.round()).toMatchObject({ ready: ['u1'], published: [] });
    expect(rig.files.content(PUBLISHED)).toBeNull();
  });

  it('a package that is withdrawn while it is ready is deleted', async () => {
    const rig = await open(PUBLISH, { wall: EVENING });
    await rig.round();
    origin.serve('/feed.json', feedOf([itemFor('u1', JAR, { withdrawn: true })], { serial: 2 }), 'application/json');
    expect(await rig.round()).toMatchObject({ ready: [], published: [] });
    expect(names(rig)).toContain('ready-discarded');
    expect(rig.files.names().filter((name) => name.includes('.staging/'))).toEqual([]);
  });

  it('a crash at any write publishes nothing outside it', {
    timeout: 60_000,
  }, async () => {
    const act = async (files: CrashingFiles) => (await open(PUBLISH, { wall: EVENING, files })).round();
    const empty = new CrashingFiles();
    await open(PUBLISH, { wall: EVENING, files: empty });
    const places = await crashPlaces(empty.afterCrash('killed'), act);
    expect(places.length).toBeGreaterThan(20);
    // Every third place: the operations in between are those of the hold, which its own test crashes at one by one.
    for (const [index, { n, when }] of places.entries()) {
      if (index % 3 !== 0) continue;
      const files = empty.afterCrash('killed');
      files.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
      await act(files).catch(() => undefined);
      const after = files.afterCrash(CRASH_MODES[index % CRASH_MODES.length] ?? 'torn', n);
      expect(after.content(PUBLISHED)).toBeNull();
      const rig = await open(PUBLISH, { wall: EVENING, files: after });
      expect(await rig.round()).toMatchObject({ ready: ['u1'] });
      rig.clock.stepWall(3 * HOUR);
      expect(await rig.round()).toMatchObject({ published: ['u1'] });
    }
  });
});
