import { describe, expect, it } from 'vitest';
import { Turns } from '#system/turns.ts';

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
