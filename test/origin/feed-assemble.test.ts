import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleFeed, compareIds, type FeedInput, renderFeed } from '#origin/feed-assemble.ts';
import { type Feed, type ItemMeta, readFeed } from '#origin/feed-format.ts';

const NOW = Date.UTC(2026, 10, 20);
const DAY_MS = 86_400_000;

const jar = (id: string, sha256 = 'ab'.repeat(32)) => ({
  id,
  file: `${id}.jar`,
  facts: { length: 1_000, sha256, modifiedMs: NOW },
});

function assemble(ids: readonly string[], more: Partial<FeedInput> & { meta?: Record<string, ItemMeta> } = {}) {
  const { meta = {}, ...rest } = more;
  return assembleFeed({
    found: ids.map((id) => jar(id)),
    metas: new Map(Object.entries(meta)),
    previous: null,
    nowMs: NOW,
    expiresDays: 30,
    ...rest,
  });
}

const sequences = (feed: Feed) => Object.fromEntries(feed.items.map(({ id, sequence }) => [id, sequence]));
const failing = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return 'no failure';
};

describe('a feed item', () => {
  it('gets its fields from its file, and defaults for the rest', () => {
    const { feed, warnings } = assemble(['1602503']);
    expect(feed).toEqual({
      format: 1,
      serial: 1,
      expires: '2026-12-20T00:00:00Z',
      items: [
        {
          id: '1602503',
          package: 'updates',
          sequence: 1_602_503,
          file: '1602503.jar',
          length: 1_000,
          sha256: 'ab'.repeat(32),
          released: '2026-11-20T00:00:00Z',
          kind: 'content',
        },
      ],
    });
    expect(warnings).toEqual([]);
  });

  it('has the fields of its side file', () => {
    const meta = {
      package: 'product',
      sequence: 7,
      released: '2026-01-01T00:00:00+01:00',
      kind: 'product',
      requires: ['2'],
      withdrawn: true,
      channel: 'beta',
      rollout_percent: 10,
      min_agent: '1.2.0',
      notes: 'Say "hello".',
    } as const;
    expect(assemble(['1', '2'], { meta: { '1': meta } }).feed.items[0]).toMatchObject({ id: '1', ...meta });
  });

  it('keeps its digest permanently', () => {
    const previous = assemble(['1']).feed;
    expect(failing(() => assemble([], { previous, found: [jar('1', 'cd'.repeat(32))] }))).toBe('ID-REUSED');
  });

  it('keeps the time of its release when only the time of its file changes', () => {
    const previous = assemble(['1']).feed;
    const later = { ...jar('1'), facts: { ...jar('1').facts, modifiedMs: NOW + DAY_MS } };
    expect(assemble([], { previous, found: [later] }).changed).toBe(false);
  });

  it('is refused if another differs only in case', () => {
    expect(failing(() => assemble(['a1', 'A1']))).toBe('ID-DUPLICATE');
  });

  it('stays in the feed without its file once it is withdrawn', () => {
    const previous = assemble(['1', '2']).feed;
    const { feed, warnings } = assemble(['2'], { previous, meta: { '1': { withdrawn: true } } });
    expect(feed.items[0]).toEqual({ ...previous.items[0], withdrawn: true });
    expect(warnings).toEqual([]);
  });

  it('that lost its file leaves the feed with a warning', () => {
    const { feed, warnings } = assemble(['2'], { previous: assemble(['1', '2']).feed });
    expect(feed.items.map(({ id }) => id)).toEqual(['2']);
    expect(warnings).toEqual([expect.stringContaining('1 has left feed.json')]);
  });

  it('with a side file but no package causes a warning', () => {
    expect(assemble(['1'], { meta: { '2': {} } }).warnings).toEqual([expect.stringContaining('2.meta.json')]);
  });
});

describe('the order of a package', () => {
  it('follows numbers as people read them', () => {
    expect(['10', '9', 'v1.10', 'v1.9', '1602503', 'A2', 'a1'].sort(compareIds)).toEqual([
      '9',
      '10',
      '1602503',
      'a1',
      'A2',
      'v1.9',
      'v1.10',
    ]);
  });

  it('counts up if ids are not numbers, and never renumbers', () => {
    const first = assemble(['v1.10', 'v1.9']).feed;
    expect(sequences(first)).toEqual({ 'v1.9': 1, 'v1.10': 2 });
    const second = assemble(['v1.10', 'v1.9', 'v2'], { previous: first }).feed;
    expect(sequences(second)).toEqual({ 'v1.9': 1, 'v1.10': 2, v2: 3 });
    expect(sequences(assemble(['v1.10', 'v2'], { previous: second }).feed)).toEqual({ 'v1.10': 2, v2: 3 });
  });

  it('is refused if it is ambiguous', () => {
    expect(failing(() => assemble(['1', '2'], { meta: { '1': { sequence: 2 } } }))).toBe('FEED-BUILD');
    const previous = assemble(['v1', 'v3']).feed;
    expect(failing(() => assemble(['v1', 'v2', 'v3'], { previous }))).toBe('FEED-BUILD');
  });

  it('is separate for each package', () => {
    const meta = { a: { package: 'one' }, b: { package: 'two' } };
    expect(sequences(assemble(['a', 'b'], { meta }).feed)).toEqual({ a: 1, b: 1 });
  });
});

