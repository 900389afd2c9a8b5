import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseFromEnvironment, secretsInEnvironment, type Variables } from '#proxy/choosing/environment-proxies.ts';

const https = { encrypted: true, host: 'updates.example', port: 443 };
const http = { encrypted: false, host: 'updates.example', port: 80 };
const NO_USER = { user: null, password: null };

function named(variables: Variables, target = https) {
  const choice = chooseFromEnvironment(variables, target);
  if (choice.kind !== 'proxy') return choice;
  const { scheme, host, port } = choice.proxy;
  return `${choice.variable}: ${scheme}://${host}:${port}`;
}

describe('the proxy of the environment', () => {
  it.each<[Variables, string, typeof https]>([
    [{ https_proxy: 'http://a:1', all_proxy: 'http://b:2' }, 'https_proxy: http://a:1', https],
    [{ https_proxy: 'http://a:1', HTTPS_PROXY: 'http://b:2' }, 'https_proxy: http://a:1', https],
    [{ HTTPS_PROXY: 'http://b:2', all_proxy: 'http://c:3' }, 'HTTPS_PROXY: http://b:2', https],
    [{ http_proxy: 'http://a:1', ALL_PROXY: 'socks5h://c:3' }, 'ALL_PROXY: socks5h://c:3', https],
    [{ https_proxy: '', all_proxy: ' http://c:3 ' }, 'all_proxy: http://c:3', https],
    [{ https_proxy: 'http://a:1', HTTP_PROXY: 'http://b:2' }, 'HTTP_PROXY: http://b:2', http],
    [{ HTTP_PROXY: 'http://b:2', ALL_PROXY: 'http://c:3', REQUEST_METHOD: 'GET' }, 'ALL_PROXY: http://c:3', http],
    [{ HTTPS_PROXY: 'http://b:2', REQUEST_METHOD: 'GET' }, 'HTTPS_PROXY: http://b:2', https],
  ])('is named by the first of the variables %j: %s', (variables, expected, target) => {
    expect(named(variables, target)).toBe(expected);
  });

  it.each([
    ['proxy.example', 'http://proxy.example:1080'],
    ['proxy.example:3128', 'http://proxy.example:3128'],
    ['http://Proxy.Example:80/', 'http://proxy.example:80'],
    ['https://proxy.example', 'https://proxy.example:443'],
    ['socks://proxy.example', 'socks4://proxy.example:1080'],
    ['SOCKS5://192.0.2.7:9', 'socks5://192.0.2.7:9'],
    ['socks4a://proxy.example', 'socks4a://proxy.example:1080'],
    ['http://[2001:DB8::1]:3128', 'http://2001:db8::1:3128'],
  ])('%s is read as curl reads it', (value, expected) => {
    expect(named({ https_proxy: value })).toBe(`https_proxy: ${expected}`);
  });

  it('has user and password of the variable, decoded', () => {
    const choice = chooseFromEnvironment({ https_proxy: 'http://CORP%5Csvc:p%40ss%3A%25:x@proxy:3128' }, https);
    expect(choice).toMatchObject({ proxy: { user: 'CORP\\svc', password: 'p@ss:%:x', host: 'proxy' } });
    expect(chooseFromEnvironment({ https_proxy: 'http://svc@proxy' }, https)).toMatchObject({
      proxy: { user: 'svc', password: '' },
    });
    expect(chooseFromEnvironment({ https_proxy: 'http://:@proxy' }, https)).toMatchObject({ proxy: NO_USER });
  });

  it.each([
    ['http://svc:p@ss@proxy:3128', "it has an unescaped '@' in its user or password part"],
    ['http://svc:p/ss@proxy:3128', "it has an unescaped '/' in its user or password part"],
    ['http://svc:p#ss@proxy:3128', "it has an unescaped '#' in its user or password part"],
    ['http://svc:p%ss@proxy:3128', "it has an unescaped '%' in its user or password part"],
    ['http://svc%0d%0aX:p@proxy:3128', 'it has a control character in its user or password part'],
    ['http://svc:p%00ss@proxy:3128', 'it has a control character in its user or password part'],
    ['http://corp%3Asvc:p@proxy:3128', 'it has a colon in its user, which Basic cannot send'],
    ['http://svc:p ss@proxy:3128', "it has an unescaped ' ' in its user or password part"],
    ['http://:pass@proxy:3128', 'it has a password but no user'],
    ['ftp://proxy:3128', 'its scheme is not one of http, https, socks4, socks4a, socks5, socks5h'],
    ['http://proxy:99999', 'its port is not between 1 and 65535'],
    ['http://proxy:3128/path', 'it has no valid host and port'],
    ['http://', 'it has no valid host and port'],
    ['http://2001:db8::1', 'it has no valid host and port'],
  ])('%s is a mistake that is reported without user and password', (value, reason) => {
    expect(chooseFromEnvironment({ https_proxy: value }, https)).toEqual({
      kind: 'wrong',
      variable: 'https_proxy',
      reason,
    });
  });

  it('the environment: without a variable, or by no_proxy, there is no proxy, with the reason', () => {
    expect(named({})).toEqual({ kind: 'direct', reason: { kind: 'no variable', variable: 'https_proxy' } });
    expect(named({}, http)).toEqual({
      kind: 'direct',
      reason: { kind: 'no variable', variable: 'http_proxy' },
    });
    expect(named({ https_proxy: 'a', NO_PROXY: 'x, .example' })).toEqual({
      kind: 'direct',
      reason: { kind: 'variable exempts', variable: 'NO_PROXY', token: '.example' },
    });
    expect(named({ https_proxy: 'a', no_proxy: 'other.example', NO_PROXY: '*' })).toBe('https_proxy: http://a:1080');
    expect(named({ https_proxy: 'svc:p@ss@a', no_proxy: '*' })).toMatchObject({ kind: 'direct' });
  });
});

describe('the secrets of the environment', () => {
  it('the environment: passwords are secrets as written and decoded, even in invalid values', () => {
    const variables = {
      https_proxy: 'http://svc:open%20sesame@proxy',
      ALL_PROXY: 'nonsense://svc:p@ss/word@proxy',
      http_proxy: 'svc@proxy',
      no_proxy: 'a:b@c',
    };
    expect(secretsInEnvironment(variables)).toEqual(['open%20sesame', 'open sesame', 'p@ss/word', 'p@ss/word']);
    expect(secretsInEnvironment({})).toEqual([]);
  });
});

describe('environment proxies: any variable', () => {
  it('the environment: no sentence contains user or password, and a proxy is a host and a port', () => {
    const value = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.constantFrom('http://', 'socks5h://', ''), fc.string(), fc.webAuthority())
        .map(([scheme, user, place]) => `${scheme}${user}:SESAME@${place}`),
    );
    fc.assert(
      fc.property(value, (https_proxy) => {
        const choice = chooseFromEnvironment({ https_proxy }, https);
        if (choice.kind !== 'proxy') expect(JSON.stringify(choice.reason)).not.toContain('SESAME');
        else expect(choice.proxy.host).toMatch(/^[^\s@/?#\p{Cc}]+$/u);
      }),
    );
  });
});
