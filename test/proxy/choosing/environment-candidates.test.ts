import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import { environmentCandidates } from '#proxy/choosing/environment-candidates.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { Secret } from '#redaction/secret.ts';

const target = new URL('https://updates.example/feed');
const corp: ProxyProfile = {
  name: 'corp',
  port: 80,
  scheme: 'environment',
  default: true,
  authentication: 'transparent',
};
const account = { user: 'other', domain: 'CORP', password: new Secret('not this one') };

function hopOf(variables: Record<string, string>, profile: ProxyProfile = corp) {
  const [candidate] = environmentCandidates(variables).knownCandidates(profile, target) ?? [];
  return candidate?.kind === 'proxy' ? candidate.hop : null;
}

describe('the proxy of a variable', () => {
  it('the proxy of a variable: it is a hop of the profile with the variable’s user, by Basic', () => {
    const hop = hopOf({ https_proxy: 'http://svc:open%20sesame@proxy.example:3128' });

    expect(hop).toMatchObject({ url: 'http://proxy.example:3128', place: proxyAt('corp', 'proxy.example:3128') });
    expect(hop?.profile).toMatchObject({ authentication: 'basic', user: 'svc' });
    expect(hop?.profile.password?.reveal()).toBe('open sesame');
  });

  it('the proxy of a variable: its password is proven as the profile says, if it does', () => {
    const hop = hopOf({ https_proxy: 'http://svc:x@proxy.example' }, { ...corp, authentication: 'digest' });

    expect(hop?.profile.authentication).toBe('digest');
  });

  it.each(['http://proxy.example', 'http://svc:x@proxy.example'])(
    'the proxy of a variable: %s never gets the credentials of the profile',
    (https_proxy) => {
      const hop = hopOf({ https_proxy }, { ...corp, ...account, authentication: 'basic' });

      expect([hop?.profile.user, hop?.profile.domain]).not.toContain('other');
      expect([hop?.profile.user, hop?.profile.domain]).not.toContain('CORP');
      expect(hop?.profile.password?.reveal()).not.toBe('not this one');
    },
  );

  it('the proxy of a variable: an invalid URL yields no candidate, and a failure on use', async () => {
    const candidates = environmentCandidates({ https_proxy: 'ftp://proxy.example' });

    expect(candidates.knownCandidates(corp, target)).toBeNull();
    await expect(
      candidates.candidatesFor(corp, target, { purpose: 'updates', signal: new AbortController().signal }),
    ).rejects.toMatchObject({
      code: 'CONFIG-PROXY-URL',
    });
  });
});
