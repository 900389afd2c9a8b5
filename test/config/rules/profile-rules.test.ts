import { describe, expect, it } from 'vitest';
import { checkProfiles } from '#config/rules/profile-rules.ts';
import type { Salvaged } from '#config/rules/salvaged.ts';

type Profiles = NonNullable<Salvaged['proxies']>;

function told(...proxies: Profiles): string[] {
  return checkProfiles({ proxies }).map(({ path, message, severity }) => `${severity} ${path.join('.')}: ${message}`);
}

const named = (name: string, fallback: string[]) =>
  ({ name, address: 'p.example', scheme: 'http', authentication: 'transparent', fallback }) as const;

describe('fallback of a profile', () => {
  it('may be another profile that has a fallback itself', () => {
    expect(told(named('a', ['b']), named('b', ['c']), named('c', []))).toEqual([]);
  });

  it('must be the name of a profile', () => {
    expect(told(named('a', ['bb']), named('b', []))).toEqual([
      'error proxies.0.fallback.0: There is no proxy profile with this name.',
    ]);
    expect(checkProfiles({ proxies: [named('a', ['bb']), named('b', [])] })[0]?.didYouMean).toBe('b');
  });

  it('must not be the profile itself', () => {
    expect(told(named('a', ['a']))).toEqual(['error proxies.0.fallback.0: A profile cannot be its own fallback.']);
  });

  it('must not lead back through any number of profiles', () => {
    expect(told(named('a', ['b']), named('b', ['c']), named('c', ['a']))).toEqual([
      'error proxies.0.fallback.0: This fallback leads back to a. Remove it from one of the lists.',
      'error proxies.1.fallback.0: This fallback leads back to b. Remove it from one of the lists.',
      'error proxies.2.fallback.0: This fallback leads back to c. Remove it from one of the lists.',
    ]);
  });
});

describe('address of a profile', () => {
  it('is required if the profile is itself a proxy', () => {
    expect(told({ name: 'a', scheme: 'socks5h' })).toEqual([
      'error proxies.0.address: scheme is socks5h, which requires an address.',
    ]);
  });

  it.each([
    ['pac', { pac: { file: '/proxy.pac' } }],
    ['environment', {}],
  ] as const)('causes a warning if scheme is %s, where it is unused', (scheme, rest) => {
    expect(told({ name: 'a', scheme, address: 'p.example', ...rest })).toEqual([
      `warning proxies.0.address: The address is not used, because scheme is ${scheme}.`,
    ]);
    expect(told({ name: 'a', scheme, ...rest })).toEqual([]);
  });
});
