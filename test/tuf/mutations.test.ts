/** The list of mutations fits the source: `npm run mutate` runs them, which takes minutes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTATIONS } from './support/mutations.ts';

describe('mutations', () => {
  it.each(MUTATIONS)('mutations: the source has the check "$name" once', ({ file, find, replace }) => {
    const source = readFileSync(new URL(`../../src/trust/tuf/${file}`, import.meta.url), 'utf8');

    expect(source.split(find)).toHaveLength(2);
    expect(find).not.toBe(replace);
  });

  it('mutations: no two have the same name', () => {
    expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length);
  });
});
