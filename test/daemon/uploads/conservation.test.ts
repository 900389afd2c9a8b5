// No document is lost and none is stored twice by the server: documents in = stored by the server + rejected + spooled +
// waiting in the drop directory, over seeded sequences of faults in one process, on a full disk, and over kill -9.

import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { type AnalyticsRig, makeDropDirectory, openAnalytics } from '#test/support/analytics-rig.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { DocumentsWorld, type HandedIn, isRejected, randomOf } from '#test/support/documents-world.ts';
import { FIRST_SEED, rounds, seeds } from '#test/support/rounds.ts';
import { runHere } from '#test/support/run-here.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { readDocuments } from '#test/support/stored-documents.ts';
import { type RelayMode, type SwitchedRelay, startSwitchedRelay } from '#test/support/switched-relay.ts';

const SOON = { retry: { max_delay_seconds: 1 } };
/** Actions in one sequence. */
const STEPS = 14;
/** What the relay does while a daemon lives until it is killed. */
const KILL_MODES: readonly RelayMode[] = ['lose', 'pass', 'down'];
/** A daemon is killed this long after it accepts documents. */
const [MIN_LIFE_MS, LIFE_MS] = [100, 700];

const wait = (ms: number) => new Promise((go) => setTimeout(go, ms));

describe('documents', () => {
  it.each(seeds(2))('documents: none is lost or doubled, seed %i', { timeout: 120_000 }, async (seed) => {
    const world = await DocumentsWorld.make(seed);
    try {
      for (let step = 0; step < STEPS; step += 1) await world.step();
      await world.calm();
      await expect.poll(() => world.waiting, { timeout: 15_000 }).toEqual({ spooled: 0, dropped: 0 });
      // Handed in = stored + rejected, because nothing waits any more.
      const stored = new Set(world.stored);
      const numbersOf = (result: HandedIn['result']) =>
        world.handedIn.filter((one) => one.result === result).flatMap(({ numbers }) => numbers);
      const accepted = numbersOf('accepted');
      expect(accepted.filter((n) => !isRejected(n) && !stored.has(n))).toEqual([]);
      expect([...numbersOf('refused'), ...accepted.filter(isRejected)].filter((n) => stored.has(n))).toEqual([]);
      const rejected = new Set(world.rejectedIds).size - accepted.filter(isRejected).length;
      expect(rejected).toBeGreaterThanOrEqual(0);
      expect(rejected).toBeLessThanOrEqual(numbersOf('unknown').filter(isRejected).length);
      // What a crash interrupted was accepted as a whole or not at all.
      const interrupted = world.handedIn.filter(({ result }) => result === 'unknown');
      const results = interrupted.map(
        ({ numbers }) => new Set(numbers.filter((n) => !isRejected(n)).map((n) => stored.has(n))),
      );
      expect(results.filter(({ size }) => size > 1)).toEqual([]);
      expect(stored.size).toBe(world.stored.length);
      expect(new Set(world.storedIds).size).toBe(stored.size);
    } finally {
      await world.close();
    }
  });

  it('documents: on a full disk new ones are refused, and the others are sent while it is full', async () => {
    const files = new CrashingFiles();
    const rig: AnalyticsRig = await openAnalytics({ files, factor: 60, others: SOON });
    try {
      rig.relay.mode = 'down';
      for (let n = 0; n < 30; n += 1) await rig.submit(n);
      await expect.poll(() => rig.events.some(({ name }) => name === 'batch-failed'), { timeout: 5_000 }).toBe(true);
      // Not one byte is free, and the ballast was spent before.
      files.arm({ fullAfterBytes: 0, freeBytes: 0 });
      await expect(rig.submit(100)).rejects.toMatchObject({ code: 'DISK-FULL' });
      const { code, err } = await rig.run([], '{"n":101}');
      expect([code, err]).toEqual([75, expect.stringContaining('[DISK-FULL]')]);
      rig.relay.mode = 'pass';
      await rig.untilArrived(...Array.from({ length: 30 }, (_none, n) => n));
      await expect.poll(() => rig.parts.uploads.documents.store?.waiting.documents, { timeout: 5_000 }).toBe(0);
      expect(rig.events.filter(({ name }) => name === 'documents-full')).toHaveLength(1);
      files.arm({});
      await rig.submit(30);
      await rig.untilArrived(...Array.from({ length: 31 }, (_none, n) => n));
    } finally {
      await rig.close();
    }
  });
});

