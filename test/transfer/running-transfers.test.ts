import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { attemptOver } from '#test/support/fetch-rig.ts';
import { memoryRouter } from '#test/support/memory-router.ts';
import { SpaceWatch } from '#transfer/disk-space.ts';
import { RunningTransfers } from '#transfer/running-transfers.ts';

const RESERVE = { bytes: 0, key: 'updates.reserve_bytes' };

describe('running transfers', () => {
  it('count how many ran at a time, also those that have ended', () => {
    const running = new RunningTransfers();
    const first = running.begin();
    const second = running.begin();
    running.end(second);
    const third = running.begin();
    expect([first.atOnce, second.atOnce, third.atOnce]).toEqual([2, 2, 2]);
    running.end(first);
    running.end(third);
    expect(running.begin().atOnce).toBe(1);
  });

  it('need disk space together, and release it when they end', async () => {
    const files = new CrashingFiles({ freeBytes: 1_000 });
    files.plantFile('/a', '');
    files.arm({ freeBytes: 1_000 });
    const running = new RunningTransfers();
    const watch = () => {
      const transfer = running.begin();
      return { transfer, space: new SpaceWatch({ files, reserve: RESERVE }, '/a', { running, transfer }) };
    };
    const big = watch();
    await big.space.ensure(700);
    const small = watch();
    await expect(small.space.ensure(400)).rejects.toMatchObject({ code: 'DISK-FULL', facts: { needed: 1_100 } });
    big.space.wrote(500, 200);
    await small.space.ensure(400);
    running.end(big.transfer);
    await small.space.ensure(1_000);
  });

  it.each([
    [1, 60],
    [3, 180],
  ])('of %i share the line, so one that drips ends after %i s', async (count, seconds) => {
    const clock = new FakeClock();
    const running = new RunningTransfers();
    for (let other = 1; other < count; other += 1) running.begin();
    let socket: Duplex | null = null;
    const router = memoryRouter((opened) => {
      socket = opened;
    }, 'direct');
    const plan = { firstByteMs: 30_000, silenceMs: 30_000, totalMs: 60_000, size: 9_000, expectedMs: null };
    const done = attemptOver(new CrashingFiles(), {
      url: new URL('http://127.0.0.1/u1.jar'),
      router,
      right: Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(8_996)]),
      over: {
        clock,
        running,
        timeoutSession: {
          plan: () => ({ ...plan, explanation: '' }),
          words: () => ({ key: 'response_timeout.base_ms' }),
          extend: () => 0,
          observe: () => undefined,
        },
      },
    });
    let error: Error | null = null;
    void done.then((attempted) => {
      error = attempted.error;
    });
    await clock.advanceAsync(0);
    const at = () => socket as unknown as Duplex;
    at().write('HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nPK\u0003\u0004');
    for (let elapsed = 10; elapsed < seconds; elapsed += 10) {
      await clock.advanceAsync(10_000);
      at().write('\0');
      await clock.advanceAsync(0);
    }
    expect(error).toBeNull();
    await clock.advanceAsync(10_000);
    expect((await done).error).toMatchObject({ code: 'RESPONSE-TRICKLES' });
  });
});
