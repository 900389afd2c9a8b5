import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { TimeoutMemory } from '#timeout/memory.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';

const PATH = '/state/timeouts.json';
const ROUTE = { proxy: 'http://proxy.example.com:3128', origin: 'https://updates.example.com' };
const TOLD = { ...ROUTE, told: { size: 5, ms: 300_000, why: 'no history of this route' }, changed: null };
const ATTEMPT = {
  plan: { size: 5, firstByteMs: 1, silenceMs: 2, totalMs: 3, expectedMs: null, explanation: 'x' },
  timedOut: 'silence',
} as const;

/** What a model has learned from one download of this duration. */
function learnedFrom(totalMs: number): unknown {
  const model = new ResponseTimeoutModel();
  const times = { firstByteMs: totalMs, longestSilenceMs: 0, totalMs, atMs: 0 };
  model.observe(ROUTE, { size: 5, ok: true, timedOut: null, ...times });
  return model.save();
}

async function open(files: CrashingFiles) {
  await files.makeDirectory('/state', 0o700);
  const memory = new TimeoutMemory(files, PATH);
  return { memory, error: await memory.load() };
}

describe('timeout: the memory', () => {
  it('is complete after a restart', async () => {
    const files = new CrashingFiles();
    const { memory } = await open(files);
    memory.setRoute(TOLD);
    memory.setAttempt('u1', ATTEMPT);
    expect(memory.isNewSeed('a')).toBe(true);
    await memory.save(learnedFrom(1_000));

    const { memory: again, error } = await open(files);
    expect(error).toBeNull();
    expect(again.learned).toEqual(learnedFrom(1_000));
    expect(again.route(ROUTE)).toEqual(TOLD);
    expect(again.attempt('u1')).toEqual(ATTEMPT);
    expect(again.isNewSeed('a')).toBe(false);
  });

  it('is empty at the first start, and forgets an attempt that succeeded', async () => {
    const { memory } = await open(new CrashingFiles());
    expect([memory.learned, memory.route(ROUTE), memory.attempt('u1')]).toEqual([null, null, null]);
    memory.setAttempt('u1', ATTEMPT);
    memory.setAttempt('u1', null);
    expect(memory.attempt('u1')).toBeNull();
  });

  it('keeps the latest 256 routes and attempts', async () => {
    const files = new CrashingFiles();
    const { memory } = await open(files);
    for (let n = 0; n < 300; n += 1) {
      memory.setRoute({ ...TOLD, origin: `https://${n}` });
      memory.setAttempt(`u${n}`, ATTEMPT);
    }
    await memory.save(null);
    const { memory: again, error } = await open(files);
    expect(error).toBeNull();
    expect([again.attempt('u43'), again.route({ ...ROUTE, origin: 'https://43' })]).toEqual([null, null]);
    expect(again.attempt('u44')).toEqual(ATTEMPT);
  });

  it.each([
    ['is damaged', '{'],
    ['does not fit the model', '{"format":1,"learned":7,"routes":[],"attempts":[],"seeds":[]}'],
  ])('moves a file aside that %s, and names it', async (_how, text) => {
    const files = new CrashingFiles();
    await files.makeDirectory('/state', 0o700);
    files.plantFile(PATH, Buffer.from(text));
    const { memory, error } = await open(files);
    expect(error).toMatchObject({ code: 'STATE-DAMAGED' });
    expect(memory.learned).toBeNull();
  });

  it('is the old one or the new one after a crash', async () => {
    const [before, after] = [learnedFrom(1_000), learnedFrom(2_000)];
    await everyCrash({
      prepare: async () => {
        const files = new CrashingFiles();
        const { memory } = await open(files);
        await memory.save(before);
        return files;
      },
      act: async (files) => {
        const { memory } = await open(files);
        await memory.save(after);
      },
      check: async ({ files }) => {
        const { memory, error } = await open(files);
        expect(error).toBeNull();
        expect([before, after]).toContainEqual(memory.learned);
      },
    });
  });
});
