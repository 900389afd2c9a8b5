import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findingsIn } from '#tools/plain-english.ts';
import { readTestNames } from '#tools/prose.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const suite = (name: string, ...tests: string[]) =>
  `describe('${name}', () => {\n${tests.map((test) => `  it('${test}', () => {});\n`).join('')}});\n`;

// That no name is longer than 90 characters is checked by test/docs/plain-english.test.ts.
describe('test names', () => {
  it('test names: no file has one twice', () => {
    const twice = globSync('test/**/*.test.ts', { cwd: ROOT }).flatMap((path) => {
      const names = readTestNames(readFileSync(`${ROOT}${path}`, 'utf8'))
        .map(({ shown }) => shown)
        // A name with values of a table is another one for each row.
        .filter((name) => !/[%$]\w|\{\}/.test(name));
      return names.filter((name, index) => names.indexOf(name) < index).map((name) => `${path}: ${name}`);
    });

    expect(twice).toEqual([]);
  });

  it('test names: one that begins with its subject is shown alone, others with their suites', () => {
    const code = suite('a spool', 'spool: a full spool refuses new entries', 'keeps old entries');

    expect(readTestNames(code)).toEqual([
      { line: 2, shown: 'spool: a full spool refuses new entries' },
      { line: 3, shown: 'a spool > keeps old entries' },
    ]);
  });

  it('test names: the suites of a name are those around it', () => {
    const code = `describe('a', () => {\n${suite('b', 'c')}it('d', () => {});\n});\n${suite('e', 'f')}it('g', () => {});\n`;

    expect(readTestNames(code).map(({ shown }) => shown)).toEqual(['a > b > c', 'a > d', 'e > f', 'g']);
  });

  it('test names: tables, conditions and suites that need a real part have names as well', () => {
    const code = `describeWith(['squid'], 'Squid', () => { it.each([1])('takes %i', () => {}); it.skipIf(no)(\`is \${how}\`, () => {}); });`;

    expect(readTestNames(code).map(({ shown }) => shown)).toEqual(['Squid > takes %i', 'Squid > is {}']);
  });

  it('test names: one with more than 90 characters is reported', () => {
    const long = 'x'.repeat(89);

    expect(findingsIn('test/a.test.ts', suite('a', `b ${long}`))).toMatchObject([{ kind: 'long test name', line: 2 }]);
    expect(findingsIn('test/a.test.ts', suite('a', `b: ${long.slice(3)}`))).toEqual([]);
  });
});
