import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FreePlaces, nextPackage, type WaitingPackage } from '#updates/package-order.ts';

const item = (id: string, over: Partial<WaitingPackage> = {}): WaitingPackage => ({
  id,
  length: 100,
  requires: [],
  origin: 'https://a',
  isSlow: false,
  ...over,
});

interface Round {
  readonly parallel: number;
  readonly slowOrigins?: readonly string[];
  /** Which of the running downloads ends next, as an index. */
  readonly ends?: (running: readonly WaitingPackage[]) => number;
}

/** Runs a whole round. Returns what ran together after each start. */
function play(items: readonly WaitingPackage[], { parallel, slowOrigins = [], ends = () => 0 }: Round) {
  let waiting = items;
  const unfinished = new Set(items.map(({ id }) => id));
  const running: WaitingPackage[] = [];
  const states: WaitingPackage[][] = [];
  const started: string[] = [];
  while (true) {
    const places: FreePlaces = {
      parallel,
      running: running.map(({ origin }) => origin),
      unfinished,
      isSlowOrigin: (origin) => slowOrigins.includes(origin),
    };
    const next = nextPackage(waiting, places);
    if (next !== null) {
      expect(next.requires.filter((id) => unfinished.has(id))).toEqual([]);
      waiting = waiting.filter((one) => one !== next);
      running.push(next);
      started.push(next.id);
      states.push([...running]);
      continue;
    }
    if (running.length === 0) break;
    const [ended] = running.splice(ends(running) % running.length, 1);
    unfinished.delete(ended?.id ?? '');
  }
  expect(waiting).toEqual([]);
  return { started, states };
}

describe('package order', () => {
  it('takes the smallest first, and what a package requires before it', () => {
    const items = [item('a', { length: 900 }), item('b', { length: 5, requires: ['a'] }), item('c', { length: 50 })];
    expect(play(items, { parallel: 1 }).started).toEqual(['c', 'a', 'b']);
  });

  it('takes slow packages last, with those that require them', () => {
    const items = [
      item('a', { length: 1, isSlow: true }),
      item('b', { length: 2, requires: ['a'] }),
      item('c', { length: 900 }),
    ];
    expect(play(items, { parallel: 1 }).started).toEqual(['c', 'a', 'b']);
  });

  it('keeps a place for other servers while they have packages', () => {
    const many = ['a', 'b', 'c', 'd', 'e'].map((id) => item(id, { length: 1 }));
    const { states } = play([...many, item('z', { origin: 'https://z', length: 900 })], {
      parallel: 3,
      ends: (all) => all.length - 1,
    });
    expect(states[2]?.map(({ id }) => id)).toEqual(['a', 'b', 'z']);
    expect(Math.max(...states.map((all) => all.filter(({ origin }) => origin === 'https://a').length))).toBe(3);
  });

  it('gives a slow server at most one place, and the last of all its places too', () => {
    const items = ['a', 'b', 'c'].map((id) => item(id));
    const { states } = play(items, { parallel: 4, slowOrigins: ['https://a'] });
    expect(Math.max(...states.map(({ length }) => length))).toBe(1);
  });

  it('starts every package once, within all limits, for any packages', () => {
    const origins = ['https://a', 'https://b', 'https://c'];
    const anyItems = fc
      .array(
        fc.record({
          length: fc.nat(1_000),
          origin: fc.constantFrom(...origins),
          isSlow: fc.boolean(),
          requires: fc.array(fc.nat(20)),
        }),
        { maxLength: 15 },
      )
      .map((rows) =>
        rows.map((row, at) =>
          item(`u${at}`, { ...row, requires: row.requires.filter((one) => one < at).map((one) => `u${one}`) }),
        ),
      );
    fc.assert(
      fc.property(anyItems, fc.integer({ min: 1, max: 4 }), fc.nat(), (items, parallel, end) => {
        const { started, states } = play(items, { parallel, slowOrigins: ['https://c'], ends: () => end });
        expect(new Set(started).size).toBe(items.length);
        for (const running of states) {
          expect(running.length).toBeLessThanOrEqual(parallel);
          expect(running.filter(({ origin }) => origin === 'https://c').length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
