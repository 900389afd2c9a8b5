import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choosePrunable, type Stored } from '#updates/package/prune.ts';

const stored = (id: string, sequence: number, fields: Partial<Stored> = {}): Stored => ({
  id,
  package: 'content',
  sequence,
  length: 10,
  releasedMs: sequence,
  ...fields,
});

describe('choosePrunable', () => {
  it('keeps the configured number of versions of each package, the newest ones', () => {
    const found = choosePrunable([stored('a', 1), stored('b', 2), stored('c', 3), stored('p', 1, { package: 'p' })], {
      keepVersions: 2,
      maxBytes: null,
    });

    expect(found).toEqual([{ id: 'a', reason: 'updates.keep_versions' }]);
  });

  it('removes the oldest until the rest fits', () => {
    const found = choosePrunable([stored('a', 1), stored('b', 2), stored('c', 3)], { keepVersions: 3, maxBytes: 20 });

    expect(found).toEqual([{ id: 'a', reason: 'updates.packages_max_bytes' }]);
  });

  it('choosePrunable: the first released is chosen, whatever the sequences of other packages', () => {
    const all = [
      stored('a1', 900, { releasedMs: 1 }),
      stored('a2', 901, { releasedMs: 4 }),
      stored('b1', 1, { package: 'b', releasedMs: 2 }),
      stored('b2', 2, { package: 'b', releasedMs: 3 }),
    ];

    expect(choosePrunable(all, { keepVersions: 3, maxBytes: 30 }).map(({ id }) => id)).toEqual(['a1']);
  });

  it('never removes the newest of a package, whatever the limits', () => {
    const packages = fc.array(
      fc.record({
        id: fc.uuid(),
        package: fc.constantFrom('a', 'b', 'c'),
        sequence: fc.nat(50),
        length: fc.nat(1_000),
        releasedMs: fc.nat(1_000),
      }),
    );
    fc.assert(
      fc.property(packages, fc.integer({ min: 1, max: 5 }), fc.option(fc.nat(2_000)), (all, keepVersions, maxBytes) => {
        const gone = new Set(choosePrunable(all, { keepVersions, maxBytes }).map(({ id }) => id));
        for (const versions of Map.groupBy(all, (one) => one.package).values()) {
          expect(versions.some(({ id }) => !gone.has(id))).toBe(true);
        }
      }),
    );
  });
});
