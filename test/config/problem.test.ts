import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyName, type Problem, problemLine } from '#config/problem.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';

const PROBLEM: Problem = {
  file: '/etc/sallyport/sallyport.yaml',
  line: 3,
  column: 12,
  key: 'proxies[0].port',
  found: '0',
  allowed: '1 to 65535',
  message: 'Out of range.',
};

describe('a configuration problem', () => {
  it('is one line with position, value found and values allowed', () => {
    expect(problemLine(PROBLEM)).toBe(
      '/etc/sallyport/sallyport.yaml:3:12: proxies[0].port: Out of range. Found: 0. Allowed: 1 to 65535.',
    );
  });

  it('leaves out unknown parts and ends with a suggestion', () => {
    expect(problemLine({ ...PROBLEM, key: '', found: '', allowed: '', didYouMean: 'port' })).toBe(
      '/etc/sallyport/sallyport.yaml:3:12: Out of range. Did you mean port?',
    );
    expect(problemLine({ ...PROBLEM, code: 'POLICY-DIRECT' })).toContain(': [POLICY-DIRECT] Out of range.');
  });

  it('is one line of plain text for any key and value', () => {
    fc.assert(
      fc.property(fc.string({ unit: ANY_CHARACTER }), fc.string({ unit: ANY_CHARACTER }), (key, found) => {
        expect(problemLine({ ...PROBLEM, key, found })).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('shows its key as a path', () => {
    expect(keyName(['proxies', 0, 'password', 'file'])).toBe('proxies[0].password.file');
    expect(keyName([])).toBe('');
  });
});
