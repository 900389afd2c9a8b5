/** The tables of attacks in docs/trust-attacks.md: every attacker has every goal, and every named test exists. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const GOALS = [
  'Another package',
  'Rollback',
  'Freeze',
  'Mix-and-match',
  'Slow retrieval',
  'Endless data',
  'Wrong channel',
];
const ATTACKERS = [
  'The network',
  'A proxy or a cache',
  'A mirror',
  'One online key',
  'A threshold of online keys',
  'The root key',
];
const ATTACKS = readFileSync(new URL('docs/trust-attacks.md', ROOT), 'utf8');

/** The rows of the tables in each section: goal, what happens, tests. */
const SECTIONS = new Map(
  ATTACKS.split('\n## ').map((section) => [
    section.split('\n')[0] ?? '',
    section
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '')))
      .filter(([goal = '']) => GOALS.includes(goal)),
  ]),
);

const namesIn = (text: string) => [...text.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name.replaceAll('\n', ' '));

/** The titles of all tests below these folders, as written in the source. */
function titles(): ReadonlySet<string> {
  const files = ['test/tuf/', 'test/updates/', 'test/real-parts/'].flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => readFileSync(new URL(folder + name, ROOT), 'utf8')),
  );
  const calls = files.flatMap((text) => [...text.matchAll(/(?:\bit|\]\)|^ {2}\))\(\s*'([^'\n]+)',/gm)]);
  return new Set(calls.map(([, title = '']) => title));
}

describe('attacks in docs/trust-attacks.md', () => {
  it.each(ATTACKERS)('attacks: "%s" has every goal, each with a test', (attacker) => {
    const rows = SECTIONS.get(attacker) ?? [];

    expect(rows.slice(0, GOALS.length).map(([goal]) => goal)).toEqual(GOALS);
    for (const [, what = '', tests = ''] of rows) {
      expect(what).not.toBe('');
      expect(namesIn(tests)).not.toEqual([]);
    }
  });

  it('attacks: every named test exists', () => {
    const known = titles();
    const named = namesIn(ATTACKS);

    expect(named.length).toBeGreaterThan(ATTACKERS.length * GOALS.length);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
