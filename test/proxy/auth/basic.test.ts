import { describe, expect, it } from 'vitest';
import { credentialOf } from '#proxy/auth/basic.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { profile } from '#test/support/test-router.ts';

function decoded(authorization: string): string {
  return Buffer.from(authorization.replace('Basic ', ''), 'base64').toString('utf8');
}

describe('the Basic credential', () => {
  it('is none for a transparent profile', () => {
    expect(credentialOf(profile(3128), new KnownSecrets())).toBeNull();
  });

  it('is UTF-8, with the domain before the user', () => {
    const basic = { user: 'jürgen', password: 'pä:ss@%/wörd', domain: 'CORP' };
    const credential = credentialOf(profile(3128, basic), new KnownSecrets());
    expect(credential?.user).toBe('CORP\\jürgen');
    expect(decoded(credential?.authorization.reveal() ?? '')).toBe('CORP\\jürgen:pä:ss@%/wörd');
  });

  it('has no backslash without a domain', () => {
    const credential = credentialOf(profile(3128, { password: 'x', domain: '' }), new KnownSecrets());
    expect(decoded(credential?.authorization.reveal() ?? '')).toBe('svc:x');
  });

  it('is masked from the moment it exists, in base64 too', () => {
    const known = new KnownSecrets();
    const credential = credentialOf(profile(3128, { password: 'hunter2-hunter2' }), known);
    const header = credential?.authorization.reveal() ?? '';
    expect(known.redact(`sent ${header} and svc:hunter2-hunter2`)).not.toMatch(/hunter2|c3Zj/);
    expect(JSON.stringify(credential)).not.toContain(header);
  });
});
