import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { DiskPause } from '#updates/disk-pause.ts';

const MINUTE = 60_000;
const YEAR = 365 * 86_400_000;
const FULL = coded('DISK-FULL', { operation: 'write', path: '/data/x', reason: 'ENOSPC', free: 0 });

describe('disk pause: a full disk', () => {
  it.each([YEAR, -YEAR])('disk pause: its length does not change when the clock moves by a year (%i)', async (step) => {
    const events: SallyportEvent[] = [];
    const clock = new FakeClock();
    const pause = new DiskPause({ files: new CrashingFiles(), clock, report: (event) => void events.push(event) });
    pause.begin();
    expect(await pause.note(FULL)).toBe(clock.now() + MINUTE);
    expect(pause.end(false)).toBe(clock.now() + MINUTE);
    clock.advance(MINUTE / 2);
    clock.stepWall(step);
    expect(pause.current).toMatchObject({ sinceMs: clock.now() - MINUTE / 2, nextTryMs: clock.now() + MINUTE / 2 });

    clock.advance(MINUTE / 2);
    pause.begin();
    await pause.note(FULL);
    expect(pause.end(false)).toBe(clock.now() + 2 * MINUTE);
    clock.advance(2 * MINUTE);
    pause.begin();
    expect(pause.end(true)).toBeNull();
    expect(events.at(-1)).toEqual({ name: 'disk-room', elapsed: 3 * MINUTE });
  });
});
