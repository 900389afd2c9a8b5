import { describe, expect, it } from 'vitest';
import { circlesOf, filesImportedBy, importGraph } from './import-graph.ts';
import { arrowsBetween, directoryOf } from './module-picture.ts';

const graphOf = (imports: Record<string, string[]>) => new Map(Object.entries(imports));

describe('import circles', () => {
  it('imports: no circle among the files of src, type-only imports included', () => {
    expect(circlesOf(importGraph())).toEqual([]);
  });

  it('imports: no circle among the directories inside a module', () => {
    // Files directly in a module are left out: some put its directories together, others are used by all of them.
    const inner = [...arrowsBetween(importGraph(), directoryOf)].filter(([directory]) => directory.includes('/'));
    const known = new Set(inner.map(([directory]) => directory));
    const graph = new Map(inner.map(([from, targets]) => [from, [...targets].filter((to) => known.has(to))]));

    expect(circlesOf(graph)).toEqual([]);
  });

  it('imports: the graph has every kind of import between two files, and no packages', () => {
    const code = [
      "import type { A } from './a.ts';",
      "import { type B, b } from '#two/b.ts';",
      "export * from './sub/c.ts';",
      "const d = await import('./d.ts');",
      "type E = import('./e.ts').E;",
      "import { z } from 'zod';",
      "import { join } from 'node:path';",
    ].join('\n');

    expect([...filesImportedBy('one/x.ts', code)].sort()).toEqual(
      ['one/a.ts', 'one/d.ts', 'one/e.ts', 'one/sub/c.ts', 'two/b.ts'].sort(),
    );
  });

  it.each([
    ['nothing', {}, []],
    ['a chain', { a: ['b'], b: ['c'], c: [] }, []],
    ['two ways to the same file', { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, []],
    ['two files', { a: ['b'], b: ['a'] }, [['a', 'b']]],
    ['a file and itself', { a: ['a'] }, [['a']]],
    ['three files behind a chain', { x: ['a'], a: ['b'], b: ['c'], c: ['a'] }, [['a', 'b', 'c']]],
    ['two circles with a file in common', { a: ['b', 'c'], b: ['a'], c: ['a'] }, [['a', 'b', 'c']]],
    [
      'two circles, one importing the other',
      { a: ['b'], b: ['a', 'c'], c: ['d'], d: ['c'] },
      [
        ['c', 'd'],
        ['a', 'b'],
      ],
    ],
  ])('imports: circles are found in %s', (_what, imports, circles) => {
    expect(circlesOf(graphOf(imports as Record<string, string[]>))).toEqual(circles);
  });
});
