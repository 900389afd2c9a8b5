// Rounds while updates are on hold: what is fetched, kept, withdrawn, published by request, and published at the end.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { crashPlaces } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { Publisher } from '#updates/package/publisher.ts';
import { findReady, publishReady } from '#updates/package/ready.ts';

const DIR = '/data';
const STAGED = `${DIR}/packages/.staging/new2.jar.unverified`;
const PUBLISHED = `${DIR}/packages/new2.jar`;
const DAY = 86_400_000;
const JARS = new Map(['new2', 'tool4', 'new3'].map((id) => [id, makeJar(id, 3_000)]));
const item = (id: string, fields: Record<string, unknown> = {}) => itemFor(id, JARS.get(id) ?? Buffer.alloc(0), fields);
/** new2 requires tool4. */
const PAIR = [item('new2', { requires: ['tool4'] }), item('tool4', { package: 'tool' })];

let origin: ScriptedOrigin;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  for (const [id, jar] of JARS) origin.serve(`/${id}.jar`, jar);
  offer(PAIR);
});
afterEach(() => origin.close());

function offer(items: readonly unknown[], serial = 1): void {
  origin.serve('/feed.json', feedOf(items, { serial }), 'application/json');
}

async function open(files: CrashingFiles, clock: FakeClock): Promise<Rig> {
  const settings = testSettings(DIR, {
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
  });
  return await openRig({ files, dir: DIR, settings, clock });
}

async function held(files = new CrashingFiles()): Promise<Rig & { files: CrashingFiles; clock: FakeClock }> {
  const clock = new FakeClock();
  const rig = await open(files, clock);
  const now = clock.now();
  await rig.ports.hold.set({ until: now + 7 * DAY, since: now, reason: 'freeze', by: 'root', uid: 0 });
  return { ...rig, files, clock };
}

/** Requests of packages so far. */
const fetched = () => origin.asked.filter((path) => path.endsWith('.jar'));
const outcomes = () => origin.receipts.map(({ id, outcome }) => `${id} ${outcome}`);
const jars = (files: CrashingFiles) => files.names().filter((name) => /packages\/[^.]\S*\.jar$/.test(name));

