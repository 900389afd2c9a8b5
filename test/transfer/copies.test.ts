// Two copies of one package: the longer one is kept while the other starts over. Real attempts over loopback, on a disk
// that crashes at every operation, and in random scenarios.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import {
  attempt,
  type FetchServer,
  JOURNAL,
  type Script,
  SECOND_COPY,
  STAGED,
  startFetchServer,
} from '#test/support/fetch-rig.ts';
import { makeJar } from '#test/support/jars.ts';

const JAR = makeJar('u1', 40_000);
/** Of the same length, with wrong content. */
const OTHER = Buffer.concat([JAR.subarray(0, 4), Buffer.alloc(JAR.length - 4, 7)]);
const FILES = { right: JAR, wrong: OTHER };
const right: Script = { bytes: JAR, etag: '"a"', ranges: 'follow', cutAfter: null };

let server: FetchServer;
beforeEach(async () => {
  server = await startFetchServer(right);
});
afterEach(() => server.close());

const size = (files: CrashingFiles, path: string) => files.content(path)?.length ?? null;
const restartOf = (files: CrashingFiles) =>
  (JSON.parse(String(files.content(JOURNAL))) as { restart?: Record<string, unknown> }).restart;

async function ask(files: CrashingFiles, script: Partial<Script>) {
  server.script = { ...right, ...script };
  return await attempt(files, server, JAR);
}

/** A disk with the first 25,000 bytes. */
async function withPart(): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  await ask(files, { cutAfter: 25_000 });
  files.arm({});
  return files;
}

describe('transfer: copies on disk', () => {
  it('keep the old bytes until the new copy is longer', async () => {
    const files = await withPart();

    const refused = await ask(files, { ranges: 'refuse' });
    expect(refused.settled).toEqual({ madeProgress: false, nextRequestsWhole: true });
    expect(restartOf(files)).toEqual({ kept: 25_000, ask: 'whole', validator: null, reached: 0 });

    const cut = await ask(files, { ranges: 'refuse', cutAfter: 9_000 });
    expect(cut.settled).toEqual({ madeProgress: false, nextRequestsWhole: false });
    expect([size(files, STAGED), size(files, SECOND_COPY)]).toEqual([25_000, 9_000]);
    expect(restartOf(files)).toEqual({ kept: 25_000, ask: 'rest', validator: '"a"', reached: 9_000 });

    const further = await ask(files, { cutAfter: 9_000 });
    expect(further.settled).toEqual({ madeProgress: true, nextRequestsWhole: false });
    expect([size(files, STAGED), size(files, SECOND_COPY)]).toEqual([25_000, 18_000]);

    await ask(files, { cutAfter: 9_000 });
    expect([size(files, STAGED), size(files, SECOND_COPY)]).toEqual([27_000, null]);
    expect(restartOf(files)).toBeUndefined();

    const { fetched } = await ask(files, {});
    expect(fetched).toMatchObject({ keptBytes: 27_000 });
    expect(files.content(STAGED)?.equals(JAR)).toBe(true);
  });

  it('resume the rest if the whole file cannot be fetched either', async () => {
    const files = await withPart();
    await ask(files, { ranges: 'refuse' });

    const away = await ask(files, { ranges: 'refuse', cutAfter: 0 });
    expect(away.settled).toEqual({ madeProgress: false, nextRequestsWhole: false });
    expect(restartOf(files)).toBeUndefined();

    const { fetched } = await ask(files, {});
    expect(fetched).toMatchObject({ keptBytes: 25_000 });
  });

  it('remember over a restart to request the whole file', async () => {
    const files = await withPart();
    await ask(files, { ranges: 'refuse' });

    const after = files.afterCrash('power-lost');
    await ask(after, { ranges: 'refuse' });

    expect(server.requests.at(-1)).not.toMatch(/^range:/im);
    expect(after.content(STAGED)?.equals(JAR)).toBe(true);
  });

  it('do not count the bytes of a replaced representation', async () => {
    const files = await withPart();

    const first = await ask(files, { etag: '"b"', cutAfter: 20_000 });
    const second = await ask(files, { etag: '"c"', cutAfter: 20_000 });

    expect([first.settled?.madeProgress, second.settled?.madeProgress]).toEqual([false, false]);
    expect(size(files, STAGED)).toBe(25_000);
  });

  it('drop the old copy if the disk has no space for two', async () => {
    const files = await withPart();
    await ask(files, { ranges: 'refuse' });
    files.arm({ fullAfterBytes: 52_000 });

    const { fetched } = await ask(files, { ranges: 'refuse' });

    expect(fetched).not.toBeNull();
    expect(files.content(STAGED)?.equals(JAR)).toBe(true);
  });

  it.each([
    ['a symbolic link', 'FILE-SYMLINK', (files: CrashingFiles) => files.plantSymlink(SECOND_COPY, '/outside/secret')],
    ['a FIFO', 'FILE-SPECIAL', (files: CrashingFiles) => files.plantFifo(SECOND_COPY)],
    ['a hard link', 'FILE-LINKED', (files: CrashingFiles) => files.plantLink(SECOND_COPY, '/outside/secret')],
  ])('refuse %s in place of the second copy', async (_what, code, plant) => {
    const files = await withPart();
    files.plantFolder('/outside');
    files.plantFile('/outside/secret', 'untouched');
    plant(files);

    const { error } = await ask(files, {});

    expect(error).toMatchObject({ code });
    expect(files.content('/outside/secret')?.toString()).toBe('untouched');
  });
});

