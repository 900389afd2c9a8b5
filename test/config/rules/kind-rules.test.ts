import { describe, expect, it } from 'vitest';
import { checkKind } from '#config/rules/kind-rules.ts';
import type { Salvaged } from '#config/rules/salvaged.ts';

type Profile = NonNullable<NonNullable<Salvaged['proxies']>[number]>;

function told(profile: Profile, proxyRequired = false): string[] {
  return checkKind(profile, 0, proxyRequired).map(
    ({ path, message, severity }) => `${severity} ${path.join('.')}: ${message}`,
  );
}

describe('a SOCKS proxy', () => {
  it.each(['digest', 'ntlm', 'negotiate', 'auto'] as const)('refuses authentication %s', (authentication) => {
    expect(told({ scheme: 'socks5h', authentication })).toEqual([
      'error proxies.0.authentication: socks5h supports only transparent and basic (user and password).',
    ]);
  });

  it.each(['transparent', 'basic'] as const)('allows authentication %s', (authentication) => {
    expect(told({ scheme: 'socks5h', authentication }, true)).toEqual([]);
  });

  it.each([
    ['socks4', 'socks4a'],
    ['socks5', 'socks5h'],
  ] as const)('with %s breaks proxy_required, because it resolves names here, unlike %s', (scheme, named) => {
    expect(told({ scheme }, true)).toEqual([
      `error proxies.0.scheme: proxy_required is true, but ${scheme} resolves the names of targets on this host. Write ${named}.`,
    ]);
    expect(told({ scheme })).toEqual([]);
    expect(told({ scheme: named }, true)).toEqual([]);
  });
});

describe('a PAC file', () => {
  it('is required once if scheme is pac', () => {
    expect(told({ scheme: 'pac' })).toEqual([
      'error proxies.0.pac: scheme is pac, which requires pac: {url: ...} or {file: ...}.',
    ]);
    expect(told({ scheme: 'pac', pac: {} })).toEqual(['error proxies.0.pac: Set url or file.']);
    const both = { url: 'http://pac.example/', file: '/proxy.pac' };
    expect(told({ scheme: 'pac', pac: both })).toEqual(['error proxies.0.pac: Set either url or file, not both.']);
    expect(told({ scheme: 'pac', pac: { file: '/proxy.pac' } })).toEqual([]);
  });

  it.each(['http', 'socks5h', 'environment'] as const)('is unused if scheme is %s', (scheme) => {
    expect(told({ scheme, pac: { file: '/proxy.pac' } })).toEqual([
      `warning proxies.0.pac: pac is not used, because scheme is ${scheme}.`,
    ]);
  });

  it('warns unless credentials_for names the proxies that get the credentials', () => {
    const file = '/proxy.pac';
    expect(told({ scheme: 'pac', authentication: 'basic', pac: { file } })).toEqual([
      'warning proxies.0.authentication: The credentials are not sent to any proxy that the PAC file selects. List the proxies that may receive them in pac.credentials_for.',
    ]);
    expect(told({ scheme: 'pac', authentication: 'basic', pac: { file, credentials_for: 'a.example, *' } })).toEqual([
      'warning proxies.0.pac.credentials_for: With *, the credentials are sent to every proxy that the PAC file selects. List the proxies by name.',
    ]);
    expect(told({ scheme: 'pac', authentication: 'basic', pac: { file, credentials_for: '.example' } })).toEqual([]);
  });
});

it('environment proxies: warn of an unused user in the profile', () => {
  expect(told({ scheme: 'environment', user: 'svc', password: 'x', domain: '' })).toEqual(
    ['user', 'password'].map(
      (key) =>
        `warning proxies.0.${key}: The ${key} is not used, because scheme is environment: ` +
        'the variables contain the user and password of their proxies.',
    ),
  );
});
