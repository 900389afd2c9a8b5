import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readChallenges } from '#proxy/auth/schemes/challenge.ts';

function read(...fields: string[]) {
  const challenges = readChallenges(fields.flatMap((field) => ['Proxy-Authenticate', field]));
  return challenges.map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);
}

describe('the challenges of a proxy', () => {
  it('are read from one field each', () => {
    expect(read('Negotiate', 'NTLM', 'Basic realm="CORP"')).toEqual([
      ['Negotiate', {}],
      ['NTLM', {}],
      ['Basic', { realm: 'CORP' }],
    ]);
  });

  it('proxy challenges: several in one field are separated, including quoted commas', () => {
    expect(read('Digest realm="a, Basic realm=b", nonce="x\\"y",qop="auth", Basic realm="b", charset=UTF-8')).toEqual([
      ['Digest', { realm: 'a, Basic realm=b', nonce: 'x"y', qop: 'auth' }],
      ['Basic', { realm: 'b', charset: 'UTF-8' }],
    ]);
  });

  it.each([
    ['no quotes', 'Digest realm=corp, nonce=a/b+c==, qop=auth', { realm: 'corp', nonce: 'a/b+c==', qop: 'auth' }],
    ['no quotes around words', 'Digest realm=Corp Web Proxy, nonce=x', { realm: 'Corp Web Proxy', nonce: 'x' }],
    ['blanks in place of commas', 'Digest realm="a b" nonce="x" qop=auth', { realm: 'a b', nonce: 'x', qop: 'auth' }],
    ['neither', 'Digest realm=a b nonce=x', { realm: 'a b', nonce: 'x' }],
    ['blanks around everything', 'Digest  realm = "a" , nonce\t=\t"x" ', { realm: 'a', nonce: 'x' }],
    ['a long nonce', `Digest nonce="${'n'.repeat(9_000)}"`, { nonce: 'n'.repeat(9_000) }],
  ])('are read with %s', (_name, field, params) => {
    expect(read(field)).toEqual([['Digest', params]]);
    expect(read(`${field}, Basic realm=b`)).toEqual([
      ['Digest', params],
      ['Basic', { realm: 'b' }],
    ]);
  });

  it('proxy challenges: scheme names separate them if only spaces are between them', () => {
    expect(read('Digest realm=a Basic realm=b')).toEqual([
      ['Digest', { realm: 'a' }],
      ['Basic', { realm: 'b' }],
    ]);
  });

  it('keep a token after the scheme out of the names of schemes', () => {
    expect(read('NTLM TlRMTVNTUAACAAAA==, Basic realm=x')).toEqual([
      ['NTLM', {}],
      ['Basic', { realm: 'x' }],
    ]);
  });

  it('proxy challenges: the field name is case-insensitive, and other fields are ignored', () => {
    expect(readChallenges(['proxy-AUTHENTICATE', 'Basic', 'WWW-Authenticate', 'NTLM'])).toHaveLength(1);
  });

  it.each(['', ',,,', '=', 'realm="x"', '"', 'Basic realm="open', '\u0001'])('survive %j', (field) => {
    expect(() => read(field)).not.toThrow();
  });

  it('proxy challenges: their number and parsing time are bounded, whatever a proxy sends', () => {
    const parts = fc.constantFrom('Basic', ' ', ',', '=', '"', '\\', 'realm=', 'a="', '",', 'x', '\t', '==', 'NTLM ');
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 3_000 }), (text) => {
        expect(read(text.join('')).length).toBeLessThanOrEqual(16);
      }),
      { numRuns: 200 },
    );
    const before = performance.now();
    read('a="\\",'.repeat(2_700), `Basic ${'a="x,'.repeat(3_000)}`);
    for (const part of [' ', 'x ', 'a=', 'a=b ', '"', 'a="', '\\"', ',', 'a=" ,', '=', 'x=y z ']) {
      read(`Digest ${part.repeat(262_000 / part.length)}`, `Digest a=b${part.repeat(262_000 / part.length)}`);
    }
    expect(performance.now() - before).toBeLessThan(5_000);
  });
});
