import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { checkSpace, SpaceWatch } from '#transfer/disk-space.ts';

const RESERVE = { bytes: 1_000, key: 'updates.reserve_bytes' };
const MIB = 1_048_576;

describe('disk space: before a download', () => {
  it('is sufficient if the rest fits and the reserve stays free', () => {
    expect(checkSpace('/a', { free: 1_500, needed: 500, reserve: RESERVE })).toBeNull();
    expect(checkSpace('/a', { free: 1_499, needed: 500, reserve: RESERVE })).toMatchObject({
      code: 'DISK-FULL',
      facts: { path: '/a', needed: 500, free: 1_499, reserve: 1_000 },
    });
  });

  it('space is always sufficient for zero bytes', () => {
    expect(checkSpace('/a', { free: 0, needed: 0, reserve: RESERVE })).toBeNull();
  });

  it('missing space is reported in one sentence with the key', () => {
    expect(checkSpace('/a', { free: 1_000_000, needed: 20_000_000, reserve: RESERVE })?.message).toBe(
      '[DISK-FULL] Not enough disk space to fetch /a: 20.0 MB are needed and updates.reserve_bytes keeps 1.0 KB, 1.0 MB are free.',
    );
  });
});

describe('disk space: during a download', () => {
  function watch(freeBytes: number) {
    const files = new CrashingFiles({ freeBytes });
    files.plantFile('/a', '');
    files.arm({ freeBytes });
    return { files, room: new SpaceWatch({ files, reserve: RESERVE }, '/a') };
  }
  const looks = (files: CrashingFiles) => files.trace.length;
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('space is checked seldom, and not at the end', async () => {
    const { files, room } = watch(1_000 * MIB);
    for (let at = 0; at < 20; at += 1) {
      room.wrote(MIB, 100 * MIB);
      await settled();
    }
    expect(looks(files)).toBe(2);
    room.wrote(9 * MIB, 0);
    expect(looks(files)).toBe(2);
  });

  it('missing space at the last check ends the download', async () => {
    const { room } = watch(5 * MIB);
    room.wrote(8 * MIB, 100 * MIB);
    await settled();
    expect(() => room.wrote(1, 100 * MIB)).toThrow('DISK-FULL');
  });
});