describe('hold: a round', () => {
  it('hold: updates and what they require are downloaded and verified, but not published', async () => {
    const { round, files, events, ports } = await held();
    const report = await round();

    expect(report).toMatchObject({ error: null, published: [], ready: ['tool4', 'new2'], failed: [] });
    expect(jars(files)).toEqual([]);
    expect(outcomes()).toEqual([]);
    expect(events.filter(({ name }) => name === 'update-ready').map(({ id }) => id)).toEqual(['tool4', 'new2']);
    expect(events).toContainEqual(
      expect.objectContaining({ name: 'held-back', count: 2, by: 'root', reason: 'freeze' }),
    );
    expect((await findReady(ports, 'new2'))?.item.requires).toEqual(['tool4']);
  });

  it('hold: later rounds request no package again, also after a restart', async () => {
    const first = await held();
    await first.round();
    await first.round();
    const again = await open(first.files.afterCrash('power-lost'), first.clock);
    const report = await again.round();

    expect(fetched()).toEqual(['GET /tool4.jar', 'GET /new2.jar']);
    expect(report.ready).toEqual(['tool4', 'new2']);
    expect(again.events).toContainEqual(expect.objectContaining({ name: 'feed-read', wanted: 0 }));
    expect(again.events.map(({ name }) => name)).not.toContain('fetching');
  });

  it('hold: after its end everything is verified again and published in order, without a request', async () => {
    const { round, clock, files, events } = await held();
    await round();
    clock.advance(8 * DAY);
    events.length = 0;
    const report = await round();

    expect(report).toMatchObject({ published: ['tool4', 'new2'], ready: [] });
    expect(
      events.flatMap(({ name, id }) => (/^(?:verified|published)$/.test(name) ? [`${name} ${String(id)}`] : [])),
    ).toEqual(['verified tool4', 'published tool4', 'verified new2', 'published new2']);
    expect(fetched()).toHaveLength(2);
    expect(files.content(PUBLISHED)).toEqual(JARS.get('new2'));
    expect(outcomes()).toEqual(['tool4 published', 'new2 published']);
  });

  it('hold: a ready package that changed on disk is deleted and downloaded again', async () => {
    const { round, clock, files, events, ports } = await held();
    await round();
    const staged = await ports.files.openToWrite(STAGED);
    staged.write(Buffer.from('XXXX'), 100);
    await staged.close();
    clock.advance(8 * DAY);
    const report = await round();

    expect(report.published).toEqual(['tool4', 'new2']);
    expect(events).toContainEqual(
      expect.objectContaining({ name: 'package-problem', error: expect.objectContaining({ code: 'READY-DAMAGED' }) }),
    );
    expect(files.content(PUBLISHED)).toEqual(JARS.get('new2'));
  });

  it('hold: a ready package that the vendor withdraws is deleted', async () => {
    const { round, files, events } = await held();
    await round();
    offer([item('new2', { withdrawn: true }), item('tool4', { package: 'tool', withdrawn: true })], 2);
    const report = await round();

    expect(report.ready).toEqual([]);
    expect(events.filter(({ name }) => name === 'ready-discarded').map(({ id }) => id)).toEqual(['new2', 'tool4']);
    expect(files.names().filter((name) => name.includes('.staging/'))).toEqual([]);
  });

  it('hold: a published package that the vendor withdraws is withdrawn', async () => {
    const { round, files, ports } = await held();
    await ports.hold.release(0);
    await round();
    await ports.hold.set({ until: Date.UTC(2027, 0, 1), since: 0, reason: 'freeze', by: 'root', uid: 0 });
    offer([item('new2', { withdrawn: true }), item('tool4', { package: 'tool' })], 2);
    const report = await round();

    expect(report.withdrawn).toEqual(['new2']);
    expect(files.content(`${DIR}/packages/withdrawn/new2.jar`)).not.toBeNull();
    expect(outcomes()).toContain('new2 withdrawn');
  });

  it('hold: a newer version replaces the one that is ready', async () => {
    const { round, clock, files } = await held();
    await round();
    offer([...PAIR, item('new3')], 2);
    expect((await round()).ready).toEqual(['new3', 'tool4']);
    clock.advance(8 * DAY);
    expect((await round()).published).toEqual(['new3', 'tool4']);
    expect(jars(files)).toEqual([`${DIR}/packages/new3.jar`, `${DIR}/packages/tool4.jar`]);
  });

  it('hold: a hold that ends during a round publishes nothing before what it requires', async () => {
    const { round, clock, ports } = await held();
    origin.on('/new2.jar', (_request, response) => {
      void ports.hold.release(clock.now()).then(() => response.end(JARS.get('new2')));
    });
    const report = await round();
    expect(report).toMatchObject({ published: [], ready: ['tool4', 'new2'] });
    expect((await round()).published).toEqual(['tool4', 'new2']);
  });

  it('hold: a package is published by request while the others stay ready', async () => {
    const { round, ports, files } = await held();
    await round();
    const ready = await findReady(ports, 'tool4');
    if (ready === null) throw new Error('not ready');
    const publisher = new Publisher(ports, () => null);
    await publishReady(ports, ready, { publisher, signal: new AbortController().signal });

    expect(jars(files)).toEqual([`${DIR}/packages/tool4.jar`]);
    expect(await round()).toMatchObject({ published: [], ready: ['new2'] });
    expect(outcomes()).toEqual(['tool4 published']);
  });

  it('hold: more than fifty updates become ready in one round', async () => {
    const many = Array.from({ length: 60 }, (_, index) => `many${index}`);
    for (const id of many) origin.serve(`/${id}.jar`, JARS.get('new2') ?? Buffer.alloc(0));
    offer(many.map((id) => itemFor(id, JARS.get('new2') ?? Buffer.alloc(0), { package: id })));
    const { round } = await held();
    const report = await round();
    expect(report).toMatchObject({ left: 0, failed: [], published: [] });
    expect(new Set(report.ready).size).toBe(60);
    expect(report.ready).toHaveLength(60);
    expect(fetched()).toHaveLength(60);
  });
});

describe('hold: crashes', () => {
  const clock = new FakeClock();
  const act = async (files: CrashingFiles) => (await open(files, clock)).round();

  /** Crashes at each operation of a round on this disk, and hands over what survived. */
  async function crashEverywhere(disk: CrashingFiles, check: (files: CrashingFiles) => Promise<void>): Promise<number> {
    const places = await crashPlaces(disk.afterCrash('killed'), act);
    for (const [index, { n, when }] of places.entries()) {
      const files = disk.afterCrash('killed');
      files.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
      await act(files).catch(() => undefined);
      expect(files.crashed).toBe(true);
      const mode = CRASH_MODES[index % CRASH_MODES.length] ?? 'torn';
      await check(files.afterCrash(mode, n)).catch((error: unknown) => {
        throw new Error(`crash ${when} operation ${n} (${mode})`, { cause: error });
      });
    }
    return places.length;
  }

  it('hold: a crash at any write of a held round publishes nothing, and the next rounds finish', {
    timeout: 60_000,
  }, async () => {
    offer([item('tool4')]);
    const { files: disk } = await held();
    const places = await crashEverywhere(disk, async (files) => {
      expect(jars(files)).toEqual([]);
      const next = await open(files, clock);
      expect((await next.round()).ready).toEqual(['tool4']);
      expect(jars(files)).toEqual([]);
      await next.ports.hold.release(clock.now());
      expect((await next.round()).published).toEqual(['tool4']);
    });
    expect(places).toBeGreaterThan(20);
  });

  it('hold: a crash at any write of the publication after it loses nothing', { timeout: 120_000 }, async () => {
    offer([item('tool4')]);
    const { round, ports, files: disk } = await held();
    await round();
    await ports.hold.release(clock.now());
    const places = await crashEverywhere(disk, async (files) => {
      expect((await (await open(files, clock)).round()).error).toBeNull();
      expect(files.content(`${DIR}/packages/tool4.jar`)).toEqual(JARS.get('tool4'));
      expect(new Set(outcomes())).toEqual(new Set(['tool4 published']));
    });
    expect(places).toBeGreaterThan(20);
  });
});
