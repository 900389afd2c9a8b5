// What updates require: the same verdicts as a search over every path, at a cost that grows only with the feed.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layeredFeed } from '#test/support/worst-feeds.ts';
import { decide } from '#updates/feed/decide.ts';
import { FEED_LIMITS, type FeedItem } from '#updates/feed/feed-document.ts';
import { planRequires } from '#updates/feed/requires.ts';

function item(id: string, requires: readonly string[]): FeedItem {
  return {
    id,
    package: id,
    sequence: 1,
    file: `${id}.jar`,
    length: 1_000,
    sha256: 'a'.repeat(64),
    released: '2026-11-01T00:00:00Z',
    kind: 'content',
    requires: [...requires],
    withdrawn: false,
    rollout_percent: 100,
  };
}

function planOf(items: readonly FeedItem[], published: readonly string[] = []) {
  return planRequires({
    items: new Map(items.map((one) => [one.id, one])),
    satisfied: (id) => published.includes(id),
  });
}

/** The plain rule, path by path: affordable for a small feed. */
function walkRefuses(id: string, graph: ReadonlyMap<string, readonly string[]>, above: readonly string[]): boolean {
  const requires = graph.get(id);
  if (requires === undefined || above.includes(id) || above.length > 16) return true;
  return requires.some((needed) => walkRefuses(needed, graph, [...above, id]));
}

const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
const graphs = fc
  .array(fc.uniqueArray(fc.constantFrom(...ids, 'gone'), { maxLength: 3 }), { minLength: 6, maxLength: 6 })
  .map((lists) => new Map(ids.map((id, index) => [id, lists[index] ?? []])));

describe('planRequires', () => {
  it('refuses exactly what a search over every path refuses', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const items = [...graph].map(([id, requires]) => item(id, requires));
        const plan = planOf(items);
        for (const one of items) expect(plan.refusal(one) !== null).toBe(walkRefuses(one.id, graph, []));
      }),
    );
  });

  it('planRequires: each required update comes once, before the update that requires it', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const items = [...graph].map(([id, requires]) => item(id, requires));
        const plan = planOf(items);
        const wanted = items.filter((one) => plan.refusal(one) === null);
        const ordered = plan.order(wanted).map(({ id }) => id);
        expect(new Set(ordered).size).toBe(ordered.length);
        for (const { id, requires } of wanted)
          for (const needed of requires) expect(ordered.indexOf(needed)).toBeLessThan(ordered.indexOf(id));
      }),
    );
  });

  it('names the path of a cycle from the update that leads into it', () => {
    const items = [item('top', ['a']), item('a', ['b']), item('b', ['a'])];

    const error = planOf(items).refusal(items[0] as FeedItem);

    expect(error?.code).toBe('REQUIRES-CYCLE');
    expect(error?.facts).toMatchObject({ id: 'top', path: ['top', 'a', 'b', 'a'] });
  });

  it('planRequires: a cycle longer than the longest chain is too deep, and its path is bounded', () => {
    const items = Array.from({ length: 2_000 }, (_, n) => item(`i${n}`, [`i${(n + 1) % 2_000}`]));

    const plan = planOf(items);

    for (const one of items) expect(plan.refusal(one)?.code).toBe('REQUIRES-DEPTH');
  });

  it('ignores what a published update required', () => {
    const items = [item('a', ['b']), item('b', ['gone'])];

    expect(planOf(items, ['b']).refusal(items[0] as FeedItem)).toBeNull();
    expect(planOf(items).refusal(items[0] as FeedItem)?.facts).toMatchObject({ id: 'b', requires: 'gone' });
  });
});

describe('decide: a feed at its limits', () => {
  it('reads each item and requirement a fixed number of times (issue 10: 16^123 paths)', () => {
    const items = layeredFeed();
    let asked = 0;
    const decision = decide({
      items,
      known: () => {
        asked += 1;
        return null;
      },
      channel: 'stable',
      productUpdates: true,
      maxPackageBytes: 1_000_000,
      agent: { id: 'agent-1', version: '1.0.0' },
    });

    expect(items.length).toBeLessThanOrEqual(FEED_LIMITS.items);
    expect(decision.refused.map(({ error }) => error.code)).toContain('REQUIRES-DEPTH');
    expect(asked).toBeLessThanOrEqual(items.length * (FEED_LIMITS.requires + 4));
  });
});
