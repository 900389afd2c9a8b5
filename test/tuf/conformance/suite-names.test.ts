import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readTestNames } from '#tools/prose.ts';
import { NEWEST, OLDER } from './suite-names.ts';

const FOLDER = fileURLToPath(new URL('../', import.meta.url));

const sources = new Map<string, string>(
  readdirSync(`${FOLDER}conformance`)
    .filter((file) => file.endsWith('.test.ts') && !file.startsWith('suite-names'))
    .map((file) => [`conformance/${file}`, readFileSync(`${FOLDER}conformance/${file}`, 'utf8')] as const),
);

/** The last part of each name in a file, such as `test_unsigned_metadata[%s]`. */
function namesIn(source: string): ReadonlySet<string> {
  return new Set(readTestNames(source).map(({ shown }) => shown.split(' > ').at(-1) ?? shown));
}

const all = [...NEWEST, ...OLDER].flatMap(({ module, file, tests }) =>
  tests.map(({ name, cases = [], here = [`conformance/${file}`, name] }) => ({ module, name, cases, here })),
);

describe('names of the public suite', () => {
  it.each(all)('tuf-conformance: $module $name has a test here', ({ name, cases, here: [file, own] }) => {
    const source = sources.get(file) ?? '';
    const names = namesIn(source);
    if (cases.length === 0) expect(names).toContain(own);
    else expect([...names].some((one) => one === `${name}[%s]` || one === `${name}[%j]`)).toBe(true);

    // Each case is a row of the table of this test.
    expect(cases.filter((one) => !source.includes(`'${one}'`))).toEqual([]);
  });

  it('tuf-conformance: each test here is one of the suite', () => {
    const known = new Set(all.flatMap(({ name, here: [, own] }) => [name, own]));
    const own = [...sources.values()].flatMap((source) => [...namesIn(source)]);

    expect(
      own.map((name) => (known.has(name) ? name : name.replace(/\[.*/, ''))).filter((name) => !known.has(name)),
    ).toEqual([]);
  });

  it('tuf-conformance: 51 of the 53 tests of eec841c1 and the three newer ones are in the table', () => {
    const functions = (modules: typeof NEWEST) =>
      new Set(modules.flatMap(({ module, tests }) => tests.map(({ name }) => `${module} ${name}`)));

    expect(functions(NEWEST.filter(({ module }) => module !== 'test_delegated_expiration')).size).toBe(51);
    expect(functions(NEWEST).size).toBe(54);
  });
});
