import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundleRig } from '#test/support/bundle-rig.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { crashPlaces } from '#test/support/every-crash.ts';
import type { ContentsPorts } from '#uploads/bundle/contents/contents-types.ts';
import { readBuilt } from '#uploads/bundle/contents/work-folder.ts';

const WORK = '/state/jobs/20261130-k3f9q2/work';
const LINE = '2026-11-30T04:12:05 [INFO] [Thread: Main] password=hunter2secret\n';

/** Redaction is not the subject here, and takes most of the time. */
const nothingToRedact: ContentsPorts['redaction'] = () =>
  Promise.resolve({
    redactor: {
      redactLines: (source) => source,
      scanForSecrets: async (source) => {
        for await (const chunk of source) void chunk;
        return new Map();
      },
      redactName: (name) => name,
    },
    rules: [],
    pseudonymGeneration: null,
    savePseudonyms: () => Promise.resolve(),
  });

describe('bundle: crashes', () => {
  it('bundle: after a crash at any operation the next build makes the whole bundle', async () => {
    const build = async (files: CrashingFiles) => {
      const rig = bundleRig({ files, work: WORK, over: { redaction: nothingToRedact } });
      return await rig.build(rig.request({ sources: ['status', 'versions'] }));
    };
    const begin = async () => {
      const files = new CrashingFiles();
      await files.makeDirectory('/state/jobs/20261130-k3f9q2', 0o700);
      return files;
    };
    for (const { n, when } of await crashPlaces(await begin(), build)) {
      for (const mode of ['killed', 'power-lost'] as const) {
        const files = await begin();
        files.arm(when === 'before' ? { crashBefore: n } : { crashAfter: n });
        await build(files).catch(() => undefined);
        const left = files.afterCrash(mode, 1);
        const before = await readBuilt(left, WORK).catch(() => null);
        const bundle = await build(left);

        expect(bundle.sha256).toBe(before?.bundle.sha256 ?? bundle.sha256);
        expect(await left.list(WORK)).toEqual(['20261130-k3f9q2.tar.zst', 'built.json', 'files', 'manifest.json']);
        expect(await left.list(`${WORK}/files`)).toEqual(['0001', '0002']);
      }
    }
  });

  it('bundle: a full disk makes none, leaves nothing, and says what was full', async () => {
    for (const fullAfterBytes of [10, 500, 2_000, 4_000]) {
      const files = new CrashingFiles({ fullAfterBytes, freeBytes: 1e9 });
      const rig = bundleRig({ files, work: WORK });
      rig.put('logs/sallyport.log', LINE.repeat(20));

      await expect(rig.build(rig.request({ sources: [join(rig.root, 'logs/*.log')] }))).rejects.toMatchObject({
        code: 'DISK-FULL',
      });
      expect([...(await files.list(WORK)), ...(await files.list(`${WORK}/files`))]).toEqual(['files']);
    }
  });

  it('bundle: an abort ends the build at once and leaves nothing', async () => {
    const over = new AbortController();
    const files = new CrashingFiles();
    const rig = bundleRig({
      files,
      work: WORK,
      over: {
        builtIn: (_name, signal) => {
          over.abort(new Error('the service stops'));
          return Promise.resolve(String(signal.aborted));
        },
      },
    });

    await expect(rig.build(rig.request({ sources: ['versions', 'status'] }), over.signal)).rejects.toThrow(
      'the service stops',
    );
    expect(await files.list(`${WORK}/files`)).toEqual([]);
  });
});
