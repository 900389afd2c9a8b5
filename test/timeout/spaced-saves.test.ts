import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { SpacedSaves } from '#timeout/spaced-saves.ts';

const PLAN = { size: 1, firstByteMs: 1, silenceMs: 1, totalMs: 1, expectedMs: null, explanation: '' };

function setUp() {
  const clock = new FakeClock();
  const saved: unknown[] = [];
  const notes = new Map<string, object>();
  let isFull = false;
  const saves = new SpacedSaves(
    {
      attempt: (id) => (notes.get(id) as never) ?? null,
      setAttempt: (id, note) => void (note === null ? notes.delete(id) : notes.set(id, note)),
      route: () => null,
      setRoute: () => undefined,
      save: (learned) => {
        if (isFull) return Promise.reject(new Error('disk full'));
        saved.push(learned);
        return Promise.resolve();
      },
    },
    clock,
  );
  return {
    clock,
    saved,
    saves,
    fill: (full: boolean) => {
      isFull = full;
    },
  };
}

describe('spaced saves', () => {
  it('write at most every ten seconds, and at the end', async () => {
    const { clock, saved, saves } = setUp();
    await saves.save(1);
    clock.advance(9_999);
    await saves.save(2);
    expect(saved).toEqual([]);
    clock.advance(1);
    await saves.save(3);
    await saves.save(4);
    expect(saved).toEqual([3]);
    await saves.flush();
    await saves.flush();
    expect(saved).toEqual([3, 4]);
  });

  it('write at once after a timeout, and when it no longer counts', async () => {
    const { saved, saves } = setUp();
    saves.setAttempt('j', { plan: PLAN, timedOut: 'first_byte' });
    await saves.save(1);
    saves.setAttempt('j', null);
    await saves.save(2);
    saves.setAttempt('j', null);
    await saves.save(3);
    expect(saved).toEqual([1, 2]);
  });

  it('keep what could not be written for the next time', async () => {
    const { saved, saves, fill } = setUp();
    fill(true);
    await saves.save(1);
    await expect(saves.flush()).rejects.toThrow('disk full');
    fill(false);
    await saves.flush();
    expect(saved).toEqual([1]);
  });
});
