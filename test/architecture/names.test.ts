/** No exported name or file name in src/ has a retired word, and each exported name has one meaning. */
import { describe, expect, it } from 'vitest';
import { readSource, withoutComments } from './imports.ts';
import { sourceFiles } from './layers.ts';

/** Words that names must not contain, each with the word to use. docs/writing.md says how to write. */
const RETIRED: Readonly<Record<string, string>> = {
  lane: 'connection',
  way: 'candidate for a connection, edit for a change of the file, path for a file',
  travel: 'connectMode',
  journey: 'connectTrace',
  opener: 'connector',
  walk: 'failover',
  ledger: 'credentialGuard',
  login: 'authSession',
  admission: 'permit',
  introduce: 'authenticate',
  beside: 'concurrent',
  patience: 'timeoutSession, or waitMs',
  pace: 'retryPacing',
  fate: 'packageState',
  starved: 'freezeState',
  desk: 'commandContext',
  asked: 'request',
  told: 'reported',
  seen: 'observed',
  circumstances: 'context',
  surroundings: 'context',
  ailment: 'problem',
  sheet: 'yamlSource',
  judge: 'validateX (throws or returns the mistake), classifyX (returns a kind) or checkX (returns a verdict)',
  tell: 'printX for the terminal, reportX for events',
  most: 'MAX_X',
  largest: 'MAX_X',
  longest: 'MAX_X_MS or MAX_X_LENGTH',
  shortest: 'MIN_X with its unit',
  least: 'MIN_X',
  house: 'program',
  room: 'module for a folder of src/, reloader for a part that reloads settings, space for a disk',
  floor: 'layer',
  law: 'principle',
  door: 'entryPoint',
};
/** Words that are retired in one module only. */
const RETIRED_IN: readonly { readonly module: string; readonly word: string; readonly instead: string }[] = [
  { module: 'config', word: 'slot', instead: 'valuePosition; a slot is a time of the schedule' },
];

/** Names that two files export. */
const KEPT_NAMES: Readonly<Record<string, string>> = {
  Feed: 'the same document on both sides: origin/ builds it, updates/ reads it, and the two share no code',
  FeedItem: 'the same entry on both sides',
};

const DECLARED =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|let|function\*?|class|interface|type|enum)\s+([\w$]+)/gm;
const IMPORTED = /^import\s+(?:type\s+)?\{([^}]*)\}/gm;
const LISTED = /^export\s+(?:type\s+)?\{([^}]*)\}(?!\s*from)/gm;

/** Names that this code exports, without those that it passes on from another file. */
function exportsOf(code: string): string[] {
  const bare = withoutComments(code);
  const declared = [...bare.matchAll(DECLARED)].map(([, name = '']) => name);
  const imported = new Set([...bare.matchAll(IMPORTED)].flatMap(([, list = '']) => namesIn(list)));
  const listed = [...bare.matchAll(LISTED)].flatMap(([, list = '']) => namesIn(list));
  return [...declared, ...listed.filter((name) => !imported.has(name))];
}

/** The names of a list such as `type A, b as c`, as they are known behind it. */
function namesIn(list: string): string[] {
  return list
    .split(',')
    .map(
      (one) =>
        one
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)
          .at(-1) ?? '',
    )
    .filter((name) => name !== '');
}

/** The words of a name in camelCase, CAPITALS or kebab-case, small and without the s of a plural or a third person. */
function wordsOf(name: string): string[] {
  const words = name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? [];
  return words.map((word) => word.toLowerCase()).flatMap((word) => [word, word.replace(/s$/, '')]);
}

/** What is wrong with a name of this file, or nothing. */
function complaint(file: string, name: string): string | undefined {
  const words = wordsOf(name);
  const own = RETIRED_IN.filter(({ module }) => file.startsWith(`${module}/`));
  const [word, instead] =
    [...Object.entries(RETIRED), ...own.map((one) => [one.word, one.instead] as const)].find(([retired]) =>
      words.includes(retired),
    ) ?? [];
  if (word === undefined) return undefined;
  return `src/${file} ${name}: '${word}' is a retired word, use ${instead}`;
}

describe('names', () => {
  const files = sourceFiles().map((file) => ({ file, names: exportsOf(readSource(file)) }));

  it('names: the check finds exported names in most files', () => {
    expect(files.filter(({ names }) => names.length > 0).length).toBeGreaterThan(files.length / 2);
  });

  it('names: no exported name and no file name has a retired word', () => {
    const complaints = files.flatMap(({ file, names }) => {
      const base = file.slice(file.lastIndexOf('/') + 1).replace(/\.tsx?$/, '');
      return [base, ...names].flatMap((name) => complaint(file, name) ?? []);
    });

    expect(complaints).toEqual([]);
  });

  it('names: no name is exported by two files', () => {
    const byName = Map.groupBy(
      files.flatMap(({ file, names }) => names.map((name) => ({ file, name }))),
      ({ name }) => name,
    );
    const twice = [...byName]
      .filter(([name, uses]) => new Set(uses.map(({ file }) => file)).size > 1 && KEPT_NAMES[name] === undefined)
      .map(([name, uses]) => `${name}: ${uses.map(({ file }) => file).join(', ')}; one name has one meaning`);

    expect(twice).toEqual([]);
  });

  it('names: every exception is still needed', () => {
    const counts = Object.keys(KEPT_NAMES).map((name) => files.filter(({ names }) => names.includes(name)).length);

    expect(counts.filter((count) => count < 2)).toEqual([]);
  });
});

describe('the check of names itself', () => {
  it.each([
    ['config/a.ts', 'judgeHost', 'validateX'],
    ['config/a.ts', 'MOST_ROWS', 'MAX_X'],
    ['config/a.ts', 'Slot', 'valuePosition'],
    ['cli/a.ts', 'ToldChange', 'reported'],
    ['proxy/a.ts', 'waysFor', 'candidate'],
    ['daemon/reload/a.ts', 'log-room', 'reloader'],
  ])('names: in %s %s is refused', (file, name, instead) => {
    expect(complaint(file, name)).toContain(instead);
  });

  it.each([
    ['daemon/schedule/slots.ts', 'Slots'],
    ['errors/hop.ts', 'hopText'],
    ['config/a.ts', 'gatewayOf'],
    ['system/a.ts', 'lawful'],
  ])('names: in %s %s is accepted', (file, name) => {
    expect(complaint(file, name)).toBeUndefined();
  });

  it('names: declared and listed exports are found, passed-on ones are not', () => {
    const code = [
      'export const A = 1;',
      'export async function b() {}',
      'export type C = 1;',
      'export interface D {}',
      'const e = 1;',
      'export { e, f as g };',
      "export { h } from './h.ts';",
      "export type { I } from '#one/i.ts';",
      "import { type K, l } from '#one/k.ts';",
      'export type { K };',
      '// export const J = 1;',
    ].join('\n');

    expect(exportsOf(code)).toEqual(['A', 'b', 'C', 'D', 'e', 'g']);
  });
});