describe('feed builder: the serial', () => {
  it('stays, with everything else, as long as nothing changed', () => {
    const previous = assemble(['1']).feed;
    const { feed, changed } = assemble(['1'], { previous, nowMs: NOW + 14 * DAY_MS });
    expect(changed).toBe(false);
    expect(feed).toBe(previous);
  });

  it('stays in any order of the fields', () => {
    const { feed } = assemble(['1']);
    const turned = feed.items.map((item) => Object.fromEntries(Object.entries(item).reverse()));
    expect(assemble(['1'], { previous: { ...feed, items: turned } as unknown as Feed }).changed).toBe(false);
  });

  it('rises by one when an item changes', () => {
    const previous = { ...assemble(['1']).feed, serial: 41 };
    expect(assemble(['1', '2'], { previous }).feed.serial).toBe(42);
    expect(assemble(['1'], { previous, meta: { '1': { notes: 'new' } } }).feed.serial).toBe(42);
  });

  it('rises with a renewed expiry, after half of its time', () => {
    const previous = assemble(['1']).feed;
    const { feed, changed } = assemble(['1'], { previous, nowMs: NOW + 16 * DAY_MS });
    expect(changed).toBe(true);
    expect(feed).toMatchObject({ serial: 2, expires: '2027-01-05T00:00:00Z' });
  });

  it('rises if the feed expires earlier than before', () => {
    expect(assemble(['1'], { previous: assemble(['1']).feed, expiresDays: 7 }).feed).toMatchObject({
      serial: 2,
      expires: '2026-11-27T00:00:00Z',
    });
  });
});

describe('feed builder: a required update', () => {
  const chain = (length: number) => {
    const ids = Array.from({ length }, (_, index) => `u${index}`);
    const meta = Object.fromEntries(ids.slice(1).map((id, index) => [id, { requires: [`u${index}`] }]));
    return () => assemble(ids, { meta });
  };

  it('must be in the feed', () => {
    expect(failing(() => assemble(['1'], { meta: { '1': { requires: ['2'] } } }))).toBe('REQUIRES-UNKNOWN');
  });

  it('must not form a cycle', () => {
    const meta = { '1': { requires: ['2'] }, '2': { requires: ['3'] }, '3': { requires: ['1'] } };
    expect(failing(() => assemble(['1', '2', '3'], { meta }))).toBe('REQUIRES-CYCLE');
    expect(failing(() => assemble(['1'], { meta: { '1': { requires: ['1'] } } }))).toBe('REQUIRES-CYCLE');
  });

  it('should not be withdrawn', () => {
    const meta = { '1': { requires: ['2'] }, '2': { withdrawn: true } };
    expect(assemble(['1', '2'], { meta }).warnings).toEqual([expect.stringContaining('1 requires 2')]);
    expect(assemble(['1', '2'], { meta: { ...meta, '1': { withdrawn: true } } }).warnings).toEqual([]);
  });

  it('may be nested 16 deep, in any order, and no deeper', () => {
    expect(chain(17)().feed.items).toHaveLength(17);
    expect(failing(chain(18))).toBe('REQUIRES-DEPTH');
    expect(failing(chain(1_500))).toBe('REQUIRES-DEPTH');
  });

  it('may be shared by many at a low cost', () => {
    const ids = Array.from({ length: 16 }, (_, index) => `u${index}`);
    const meta = Object.fromEntries(ids.map((id, index) => [id, { requires: ids.slice(0, index) }]));
    expect(assemble(ids, { meta }).feed.items).toHaveLength(16);
  });
});

describe('a built feed', () => {
  it('has at most 2,000 items', () => {
    const ids = Array.from({ length: 2_001 }, (_, index) => `${index}`);
    expect(failing(() => assemble(ids))).toBe('FEED-LIMIT');
    expect(assemble(ids.slice(1)).feed.items).toHaveLength(2_000);
  });

  it('has at most 4 MiB', () => {
    const ids = Array.from({ length: 1_500 }, (_, index) => `${index}`);
    const meta = Object.fromEntries(ids.map((id) => [id, { notes: 'ä'.repeat(2_000) }]));
    expect(failing(() => assemble(ids, { meta }))).toBe('FEED-LIMIT');
  });

  it('can be read back and built again without a change, whatever it contains', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,20}$/);
    const meta = fc.record(
      { notes: fc.string({ maxLength: 2_000 }), rollout_percent: fc.nat(100), withdrawn: fc.boolean() },
      { requiredKeys: [] },
    );
    const folder = fc.uniqueArray(fc.tuple(id, meta), { selector: ([name]) => name.toLowerCase(), maxLength: 30 });
    fc.assert(
      fc.property(folder, (entries) => {
        // Each id is a package of its own: the order within one has its own rules above.
        const metas = Object.fromEntries(entries.map(([name, fields]) => [name, { ...fields, package: name }]));
        const ids = entries.map(([name]) => name);
        const built = assemble(ids, { meta: metas });
        const read = readFeed(renderFeed(built.feed));
        expect(read).toEqual({ feed: built.feed });
        const again = assemble(ids, { meta: metas, previous: built.feed });
        expect(again.changed).toBe(false);
      }),
    );
  });
});
