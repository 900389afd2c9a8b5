// No document is lost and none is stored twice by the server: documents in = stored by the server + rejected + spooled +
// waiting in the drop directory, over seeded sequences of faults in one process, on a full disk, and over kill -9.

import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { type AnalyticsRig, makeDropDirectory, openAnalytics } from '#test/support/analytics-rig.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { rounds } from '#test/support/rounds.ts';
import { runHere } from '#test/support/run-here.ts';
import { type SallyportProcess, startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { readDocuments } from '#test/support/stored-documents.ts';
import type { RelayMode } from '#test/support/switched-relay.ts';

const SOON = { retry: { max_delay_seconds: 1 } };
const MODES: readonly RelayMode[] = ['pass', 'down', 'lose', 'pass'];

/** A generator of the numbers of one seed (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe('documents', () => {
  it.each(Array.from({ length: rounds(2) }, (_none, seed) => seed + 1))(
    'documents: none is lost or doubled, seed %i',
    {
      timeout: 30_000,
    },
    async (seed) => {
      const drop = await makeDropDirectory();
      let rig = await openAnalytics({ factor: 60, section: { drop_dir: drop, batch_max_documents: 5 }, others: SOON });
      const random = randomOf(seed);
      let next = 0;
      const take = () => Array.from({ length: 1 + random(12) }, () => next++);
      try {
        for (let step = 0; step < 12; step += 1) {
          const action = random(6);
          if (action < 2) await rig.submit(...take());
          else if (action === 2) {
            await writeFile(
              join(drop, 'tmp', `f${step}`),
              take()
                .map((n) => JSON.stringify({ n }))
                .join('\n'),
            );
            await rename(join(drop, 'tmp', `f${step}`), join(drop, 'new', `f${step}`));
          } else if (action === 3) rig = await rig.restart();
          else rig.relay.mode = MODES[random(MODES.length)] ?? 'pass';
          await new Promise((go) => setTimeout(go, random(60)));
        }
        rig.relay.mode = 'pass';
        await rig.untilArrived(...Array.from({ length: next }, (_none, n) => n));
        await expect.poll(() => rig.parts.uploads.documents.store?.waiting.documents, { timeout: 5_000 }).toBe(0);
        expect(await readdir(join(drop, 'new'))).toEqual([]);
        const ids = readDocuments(rig.origin).map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
      } finally {
        await rig.close();
        await rm(drop, { recursive: true });
      }
    },
  );

  it('documents: on a full disk new ones are refused, and the others are sent while it is full', async () => {
    const files = new CrashingFiles();
    const rig: AnalyticsRig = await openAnalytics({ files, others: SOON });
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
  let dir: string;
  let daemon: SallyportProcess | null = null;
  afterEach(async () => {
    daemon?.child.kill('SIGKILL');
    await daemon?.ended;
    await origin.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('documents: after kill -9, each accepted document arrives once', { timeout: 60_000 }, async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-killed-'));
    origin = await startOrigin({ dir });
    const config = await writeConfig(dir, {
      ...SOON,
      exposure_analytics: { enabled: true, url: origin.analyticsUrl, batch_max_age_seconds: 1, batch_max_documents: 7 },
    });
    const accepted: number[] = [];
    const unknown = new Set<number>();
    let next = 0;
    for (let kill = 0; kill < rounds(2); kill += 1) {
      daemon = startSallyport(['run', '-c', config]);
      await daemon.said('Listening for documents');
      const ending = new Promise((go) => setTimeout(go, 200 + 450 * kill)).then(() => daemon?.child.kill('SIGKILL'));
      for (let isUp = true; isUp; ) {
        const numbers = Array.from({ length: 20 }, () => next++);
        const piped = numbers.map((n) => JSON.stringify({ n })).join('\n');
        const { code, err } = await runHere(['submit', '-c', config], { piped });
        if (code === 0) accepted.push(...numbers);
        else {
          if (err.includes('SUBMIT-UNKNOWN')) for (const n of numbers) unknown.add(n);
          isUp = false;
        }
        await new Promise((go) => setTimeout(go, 20));
      }
      await ending;
      await daemon.ended;
    }
    daemon = startSallyport(['run', '-c', config]);
    const arrived = () => readDocuments(origin).map(({ document }) => document.n);
    const isMissing = () => {
      const there = new Set(arrived());
      return accepted.filter((n) => !there.has(n));
    };
    await expect.poll(isMissing, { timeout: 20_000, interval: 100 }).toEqual([]);
    daemon.child.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    expect(accepted.length).toBeGreaterThan(0);
    const [stored, ids] = [arrived(), readDocuments(origin).map(({ id }) => id)];
    expect([new Set(ids).size, new Set(stored).size]).toEqual([ids.length, stored.length]);
    const known = new Set(accepted);
    expect(stored.filter((n) => !known.has(n) && !unknown.has(n))).toEqual([]);
  });
});
