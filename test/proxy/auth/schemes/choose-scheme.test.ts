import { describe, expect, it } from 'vitest';
import { readChallenges } from '#proxy/auth/schemes/challenge.ts';
import { type AvailableMeans, chooseScheme, mayBegin } from '#proxy/auth/schemes/choose-scheme.ts';

const NONCE = 'Digest realm="r", nonce="x", qop="auth"';
const OPEN: AvailableMeans = { worked: null, readable: true, weakHashes: true, ticket: true };

function choose(offers: readonly string[], means: Partial<AvailableMeans> = {}) {
  const challenges = readChallenges(offers.flatMap((offer) => ['Proxy-Authenticate', offer]));
  return chooseScheme(challenges, { ...OPEN, ...means });
}

describe('auto', () => {
  it('auto: chooses the strongest known scheme, in any order and case', () => {
    expect(choose(['Basic', NONCE, 'ntlm', 'Negotiate'])).toEqual({ kind: 'chosen', scheme: 'Negotiate' });
    expect(choose(['Basic', NONCE, 'ntlm'])).toEqual({ kind: 'chosen', scheme: 'NTLM' });
    expect(choose(['Basic realm="r"', NONCE])).toEqual({ kind: 'chosen', scheme: 'Digest' });
    expect(choose(['Bearer', 'Basic'])).toEqual({ kind: 'chosen', scheme: 'Basic' });
    expect(choose(['Bearer'])).toEqual({ kind: 'none' });
    expect(choose([])).toEqual({ kind: 'none' });
  });

  it('auto: skips Negotiate without a ticket, unless a ticket worked before', () => {
    const without = { ticket: false } as const;
    expect(choose(['Negotiate', 'NTLM', 'Basic'], without)).toEqual({ kind: 'chosen', scheme: 'NTLM' });
    expect(choose(['Negotiate'], without)).toEqual({ kind: 'none' });
    expect(choose(['Negotiate', 'NTLM'], { ...without, worked: 'NTLM' })).toEqual({ kind: 'chosen', scheme: 'NTLM' });
    const worked = { ...without, worked: 'Negotiate' } as const;
    expect(choose(['Negotiate', 'NTLM'], worked)).toEqual({ kind: 'chosen', scheme: 'Negotiate' });
    expect(choose(['NTLM'], worked)).toEqual({ kind: 'downgrade', worked: 'Negotiate' });
  });

  it('auto: skips a Digest that it cannot answer', () => {
    expect(choose(['Digest nonce="x", algorithm=TOKEN', 'Basic'])).toEqual({ kind: 'chosen', scheme: 'Basic' });
  });

  it('auto: sends no readable password over an unencrypted connection', () => {
    expect(choose(['Basic'], { readable: false })).toEqual({ kind: 'readable' });
    expect(choose(['Basic', NONCE], { readable: false })).toEqual({ kind: 'chosen', scheme: 'Digest' });
  });

  it.each([
    ['NTLM', ['Basic'], 'downgrade'],
    ['NTLM', [NONCE, 'Basic'], 'downgrade'],
    ['Digest', ['Basic'], 'downgrade'],
    ['Negotiate', ['NTLM'], 'downgrade'],
    ['Digest', ['NTLM'], 'chosen'],
    ['Basic', ['Basic'], 'chosen'],
  ] as const)('auto: after %s worked, an offer of %j is %s', (worked, offers, kind) => {
    expect(choose(offers, { worked }).kind).toBe(kind);
    // An unencrypted leg makes no downgrade of Basic into a mere matter of reading along.
    if (kind === 'downgrade') expect(choose(offers, { worked, readable: false }).kind).toBe('downgrade');
  });

  it('auto: in FIPS mode it uses schemes without MD5, and says so if there is none', () => {
    const fips = { weakHashes: false, readable: false };
    expect(choose(['NTLM', NONCE], fips)).toEqual({ kind: 'fips', scheme: 'NTLM' });
    expect(choose(['NTLM', `${NONCE}, algorithm=SHA-256`], fips)).toEqual({ kind: 'chosen', scheme: 'Digest' });
    expect(choose(['NTLM', 'Negotiate'], fips)).toEqual({ kind: 'chosen', scheme: 'Negotiate' });
  });

  it('auto: starts before a challenge only with a permitted scheme', () => {
    expect(mayBegin('Basic', { ...OPEN, readable: false })).toBe(false);
    expect(mayBegin('NTLM', { ...OPEN, readable: false })).toBe(true);
    expect(mayBegin('NTLM', { ...OPEN, weakHashes: false })).toBe(false);
    expect(mayBegin('Negotiate', { ...OPEN, weakHashes: false })).toBe(true);
  });
});
