import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { PackageTurn } from '#updates/package/turn.ts';

const LOST = { code: 'CONNECTION-LOST' } as const;
const GONE = { code: 'PROXY-GONE' } as const;
const MOVED = { madeProgress: true, nextRequestsWhole: false };

describe('turn: the cost of a failed attempt', () => {
  it('turn: an attempt costs one if it received nothing, and nothing if bytes arrived', () => {
    const turn = new PackageTurn(new FakeClock());
    expect(turn.costOf(LOST)).toBe('one');
    turn.attemptFailed(MOVED);
    expect(turn.costOf(LOST)).toBe('reset');
    // What an attempt left is counted once.
    expect(turn.costOf(LOST)).toBe('one');
    expect(turn.madeProgress).toBe(true);
  });

  it('turn: an attempt costs nothing if the next one requests the whole file', () => {
    const turn = new PackageTurn(new FakeClock());
    turn.attemptFailed({ madeProgress: false, nextRequestsWhole: true });
    expect([turn.costOf(LOST), turn.startsOver, turn.madeProgress]).toEqual(['none', true, false]);
  });

  it('turn: a dead proxy costs nothing five times in a row, then other packages get their turn', () => {
    const turn = new PackageTurn(new FakeClock());
    const costs = (times: number) => Array.from({ length: times }, () => turn.costOf(GONE));
    expect(costs(4)).toEqual(['none', 'none', 'none', 'none']);
    expect(turn.costOf(LOST)).toBe('one');
    expect(costs(6)).toEqual(['none', 'none', 'none', 'none', 'none', 'over']);
  });

  it('turn: after 15 minutes of attempts that received bytes, the turn ends', () => {
    const clock = new FakeClock();
    const turn = new PackageTurn(clock);
    clock.advance(899_999);
    turn.attemptFailed(MOVED);
    expect([turn.costOf(LOST), turn.yielded]).toEqual(['reset', false]);
    clock.advance(1);
    turn.attemptFailed(MOVED);
    expect([turn.costOf(LOST), turn.yielded]).toEqual(['over', true]);
  });
});
