import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
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
});
