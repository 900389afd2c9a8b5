// The composition reaches the machine only through its ports. Tests of rounds rely on it.

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { openRig } from '#test/support/round-rig.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = join(tmpdir(), `sallyport-not-on-disk-${process.pid}`);

describe('compose', () => {
  it('keeps everything in the files that it is given', async () => {
    const files = new CrashingFiles();

    await openRig({ files, dir: DIR, settings: testSettings(DIR) });

    expect(existsSync(DIR)).toBe(false);
    expect(files.names()).toEqual(
      expect.arrayContaining([join(DIR, 'state/agent.json'), join(DIR, 'state/last-settings.json')]),
    );
  });

  it('runs every part on the clock that it is given', async () => {
    const clock = new FakeClock(Date.UTC(2031, 0, 1));

    const { ports } = await openRig({ files: new CrashingFiles(), dir: DIR, settings: testSettings(DIR), clock });
    let isDue = false;
    ports.clock.after(5_000, () => {
      isDue = true;
    });
    clock.advance(5_000);

    expect(isDue).toBe(true);
    expect(ports.clock.now()).toBe(clock.now());
  });

  it('changes nothing before it holds the lock', async () => {
    const files = new CrashingFiles();
    const locked = coded('LOCK-HELD', { dir: DIR, pid: 1, host: 'here', since: 0 });
    const acquireLock = () => Promise.reject(locked);

    await expect(openRig({ files, dir: DIR, settings: testSettings(DIR), acquireLock })).rejects.toBe(locked);

    expect(files.names()).toEqual([]);
  });

  it('releases the lock when a part cannot be made', async () => {
    const files = new CrashingFiles();
    files.plantFolder(join(DIR, 'packages'), { mode: 0o777 });
    const release = vi.fn();
    const acquireLock = async (dir: string) => {
      await files.makeDirectory(dir, 0o700);
      return { release };
    };

    const opened = openRig({ files, dir: DIR, settings: testSettings(DIR), acquireLock });

    await expect(opened).rejects.toMatchObject({ code: 'FOLDER-UNSAFE' });
    expect(release).toHaveBeenCalledOnce();
  });
});
