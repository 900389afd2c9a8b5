import { describe, expect, it, vi } from 'vitest';
import { SharedTurns, Turns } from '#system/turns.ts';

describe('turns', () => {
  it('turns: work runs one at a time, in the order of the calls', async () => {
    const turns = new Turns();
    const first = Promise.withResolvers<void>();
    const log: string[] = [];
    const one = turns.run(async () => {
      log.push('first begins');
      await first.promise;
      log.push('first ends');
    });
    const two = turns.run(async () => {
      log.push('second');
      return await Promise.resolve(2);
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(['first begins']);

    first.resolve();
    expect(await Promise.all([one, two])).toEqual([undefined, 2]);
    expect(log).toEqual(['first begins', 'first ends', 'second']);
  });

  it('turns: a failure reaches its own caller and does not stop the work after it', async () => {
    const turns = new Turns();
    const failed = turns.run(() => Promise.reject(new Error('disk')));
    const next = turns.run(() => Promise.resolve('next'));

    await expect(failed).rejects.toThrow('disk');
    expect(await next).toBe('next');
  });

  it('turns: idle also waits for work that is added meanwhile, and for work that fails', async () => {
    const turns = new Turns();
    const log: string[] = [];
    void turns.run(async () => {
      await Promise.resolve();
      turns.run(() => Promise.reject(new Error('later'))).catch(() => log.push('later'));
    });
    await turns.idle();

    expect(log).toEqual(['later']);
  });
});

describe('shared turns', () => {
  it('shared turns: calls during a run share one run that begins after it', async () => {
    const turns = new SharedTurns();
    const ends: (() => void)[] = [];
    const work = vi.fn(() => new Promise<void>((resolve) => void ends.push(resolve)));
    const first = turns.run(work);
    const others = [turns.run(work), turns.run(work)];
    expect(work).toHaveBeenCalledTimes(1);

    ends[0]?.();
    await first;
    await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(2));
    const later = turns.run(work);
    ends[1]?.();
    await Promise.all(others);
    await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(3));
    ends[2]?.();
    await later;
    expect(turns.isIdle).toBe(true);
  });

  it('shared turns: a failed run does not stop the next one', async () => {
    const turns = new SharedTurns();
    const failed = turns.run(() => Promise.reject(new Error('disk')));
    const next = turns.run(() => Promise.resolve());
    await expect(failed).rejects.toThrow('disk');
    await expect(next).resolves.toBeUndefined();
  });
});
