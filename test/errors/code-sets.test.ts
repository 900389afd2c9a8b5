/** Sets and lists of failure codes are typed, so that a code that does not exist or is renamed does not compile. */
import { describe, expect, it } from 'vitest';
import { CATALOGUE, isOfGroup } from '#errors/catalogue.ts';
import { readSource, withoutComments } from '#test/architecture/imports.ts';
import { sourceFiles } from '#test/architecture/layers.ts';

const CODES: ReadonlySet<string> = new Set(Object.keys(CATALOGUE));
/** A list of strings, with the type of what it is assigned to and the set that is made of it. */
const LIST = /((?::[\w<>\s[\]]+=\s*)?(?:new Set(?:<\w*>)?\(\s*)?)\[((?:\s*'[^']*'\s*,?)+\s*)\]/g;
const PREFIX = /\.(?:startsWith|endsWith)\(\s*(['"`])([A-Z]+(?:-[A-Z]+)*-)\1/g;

/** Lists of codes in this source that are typed as strings, and tests of a code by its beginning. */
function untyped(code: string): readonly string[] {
  const bare = withoutComments(code);
  const lists = [...bare.matchAll(LIST)].flatMap(([whole, before = '', items = '']) => {
    const quoted = [...items.matchAll(/'([^']*)'/g)].map(([, item]) => item ?? '');
    const isOfCodes = quoted.length > 0 && quoted.every((item) => CODES.has(item));
    return isOfCodes && !/\bCode\b/.test(before) ? [whole] : [];
  });
  const prefixes = [...bare.matchAll(PREFIX)].flatMap(([whole, , prefix = '']) =>
    [...CODES].some((known) => known.startsWith(prefix)) ? [whole] : [],
  );
  return [...lists, ...prefixes];
}

describe('sets of failure codes', () => {
  it('codes: no source file has a list of codes that is typed as strings', () => {
    expect(sourceFiles().flatMap((file) => untyped(readSource(file)).map((found) => `${file}: ${found}`))).toEqual([]);
  });

  it.each([
    ["const A: ReadonlySet<string> = new Set(['TCP-REFUSED', 'TCP-TIMEOUT']);", 1],
    ["const A = new Set([\n  'TCP-REFUSED',\n  'TCP-TIMEOUT',\n]);", 1],
    ["const A: ReadonlySet<Code> = new Set<Code>(['TCP-REFUSED']);", 0],
    ["if (['TCP-REFUSED', 'TCP-TIMEOUT'].includes(code)) go();", 1],
    ["const A: readonly string[] = ['TCP-REFUSED'];", 1],
    ["const A: readonly Code[] = ['TCP-REFUSED'];", 0],
    ["if (error.code.startsWith('PAC-')) go();", 1],
    ["if (text.startsWith('X-')) go();", 0],
    ["const A = new Set(['EACCES', 'EPERM']);", 0],
    ["// new Set(['TCP-REFUSED'])", 0],
  ])('codes: the check itself judges %j', (code, count) => {
    expect(untyped(code)).toHaveLength(count);
  });
});

describe('isOfGroup', () => {
  it('isOfGroup: a code is of the groups that it begins with, whole parts only', () => {
    expect(isOfGroup('PROXY-TLS-NAME', 'PROXY-TLS')).toBe(true);
    expect(isOfGroup('PROXY-TLS-NAME', 'PROXY')).toBe(true);
    expect(isOfGroup('PROXY-TLS-NAME', 'TLS', 'DNS')).toBe(false);
    expect(isOfGroup('POLICY', 'POLICY')).toBe(false);
  });
});
