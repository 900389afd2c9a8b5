import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { changedRoutes } from '#proxy/choosing/changed-routes.ts';
import type { ProxySettings } from '#proxy/choosing/choice.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { Secret } from '#redaction/secret.ts';

function profile(over: Partial<ProxyProfile> = {}): ProxyProfile {
  return {
    name: 'corp',
    address: 'proxy.example.com',
    port: 3128,
    scheme: 'http',
    authentication: 'basic',
    user: 'svc',
    password: new Secret('one'),
    default: true,
    ...over,
  };
}

function settings(over: Partial<ProxySettings> = {}): ProxySettings {
  return {
    proxy_enabled: true,
    proxy_required: false,
    proxies: [profile()],
    use_proxy_for: { updates: 'default', support_logs: 'none', exposure_analytics: 'none', platform: 'corp' },
    ...over,
  };
}

const ALL = ['updates', 'platform'];

describe('a purpose goes another way', () => {
  it.each<[string, Partial<ProxySettings>, readonly string[]]>([
    ['when proxies are switched off', { proxy_enabled: false }, ALL],
    ['with another port', { proxies: [profile({ port: 8080 })] }, ALL],
    ['with another password', { proxies: [profile({ password: new Secret('two') })] }, ALL],
    ['with the same password read again', { proxies: [profile({ password: new Secret('one') })] }, []],
    ['with a profile beside it that nobody uses', { proxies: [profile(), profile({ name: 'b', default: false })] }, []],
    [
      'with one that stands in for it',
      { proxies: [profile({ fallback: ['b'] }), profile({ name: 'b', default: false, port: 1 })] },
      ALL,
    ],
    [
      'by its own word alone',
      { use_proxy_for: { updates: 'none', support_logs: 'none', exposure_analytics: 'none', platform: 'corp' } },
      ['updates'],
    ],
    [
      'where the settings name a proxy that there is not',
      { use_proxy_for: { updates: 'x', support_logs: 'none', exposure_analytics: 'none', platform: 'corp' } },
      ['updates'],
    ],
  ])('%s', (_name, over, changed) => {
    expect(changedRoutes(settings(), settings(over))).toEqual(changed);
  });

  it('never without a change, and both ways alike', () => {
    const uses = fc.constantFrom('none', 'default', 'corp', 'b');
    const any = fc
      .record({ enabled: fc.boolean(), port: fc.constantFrom(1, 2), updates: uses, platform: uses })
      .map(({ enabled, port, updates, platform }) =>
        settings({
          proxy_enabled: enabled,
          proxies: [profile(), profile({ name: 'b', default: false, port })],
          use_proxy_for: { updates, platform, support_logs: 'none', exposure_analytics: 'none' },
        }),
      );
    fc.assert(
      fc.property(any, any, (one, other) => {
        expect(changedRoutes(one, one)).toEqual([]);
        expect(changedRoutes(one, other)).toEqual(changedRoutes(other, one));
        expect(PURPOSES).toEqual(expect.arrayContaining(changedRoutes(one, other)));
      }),
    );
  });
});
