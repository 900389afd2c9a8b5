import { describe, expect, it } from 'vitest';
import { BALLAST_BYTES, Ballast } from '#spool/ballast.ts';
import { openSpool } from '#spool/open.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { headOf, keysOf, kindOf, OUTBOX } from '#test/support/spool-rig.ts';

const PATH = `${OUTBOX}/ballast`;
const MIB = 1_048_576;

/** A small one, because a crash trial makes hundreds. */
const SMALL_BYTES = 8_192;

async function opened(files = new CrashingFiles(), clock = new FakeClock(), bytes = BALLAST_BYTES) {
  const ballast = await Ballast.open({ files, outbox: OUTBOX, clock, bytes });
  const report = () => undefined;
  const spool = await openSpool(
    { files, outbox: OUTBOX, clock, report, ballast },
    kindOf('batch', { bytes: 10 * MIB }),
  );
  return { files, clock, ballast, spool };
}

describe('ballast', () => {
  it('ballast: a file of 1 MiB that does not compress, made once', async () => {
    const { files, clock } = await opened();
    const content = files.content(PATH);
    expect(content?.length).toBe(BALLAST_BYTES);
    expect(new Set(content?.subarray(0, 4_096)).size).toBe(256);
    await Ballast.open({ files, outbox: OUTBOX, clock });
    expect(files.content(PATH)?.equals(content as Buffer)).toBe(true);
  });

  it('ballast: on a full disk the state of accepted entries spends it, and new input does not', async () => {
    const { files, spool, ballast } = await opened();
    await spool.accept({ key: 'a', body: { id: 'a' } });
    files.arm({ fullAfterBytes: 0 });
    await expect(spool.accept({ key: 'b', body: { id: 'b' } })).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(ballast.isThere).toBe(true);

    files.arm({ fullAfterBytes: MIB });
    const parts = ['a.1', 'a.2'].map((key) => ({ key, body: { id: key } }));
    await spool.split(headOf(spool, 'a'), parts);
    expect(keysOf(spool)).toEqual(['a.1', 'a.2']);
    expect(files.content(PATH)).toBeNull();
    await expect(spool.accept({ key: 'owed', body: { id: 'c' }, isOwed: true })).resolves.toBe('accepted');
  });

  it('ballast: it returns when the disk has space for four of it, tried once a minute', async () => {
    const { files, clock, spool, ballast } = await opened();
    for (const key of ['a', 'b', 'c', 'd']) await spool.accept({ key, body: { id: key } });
    files.arm({ fullAfterBytes: MIB });
    await spool.reject(headOf(spool, 'a'), 'X');
    expect(ballast.isThere).toBe(false);

    files.arm({ freeBytes: 4 * MIB - 1 });
    clock.advance(60_000);
    await spool.settle(headOf(spool, 'b'));
    files.arm({ freeBytes: 4 * MIB });
    await spool.settle(headOf(spool, 'c'));
    expect(ballast.isThere).toBe(false);
    clock.advance(60_000);
    await spool.settle(headOf(spool, 'd'));
    expect(files.content(PATH)?.length).toBe(BALLAST_BYTES);
  });

  it('ballast: without space for it, the start succeeds and later work fails as usual', async () => {
    const files = new CrashingFiles();
    files.arm({ fullAfterBytes: 5_000 });
    const { ballast, spool } = await opened(files);
    expect(ballast.isThere).toBe(false);
    expect(files.names()).toEqual([]);
    await spool.accept({ key: 'a', body: { id: 'a' } });
    files.arm({ fullAfterBytes: 0 });
    await expect(spool.reject(headOf(spool, 'a'), 'X')).rejects.toMatchObject({ code: 'DISK-FULL' });
  });

  it('ballast: a crash at any point leaves a split that is whole or not begun', async () => {
    await everyCrash({
      prepare: async () => {
        const { files, spool } = await opened(new CrashingFiles(), new FakeClock(), SMALL_BYTES);
        await spool.accept({ key: 'a', body: { id: 'a' } });
        return files;
      },
      act: async (files) => {
        const { spool } = await opened(files, new FakeClock(), SMALL_BYTES);
        const parts = ['a.1', 'a.2'].map((key) => ({ key, body: { id: key } }));
        await spool.split(headOf(spool, 'a'), parts);
      },
      faults: { fullAfterBytes: SMALL_BYTES },
      check: async ({ files }) => {
        const { spool, ballast } = await opened(files, new FakeClock(), SMALL_BYTES);
        await spool.finish();
        expect(['a', 'a.1,a.2']).toContain(keysOf(spool).join());
        expect(ballast.isThere).toBe(true);
        expect(files.names().filter((name) => name.endsWith('.new'))).toEqual([]);
      },
    });
  });
});