describe('a killed daemon', () => {
  let origin: Origin;
  let relay: SwitchedRelay;
  let dir: string;
  let drop: string;
  let daemon: SallyportProcess | null = null;
  afterEach(async () => {
    daemon?.child.kill('SIGKILL');
    await daemon?.ended;
    await relay.close();
    await origin.close();
    for (const path of [dir, drop]) await rm(path, { recursive: true, force: true });
  });

  it('documents: after kill -9, each accepted document arrives once', { timeout: 280_000 }, async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-killed-'));
    drop = await makeDropDirectory();
    origin = await startOrigin({ dir });
    relay = await startSwitchedRelay(Number(new URL(origin.url).port));
    const url = origin.analyticsUrl.replace(new URL(origin.url).port, String(relay.port));
    const section = { enabled: true, url, batch_max_age_seconds: 1, batch_max_documents: 20, drop_dir: drop };
    const config = await writeConfig(dir, { ...SOON, exposure_analytics: section });
    const random = randomOf(FIRST_SEED);
    const accepted: number[] = [];
    const unknown = new Set<number>();
    let next = 0;
    const take = () => Array.from({ length: 20 }, () => next++);
    const textOf = (numbers: readonly number[]) => numbers.map((n) => JSON.stringify({ n })).join('\n');
    for (let kill = 0; kill < rounds(2); kill += 1) {
      relay.mode = KILL_MODES[kill % KILL_MODES.length] ?? 'pass';
      daemon = startSallyport(['run', '-c', config]);
      await daemon.said('Listening for documents');
      const ending = wait(MIN_LIFE_MS + random(LIFE_MS)).then(() => daemon?.child.kill('SIGKILL'));
      for (let isUp = true; isUp; ) {
        const dropped = take();
        await writeFile(join(drop, 'tmp', `f${dropped[0]}`), textOf(dropped));
        await rename(join(drop, 'tmp', `f${dropped[0]}`), join(drop, 'new', `f${dropped[0]}`));
        accepted.push(...dropped);
        const numbers = take();
        const { code, err } = await runHere(['submit', '-c', config], { piped: textOf(numbers) });
        isUp = daemon.child.signalCode === null && code === 0;
        // Without a daemon, they are left in the drop directory.
        if (code === 0) accepted.push(...numbers);
        else if (err.includes('SUBMIT-UNKNOWN')) for (const n of numbers) unknown.add(n);
        await wait(20);
      }
      await ending;
      await daemon.ended;
    }
    relay.mode = 'pass';
    daemon = startSallyport(['run', '-c', config]);
    const arrived = () => readDocuments(origin).map(({ document }) => document.n);
    const isMissing = () => {
      const there = new Set(arrived());
      return accepted.filter((n) => !there.has(n)).slice(0, 20);
    };
    await expect.poll(isMissing, { timeout: 60_000, interval: 100 }).toEqual([]);
    await expect.poll(() => readdir(join(drop, 'new'))).toEqual([]);
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    expect(accepted.length).toBeGreaterThan(0);
    const [stored, ids] = [arrived(), readDocuments(origin).map(({ id }) => id)];
    expect([new Set(ids).size, new Set(stored).size]).toEqual([ids.length, stored.length]);
    const known = new Set(accepted);
    expect(stored.filter((n) => !known.has(n) && !unknown.has(n))).toEqual([]);
  });
});
