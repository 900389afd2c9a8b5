import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { changedRoutes, routeIdentity } from '#proxy/choosing/changed-routes.ts';
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
    use_proxy_for: {
      updates: 'default',
      support_logs: 'none',
      exposure_analytics: 'none',
      platform: 'corp',
      telemetry: 'none',
    },
    ...over,
  };
}

const ALL = ['updates', 'platform'];

describe('a changed route', () => {
  it.each<[string, Partial<ProxySettings>, readonly string[]]>([
    ['when proxies are disabled', { proxy_enabled: false }, ALL],
    ['with another port', { proxies: [profile({ port: 8080 })] }, ALL],
    ['with another password', { proxies: [profile({ password: new Secret('two') })] }, ALL],
    ['with the same password read again', { proxies: [profile({ password: new Secret('one') })] }, []],
    [
      'with an additional profile that no purpose uses',
      { proxies: [profile(), profile({ name: 'b', default: false })] },
      [],
    ],
    [
      'with a fallback for it',
      { proxies: [profile({ fallback: ['b'] }), profile({ name: 'b', default: false, port: 1 })] },
      ALL,
    ],
    [
      'by its own key alone',
      {
        use_proxy_for: {
          updates: 'none',
          support_logs: 'none',
          exposure_analytics: 'none',
          platform: 'corp',
          telemetry: 'none',
        },
      },
      ['updates'],
    ],
    [
      'if the settings name a missing proxy',
      {
        use_proxy_for: {
          updates: 'x',
          support_logs: 'none',
          exposure_analytics: 'none',
          platform: 'corp',
          telemetry: 'none',
        },
      },
      ['updates'],
    ],
  ])('%s', (_name, over, changed) => {
    expect(changedRoutes(settings(), settings(over))).toEqual(changed);
  });

  it('is never listed without a change, and both directions give the same list', () => {
    const uses = fc.constantFrom('none', 'default', 'corp', 'b');
    const any = fc
      .record({ enabled: fc.boolean(), port: fc.constantFrom(1, 2), updates: uses, platform: uses })
      .map(({ enabled, port, updates, platform }) =>
        settings({
          proxy_enabled: enabled,
          proxies: [profile(), profile({ name: 'b', default: false, port })],
          use_proxy_for: { updates, platform, support_logs: 'none', exposure_analytics: 'none', telemetry: 'none' },
        }),
      );
    fc.assert(
      fc.property(any, any, (one, other) => {
        expect(changedRoutes(one, one)).toEqual([]);
        expect(changedRoutes(one, other)).toEqual(changedRoutes(other, one));
        expect(PURPOSES).toEqual(expect.arrayContaining(changedRoutes(one, other)));
        const changed = PURPOSES.filter((purpose) => routeIdentity(purpose, one) !== routeIdentity(purpose, other));
        expect(changed).toEqual(changedRoutes(one, other));
      }),
    );
  });

  it('has another identity, whatever the secrets and the order of keys', () => {
    const { name, address, ...rest } = profile({ password: new Secret('two'), domain: undefined });
    const same = settings({ proxies: [{ ...rest, address, name }] });
    expect(routeIdentity('platform', same)).toBe(routeIdentity('platform', settings()));
    expect(routeIdentity('platform', settings({ proxies: [profile({ address: 'other.example.com' })] }))).not.toBe(
      routeIdentity('platform', settings()),
    );
  });
});
