import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleFeed, renderFeed } from '#origin/feed-assemble.ts';
import { type ItemMeta, idProblem, readMeta } from '#origin/feed-format.ts';
import { validateId } from '#system/id.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';
import { parseFeed } from '#updates/feed/feed-document.ts';

// The builder and the agent's reader share docs/protocol.md and no code. This test compares them.
describe('feed contract: the builder and the reader', () => {
  it('agree on every id', () => {
    const near = fc.array(
      fc.constantFrom('a', 'Z', '9', '.', '-', '_', '/', '.jar', '.JSON', '.new', '.damaged', ' ', 'ä'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          near.map((parts) => parts.join('')),
        ),
        (id) => {
          expect(idProblem(id) === null).toBe(validateId(id) === null);
        },
      ),
    );
  });

  it('agree on every side file: what is built is read without a refused item', () => {
    const time = fc
      .tuple(fc.date({ noInvalidDate: true }), fc.nat(31))
      .map(([at, day]) => `${at.toISOString().slice(-24, -16)}${String(day).padStart(2, '0')}T00:00:00Z`);
    const meta = fc.record(
      {
        package: fc.oneof(fc.constant('content'), fc.string()),
        sequence: fc.oneof(fc.nat(), fc.double()),
        released: time,
        kind: fc.constantFrom('content', 'product', 'other'),
        withdrawn: fc.boolean(),
        channel: fc.oneof(fc.constant('beta'), fc.string()),
        rollout_percent: fc.double({ min: -1, max: 101 }),
        min_agent: fc.constantFrom('1.0.0', '2.0.0-rc.1', 'x'),
        notes: fc.string({ unit: ANY_CHARACTER, maxLength: 50 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(meta, (fields) => {
        const read = readMeta(JSON.stringify(fields));
        if ('problem' in read) return;
        const facts = { length: 22, sha256: '0'.repeat(64), modifiedMs: 0 };
        const metas = new Map<string, ItemMeta>([['1', read.meta]]);
        const found = [{ id: '1', file: '1.jar', facts }];
        const { feed } = assembleFeed({ found, metas, previous: null, nowMs: 0, expiresDays: 1 });
        const parsed = parseFeed(Buffer.from(renderFeed(feed)));
        expect(parsed.refused).toEqual([]);
        expect(parsed.items[0]).toMatchObject({ ...feed.items[0] });
      }),
      { numRuns: 500 },
    );
  });
});
