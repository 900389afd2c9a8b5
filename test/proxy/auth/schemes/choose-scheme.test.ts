import { describe, expect, it } from 'vitest';
import { readChallenges } from '#proxy/auth/schemes/challenge.ts';
import { chooseScheme, type Means, mayBegin } from '#proxy/auth/schemes/choose-scheme.ts';

const NONCE = 'Digest realm="r", nonce="x", qop="auth"';
const OPEN: Means = { worked: null, readable: true, weakHashes: true, ticket: true };

function choose(offers: readonly string[], means: Partial<Means> = {}) {
  const challenges = readChallenges(offers.flatMap((offer) => ['Proxy-Authenticate', offer]));
  return chooseScheme(challenges, { ...OPEN, ...means });
}

describe('auto', () => {
  it('takes the strongest that is offered and that we know, in whatever order and case', () => {
    expect(choose(['Basic', NONCE, 'ntlm', 'Negotiate'])).toEqual({ kind: 'chosen', scheme: 'Negotiate' });
    expect(choose(['Basic', NONCE, 'ntlm'])).toEqual({ kind: 'chosen', scheme: 'NTLM' });
    expect(choose(['Basic realm="r"', NONCE])).toEqual({ kind: 'chosen', scheme: 'Digest' });
    expect(choose(['Bearer', 'Basic'])).toEqual({ kind: 'chosen', scheme: 'Basic' });
    expect(choose(['Bearer'])).toEqual({ kind: 'none' });
    expect(choose([])).toEqual({ kind: 'none' });
  });

  it('passes over Negotiate where there is no ticket, but not where a ticket is what worked', () => {
    const without = { ticket: false } as const;
    expect(choose(['Negotiate', 'NTLM', 'Basic'], without)).toEqual({ kind: 'chosen', scheme: 'NTLM' });
    expect(choose(['Negotiate'], without)).toEqual({ kind: 'none' });
    expect(choose(['Negotiate', 'NTLM'], { ...without, worked: 'NTLM' })).toEqual({ kind: 'chosen', scheme: 'NTLM' });
    const worked = { ...without, worked: 'Negotiate' } as const;
    expect(choose(['Negotiate', 'NTLM'], worked)).toEqual({ kind: 'chosen', scheme: 'Negotiate' });
    expect(choose(['NTLM'], worked)).toEqual({ kind: 'downgrade', worked: 'Negotiate' });
  });

  it('passes over a Digest that it cannot answer', () => {
    expect(choose(['Digest nonce="x", algorithm=TOKEN', 'Basic'])).toEqual({ kind: 'chosen', scheme: 'Basic' });
  });

  it('shows no password to whoever sees the bytes', () => {
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
  ] as const)('where %s worked, meets %j with: %s', (worked, offers, kind) => {
    expect(choose(offers, { worked }).kind).toBe(kind);
    // An unencrypted leg makes no downgrade of Basic into a mere matter of reading along.
    if (kind === 'downgrade') expect(choose(offers, { worked, readable: false }).kind).toBe('downgrade');
  });

  it('in FIPS mode uses what needs no MD5, and says so where nothing does', () => {
    const fips = { weakHashes: false, readable: false };
    expect(choose(['NTLM', NONCE], fips)).toEqual({ kind: 'fips', scheme: 'NTLM' });
    expect(choose(['NTLM', `${NONCE}, algorithm=SHA-256`], fips)).toEqual({ kind: 'chosen', scheme: 'Digest' });
    expect(choose(['NTLM', 'Negotiate'], fips)).toEqual({ kind: 'chosen', scheme: 'Negotiate' });
  });

  it('begins without being asked only with what it may use', () => {
    expect(mayBegin('Basic', { ...OPEN, readable: false })).toBe(false);
    expect(mayBegin('NTLM', { ...OPEN, readable: false })).toBe(true);
    expect(mayBegin('NTLM', { ...OPEN, weakHashes: false })).toBe(false);
    expect(mayBegin('Negotiate', { ...OPEN, weakHashes: false })).toBe(true);
  });
});
