import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { MAX_CHUNK_BYTES } from '#uploads/transfer/chunk-size.ts';
import { UploadPaths } from '#uploads/transfer/path-memory.ts';

const FILE = '/state/upload-paths.json';
const PATH = { proxy: 'http://proxy.example.com:3128', origin: 'https://support.example.com' };
const NOW = Date.UTC(2026, 10, 30);
const DAY = 86_400_000;
const SMALL = { bytes: 1_048_576, passed: 2, failedAt: 2_097_152, failures: 1 };

async function open(files: CrashingFiles) {
  await files.makeDirectory('/state', 0o700);
  const paths = new UploadPaths(files, FILE);
  return { paths, problem: await paths.load() };
}

describe('the memory of upload paths', () => {
  it('survives a restart', async () => {
    const files = new CrashingFiles();
    const { paths } = await open(files);
    paths.setChunk(PATH, SMALL);
    paths.setChunk({ ...PATH, proxy: 'direct' }, { ...SMALL, bytes: 65_536 });
    paths.methodPassed(PATH, 'override', NOW);
    await paths.save();

    const again = await open(files.afterCrash('power-lost'));

    expect(again.problem).toBeNull();
    expect(again.paths.get(PATH, NOW)).toEqual({ chunk: SMALL, method: 'override', passedRecently: true });
    expect(again.paths.latest(PATH.origin, NOW).method).toBe('override');
    expect(again.paths.get({ ...PATH, proxy: 'direct' }, NOW).chunk.bytes).toBe(65_536);
  });

  it('begins with the largest chunk and PATCH', async () => {
    const { paths } = await open(new CrashingFiles());
    expect(paths.get(PATH, NOW)).toMatchObject({ chunk: { bytes: MAX_CHUNK_BYTES }, method: 'patch' });
    expect(paths.latest(PATH.origin, NOW).passedRecently).toBe(false);
  });

  it('tries PATCH again after a week', async () => {
    const { paths } = await open(new CrashingFiles());
    paths.methodPassed(PATH, 'put', NOW);
    expect(paths.get(PATH, NOW + 7 * DAY)).toMatchObject({ method: 'put', passedRecently: false });
    expect(paths.get(PATH, NOW + 7 * DAY + 1)).toMatchObject({ method: 'patch', passedRecently: false });
    expect(paths.get(PATH, NOW + DAY)).toMatchObject({ method: 'put', passedRecently: true });
  });

  it('writes only what changed', async () => {
    const files = new CrashingFiles();
    const { paths } = await open(files);
    await paths.save();
    expect(await files.facts(FILE)).toBeNull();
    paths.methodPassed(PATH, 'patch', NOW);
    await paths.save();
    const before = files.trace.length;
    paths.methodPassed(PATH, 'patch', NOW + 1_000);
    await paths.save();
    expect(files.trace.length).toBe(before);
  });

  it('keeps at most 64 paths, and sets a damaged file aside', async () => {
    const files = new CrashingFiles();
    const { paths } = await open(files);
    for (let at = 0; at < 70; at += 1) paths.setChunk({ ...PATH, proxy: `http://p${at}:1` }, SMALL);
    await paths.save();
    const saved = JSON.parse(String(files.content(FILE))) as { paths: unknown[] };
    expect(saved.paths).toHaveLength(64);

    const damaged = await files.openToWrite(FILE);
    damaged.write(Buffer.from('{"format":1,"paths":7}  '), 0);
    await damaged.close();
    expect((await open(files)).problem).toMatchObject({ code: 'STATE-DAMAGED' });
  });
});
