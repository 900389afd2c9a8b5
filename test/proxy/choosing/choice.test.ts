import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { CodedError } from '#errors/coded-error.ts';
import { chooseProxy, type ProxySettings } from '#proxy/choosing/choice.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { reasonText } from '#proxy/reason.ts';
import { forAll } from '#test/support/test-router.ts';

const TARGET = { host: 'u.example', port: 443 };
const corp = named('corp', true);
const lab = named('lab', false);

function named(name: string, isDefault: boolean): ProxyProfile {
  return { name, address: 'p.example', port: 1, scheme: 'http', authentication: 'transparent', default: isDefault };
}

function settings(some: Partial<ProxySettings>): ProxySettings {
  return {
    proxy_enabled: true,
    proxy_required: false,
    proxies: [lab, corp],
    use_proxy_for: forAll('default'),
    ...some,
  };
}

function failure(some: Partial<ProxySettings>): CodedError {
  try {
    chooseProxy('updates', TARGET, settings(some));
  } catch (error) {
    if (error instanceof CodedError) return error;
  }
  throw new Error('it chose');
}

describe('a proxy choice', () => {
  it('is the default profile, with the deciding settings', () => {
    expect(chooseProxy('updates', TARGET, settings({}))).toEqual({
      proxy: corp,
      reasons: [
        { kind: 'use', purpose: 'updates', use: 'default' },
        { kind: 'default', index: 1, name: 'corp' },
      ],
    });
  });

  it('is the named profile, whatever the default is', () => {
    const use_proxy_for = { ...forAll('default'), platform: 'lab' };
    expect(chooseProxy('platform', TARGET, settings({ use_proxy_for }))).toEqual({
      proxy: lab,
      reasons: [
        { kind: 'use', purpose: 'platform', use: 'lab' },
        { kind: 'named', index: 0, name: 'lab' },
      ],
    });
  });

  it.each([
    [{ proxy_enabled: false }, ['proxy_enabled is false']],
    [{ use_proxy_for: forAll('none') }, ['use_proxy_for.updates is none']],
    [{ proxies: [] }, ['use_proxy_for.updates is default', 'no proxies are configured']],
  ])('is direct by %j, with the reason', (some, reasons) => {
    const choice = chooseProxy('updates', TARGET, settings(some));
    expect(choice.proxy).toBeNull();
    expect(choice.reasons.map(reasonText)).toEqual(reasons);
  });

  it.each([
    [{ proxy_enabled: false }, 'proxy_enabled is false'],
    [{ use_proxy_for: forAll('none') }, 'use_proxy_for.updates is none'],
    [{ proxies: [] }, 'no proxies are configured'],
  ])('under proxy_required is not direct by %j, and the rule is named', (some, rule) => {
    const error = failure({ ...some, proxy_required: true });
    expect(error.code).toBe('POLICY-DIRECT');
    expect(error.facts).toMatchObject({ rule, purpose: 'updates', target: 'u.example:443' });
  });

  it.each([
    [{ use_proxy_for: forAll('gone') }, 'proxies'],
    [{ proxies: [lab] }, 'proxies[].default'],
  ])('is never guessed if the profile does not exist: %j', (some, key) => {
    const error = failure(some);
    expect(error.code).toBe('CONFIG-INCOMPLETE');
    expect(error.facts).toMatchObject({ key });
  });

  it('is direct under proxy_required if nothing is configured', () => {
    const names = fc.constantFrom('none', 'default', 'corp', 'lab', 'gone');
    const profiles = fc.subarray([corp, lab]);
    fc.assert(
      fc.property(names, profiles, fc.boolean(), fc.constantFrom(...PURPOSES), (name, proxies, enabled, purpose) => {
        const some = { use_proxy_for: forAll(name), proxies, proxy_enabled: enabled, proxy_required: true };
        try {
          expect(chooseProxy(purpose, TARGET, settings(some)).proxy).not.toBeNull();
        } catch (error) {
          expect((error as CodedError).code).toMatch(/^(POLICY-DIRECT|CONFIG-INCOMPLETE)$/);
        }
      }),
    );
  });
});

describe('a profile with no_proxy', () => {
  const exempting = { ...corp, no_proxy: '.corp.example, 10.0.0.0/8' };

  it('sends its targets direct and names the setting and the token', () => {
    const choice = chooseProxy('updates', { host: 'u.corp.example', port: 443 }, settings({ proxies: [exempting] }));

    expect(choice.proxy).toBeNull();
    expect(choice.reasons.at(-1)).toEqual({ kind: 'exempt', index: 0, token: '.corp.example' });
    expect(choice.reasons.map(reasonText)).toEqual([
      'use_proxy_for.updates is default',
      'the default proxy is proxies[0] corp',
      'proxies[0].no_proxy has the token .corp.example',
    ]);
  });

  it('is refused if no direct connection is allowed', () => {
    const required = settings({ proxies: [exempting], proxy_required: true });

    expect(() => chooseProxy('updates', { host: '10.1.2.3', port: 80 }, required)).toThrow(/no_proxy has the token/);
    expect(chooseProxy('updates', TARGET, required).proxy).toBe(exempting);
  });
});
