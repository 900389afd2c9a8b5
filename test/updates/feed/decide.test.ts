// The decision about a feed is pure, so every rule is a row of data.

import { describe, expect, it } from 'vitest';
import {
  type DecisionContext,
  decide,
  MAX_PER_ROUND,
  type PackageState,
  rolloutPosition,
} from '#updates/feed/decide.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';

function item(id: string, fields: Partial<FeedItem> = {}): FeedItem {
  return {
    id,
    package: 'content',
    sequence: Number(/\d+$/.exec(id)?.[0] ?? 0),
    file: `${id}.jar`,
    length: 1_000,
    sha256: 'a'.repeat(64),
    released: '2026-11-01T00:00:00Z',
    kind: 'content',
    requires: [],
    withdrawn: false,
    rollout_percent: 100,
    ...fields,
  };
}

function context(
  items: FeedItem[],
  fates: Record<string, PackageState> = {},
  more: Partial<DecisionContext> = {},
): DecisionContext {
  return {
    items,
    known: (id) => (fates[id] === undefined ? null : { sha256: 'a'.repeat(64), fate: fates[id] }),
    channel: 'stable',
    productUpdates: true,
    maxPackageBytes: 10_000,
    agent: { id: 'agent-1', version: '1.2.3' },
    ...more,
  };
}

const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id);

describe('decide', () => {
  it('wants the newest of each package', () => {
    const items = [item('c1'), item('c2'), item('p7', { package: 'product' }), item('p6', { package: 'product' })];

    const decision = decide(context(items));

    expect(decision.verdict).toBe('Wanted');
    expect(ids(decision.wanted)).toEqual(['c2', 'p7']);
  });

  it('is up to date when the newest of each package is published', () => {
    const decision = decide(context([item('c1'), item('c2')], { c2: 'published' }));

    expect(decision.verdict).toBe('UpToDate');
    expect(decision.wanted).toEqual([]);
  });

  it('does not want what was pruned, nor anything older', () => {
    const decision = decide(context([item('c1'), item('c2')], { c2: 'pruned' }));

    expect(decision.wanted).toEqual([]);
  });

  it('puts what is required first, and leaves out what is already published', () => {
    const items = [item('c3', { requires: ['c1', 'c2'] }), item('c2', { requires: ['c1'] }), item('c1')];

    expect(ids(decide(context(items)).wanted)).toEqual(['c1', 'c2', 'c3']);
    expect(ids(decide(context(items, { c1: 'pruned' })).wanted)).toEqual(['c2', 'c3']);
  });

  it.each([
    ['REQUIRES-UNKNOWN', [item('c1', { requires: ['gone'] })]],
    ['REQUIRES-CYCLE', [item('c2', { requires: ['c1'] }), item('c1', { requires: ['c2'] })]],
    ['REQUIRES-DEPTH', Array.from({ length: 20 }, (_, n) => item(`c${n + 1}`, n === 0 ? {} : { requires: [`c${n}`] }))],
    ['PACKAGE-TOO-LARGE', [item('c1', { length: 10_001 })]],
  ])('refuses by name with %s and wants nothing of that item', (code, items) => {
    const decision = decide(context(items));

    expect(decision.wanted).toEqual([]);
    expect(decision.refused.map(({ error }) => error.code)).toContain(code);
  });

  it('takes a chain of exactly sixteen required updates', () => {
    const items = Array.from({ length: 17 }, (_, n) => item(`c${n + 1}`, n === 0 ? {} : { requires: [`c${n}`] }));

    expect(decide(context(items)).wanted).toHaveLength(17);
  });

  it('refuses an id that had another digest earlier, whatever its state', () => {
    for (const fate of ['seen', 'published', 'pruned', 'withdrawn'] as const) {
      const changed = item('c1', { sha256: 'b'.repeat(64) });

      const decision = decide(context([changed], { c1: fate }));

      expect(decision.refused[0]?.error.code).toBe('ID-REUSED');
      expect(decision.wanted).toEqual([]);
    }
  });

  it('withdraws an update only if it is published here, and wants the previous one', () => {
    const items = [item('c1'), item('c2', { withdrawn: true })];

    const decision = decide(context(items, { c2: 'published' }));

    expect(ids(decision.withdrawn)).toEqual(['c2']);
    expect(ids(decision.wanted)).toEqual(['c1']);
    expect(decide(context(items)).withdrawn).toEqual([]);
  });

  it('accepts an item without a channel, or with ours, and no other', () => {
    const items = [item('c1'), item('c2', { channel: 'stable' }), item('c3', { channel: 'beta' })];

    expect(ids(decide(context(items)).wanted)).toEqual(['c2']);
    expect(ids(decide(context(items, {}, { channel: 'beta' })).wanted)).toEqual(['c3']);
  });

  it.each([
    ['product updates are off', item('c2', { kind: 'product' }), { productUpdates: false }],
    ['its rollout has not reached this host', item('c2', { rollout_percent: 0 }), {}],
    ['it needs a newer Sallyport', item('c2', { min_agent: '1.3' }), {}],
    ['its min_agent is not a version', item('c2', { min_agent: 'soon' }), {}],
  ] as const)('defers with a reason when %s, and wants the newest eligible one', (_why, newest, more) => {
    const decision = decide(context([item('c1'), newest], {}, more));

    expect(ids(decision.wanted)).toEqual(['c1']);
    expect(decision.deferred).toEqual([{ id: 'c2', reason: expect.any(String) }]);
  });

  it.each([
    ['product updates are off', { kind: 'product' }, { productUpdates: false }],
    ['it is of another channel', { channel: 'beta' }, {}],
    ['its rollout has not reached this host', { rollout_percent: 0 }, {}],
  ] as const)('defers what requires an update that this host does not take: %s', (_why, fields, more) => {
    const items = [item('c2', { requires: ['t1'] }), item('t1', { package: 'tool', ...fields })];

    const decision = decide(context(items, {}, more));

    expect(decision.wanted).toEqual([]);
    expect(decision.deferred.map(({ id }) => id)).toContain('c2');
    expect(decision.refused).toEqual([]);
  });

  it('takes at most the limit for a round and says how many are left', () => {
    const items = Array.from({ length: 60 }, (_, n) => item(`c${n}`, { package: `p${n}` }));

    const decision = decide(context(items));

    expect(decision.wanted).toHaveLength(MAX_PER_ROUND);
    expect(decision.left).toBe(10);
  });

  it('gives each host a fixed place in a rollout, spread evenly', () => {
    const positions = Array.from({ length: 2_000 }, (_, n) => rolloutPosition(`agent-${n}`, 'c1'));

    expect(rolloutPosition('agent-7', 'c1')).toBe(positions[7]);
    expect(positions.filter((position) => position < 10).length).toBeGreaterThan(140);
    expect(positions.filter((position) => position < 10).length).toBeLessThan(260);
    expect(Math.max(...positions)).toBeLessThan(100);
  });
});
