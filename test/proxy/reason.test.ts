import { describe, expect, it } from 'vitest';
import { listKeys } from '#config/generate/keys.ts';
import { decidingText, directRemedy, distinctReasons, type Reason, reasonKey, reasonText } from '#proxy/reason.ts';

/** One of each kind, with its sentence and the key that decided. */
const EACH: Readonly<Record<Reason['kind'], readonly [Reason, string, string | null]>> = {
  disabled: [{ kind: 'disabled' }, 'proxy_enabled is false', 'proxy_enabled'],
  use: [{ kind: 'use', purpose: 'platform', use: 'none' }, 'use_proxy_for.platform is none', 'use_proxy_for.platform'],
  named: [{ kind: 'named', index: 1, name: 'lab' }, 'proxies[1] is lab', 'proxies[1]'],
  default: [{ kind: 'default', index: 0, name: 'corp' }, 'the default proxy is proxies[0] corp', 'proxies[0]'],
  'no proxies': [{ kind: 'no proxies' }, 'no proxies are configured', null],
  exempt: [
    { kind: 'exempt', index: 0, token: '.lan' },
    'proxies[0].no_proxy has the token .lan',
    'proxies[0].no_proxy',
  ],
  fallback: [{ kind: 'fallback', index: 0, name: 'lab' }, 'proxies[0].fallback has lab', 'proxies[0].fallback'],
  variable: [
    { kind: 'variable', variable: 'HTTPS_PROXY', url: 'http://p:1' },
    'environment variable HTTPS_PROXY names http://p:1',
    null,
  ],
  'variable exempts': [
    { kind: 'variable exempts', variable: 'no_proxy', token: '.lan' },
    'environment variable no_proxy has the token .lan',
    null,
  ],
  'no variable': [
    { kind: 'no variable', variable: 'https_proxy' },
    'no environment variable https_proxy or all_proxy is set',
    null,
  ],
  pac: [
    { kind: 'pac', where: '/etc/proxy.pac', answer: ['PROXY p:1', 'DIRECT'], url: 'https://u/' },
    'PAC /etc/proxy.pac answered PROXY p:1; DIRECT for https://u/',
    null,
  ],
  'pac direct': [{ kind: 'pac direct' }, 'the PAC answered DIRECT', null],
  tested: [{ kind: 'tested' }, 'chosen for this test', null],
};

describe('reasons', () => {
  it.each(Object.values(EACH))('reason: %j has its sentence and the key that decided', (reason, text, key) => {
    expect(reasonText(reason)).toBe(text);
    expect(reasonKey(reason)).toBe(key);
  });

  it('reason: every key that decides is a key of the configuration', () => {
    const known = new Set(listKeys().map(({ name }) => name));
    const keys = Object.values(EACH).flatMap(([, , key]) => key ?? []);
    expect(keys).not.toEqual([]);
    // An entry of a list is known by its name.
    const named = keys.map((key) => key.replace(/\[\d+\]$/, '[].name').replace(/\[\d+\]/, '[]'));
    expect(named.filter((key) => !known.has(key))).toEqual([]);
  });

  it('decidingText: the last reason decides', () => {
    expect(decidingText([EACH.use[0], EACH['no proxies'][0]])).toBe('no proxies are configured');
    expect(decidingText([])).toBe('');
  });

  it.each([
    ['disabled', 'set proxy_enabled: true'],
    ['use', 'set use_proxy_for.updates to a proxy'],
    ['no proxies', 'add a proxy (sallyport proxy add)'],
    ['exempt', 'remove .lan from proxies[0].no_proxy'],
    ['variable exempts', 'remove .lan from the environment variable no_proxy'],
    ['no variable', 'set the environment variable https_proxy for the service'],
    ['pac direct', 'ask the administrator of the PAC file to return a proxy for this URL'],
  ] as const)('directRemedy: it changes what decided: %s', (kind, remedy) => {
    expect(directRemedy([EACH.tested[0], EACH[kind][0]], 'updates')).toBe(remedy);
  });

  it('distinctReasons: equal reasons are one, in the order of the first', () => {
    const [use, pac] = [EACH.use[0], EACH.pac[0]];
    expect(distinctReasons([use, pac, { ...use }, structuredClone(pac), EACH.tested[0]])).toEqual([
      use,
      pac,
      EACH.tested[0],
    ]);
  });
});
