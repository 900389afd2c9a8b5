import { describe, expect, it } from 'vitest';
import { compilePattern, validatePattern } from '#redaction/linear-pattern.ts';
import { mask } from '#redaction/mask.ts';

const masked = (pattern: string, text: string) => mask(text, compilePattern(pattern).spans(text));

describe('linear pattern', () => {
  it.each([
    ['customer \\d{6}', 'for customer 123456.', 'for ***.'],
    ['customer (\\d{6})', 'for customer 123456.', 'for customer ***.'],
    ['(?i)kunde=(\\w+)|nr (\\d+)', 'KUNDE=abc nr 7', 'KUNDE=*** nr ***'],
    ['(x)?customer', 'a customer', 'a ***'],
    ['\\p{Lu}{3}', 'für ÄÖÜ', 'für ***'],
  ])('linear pattern: %s masks its groups, or the whole match', (pattern, text, result) => {
    expect(masked(pattern, text)).toBe(result);
  });

  it.each([
    ['a(?=b)', 'lookahead such as (?=...) is not supported'],
    ['(?<!a)b', 'lookbehind such as (?<=...) is not supported'],
    ['(a)\\1', 'backreferences such as \\1 are not supported'],
    ['a++', 'possessive quantifiers such as a++ are not supported'],
    ['(?>a)', 'atomic groups (?>...) are not supported'],
    ['(a', 'missing closing ): `(a`'],
    ['((a{100}){100}){100}', 'invalid repeat count: `{100}`'],
    ['', 'it is empty'],
    ['a*', 'it matches an empty text, so it would match everywhere'],
  ])('linear pattern: %s is refused with a reason', (pattern, reason) => {
    expect(validatePattern(pattern)).toBe(reason);
  });

  it('linear pattern: an expression that blocks other engines takes linear time', () => {
    const pattern = compilePattern('(a+)+$');
    const began = process.threadCpuUsage();
    expect(pattern.spans(`${'a'.repeat(50_000)}!`)).toEqual([]);
    expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(1_000);
  });
});