/** Everything that a scenario does to the journal: a refused resume, two cuts, the exchange of the copies. */
async function story(files: CrashingFiles): Promise<void> {
  await ask(files, { ranges: 'refuse' });
  await ask(files, { ranges: 'refuse', cutAfter: 9_000 });
  await ask(files, { cutAfter: 20_000 });
}

/** A server that answers a plain GET correctly and no request for the rest. */
async function heals(files: CrashingFiles): Promise<void> {
  for (let n = 0; n < 3; n += 1) {
    const { fetched } = await ask(files, { ranges: 'refuse' });
    if (fetched === null) continue;
    expect(files.content(STAGED)?.equals(JAR)).toBe(true);
    return;
  }
  expect.fail('the package did not come in three attempts');
}

it('transfer: a crash at any step of a restarted transfer costs no kept byte and heals', {
  timeout: 120_000,
}, async () => {
  const trials = await everyCrash({
    prepare: withPart,
    act: story,
    check: async ({ files, mode }) => {
      // A torn disk may cut or blank what was not synced; all synced bytes are there.
      const kept = Math.max(size(files, STAGED) ?? 0, size(files, SECOND_COPY) ?? 0);
      if (mode !== 'torn') expect(kept).toBeGreaterThanOrEqual(25_000);
      await heals(files);
    },
  });
  expect(trials).toBeGreaterThan(200);
});

describe('transfer: any order of events', () => {
  const step = fc.record({
    file: fc.constantFrom<keyof typeof FILES>('right', 'right', 'right', 'wrong'),
    etag: fc.constantFrom('"a"', '"b"'),
    ranges: fc.constantFrom<Script['ranges']>('follow', 'refuse', 'ignore'),
    cutAfter: fc.option(fc.integer({ min: 0, max: 30_000 }), { freq: 4 }),
    crash: fc.option(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(...CRASH_MODES)), { freq: 2 }),
  });

  it('ends with the right bytes; without a crash no copy shrinks', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        let files = new CrashingFiles();
        let longest = 0;
        for (const { crash, file, ...script } of steps) {
          files.arm(crash === null ? {} : { crashAfter: crash[0] });
          const { fetched, error } = await ask(files, { ...script, bytes: FILES[file] });
          if (fetched !== null) {
            expect(files.content(STAGED)?.equals(JAR)).toBe(true);
            return;
          }
          if (files.crashed) files = files.afterCrash(crash?.[1] ?? 'killed', steps.length);
          const now = size(files, STAGED) ?? 0;
          const isDropped = files.crashed || crash !== null || /DIGEST-MISMATCH/.test(error?.message ?? '');
          if (!isDropped) expect(now).toBeGreaterThanOrEqual(longest);
          longest = now;
        }
        files.arm({});
        await heals(files);
      }),
      { numRuns: Number(process.env['SALLYPORT_STORIES'] ?? 100) },
    );
  });
});
