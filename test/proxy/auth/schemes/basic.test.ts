import { describe, expect, it } from 'vitest';
import { accountOf } from '#proxy/account.ts';
import { basicAuthenticator } from '#proxy/auth/schemes/basic.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { profile } from '#test/support/test-router.ts';

type Given = NonNullable<Parameters<typeof profile>[1]>;

function header(given: Given, known = new KnownSecrets()): string {
  const account = accountOf(profile(3128, given));
  const made = account === null ? null : basicAuthenticator(account, known).headerFor({ method: 'GET', target: '/' });
  return made?.reveal() ?? '';
}

function decoded(authorization: string): string {
  return Buffer.from(authorization.replace('Basic ', ''), 'base64').toString('utf8');
}

describe('an account', () => {
  it('account: a transparent profile has none', () => {
    expect(accountOf(profile(3128))).toBeNull();
  });

  it('account: is the same wherever its domain is written, in any case', () => {
    const apart = accountOf(profile(3128, { user: 'Svc', domain: 'CORP', password: 'x' }));
    const together = accountOf(profile(3128, { user: 'corp\\svc', password: 'x' }));
    expect([together?.user, together?.domain]).toEqual(['svc', 'corp']);
    expect(apart?.key).toBe(together?.key);
  });
});

describe('the Basic credential', () => {
  it('Basic: is UTF-8, with the domain before the user', () => {
    const made = header({ user: 'jürgen', password: 'pä:ss@%/wörd', domain: 'CORP' });
    expect(decoded(made)).toBe('CORP\\jürgen:pä:ss@%/wörd');
  });

  it('Basic: has no backslash without a domain', () => {
    expect(decoded(header({ password: 'x', domain: '' }))).toBe('svc:x');
  });

  it('Basic: is masked as soon as it exists, also in base64', () => {
    const known = new KnownSecrets();
    const made = header({ password: 'hunter2-hunter2' }, known);
    expect(known.redact(`sent ${made} and svc:hunter2-hunter2`)).not.toMatch(/hunter2|c3Zj/);
  });
});
