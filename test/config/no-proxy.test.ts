import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeToken, matchNoProxy, normaliseHost } from '#config/no-proxy.ts';

const match = (list: string, host: string, port = 443) => matchNoProxy(list, { host, port });

describe('matchNoProxy', () => {
  it.each([
    ['example.com', 'example.com'],
    ['example.com', 'a.b.example.com'],
    ['EXAMPLE.com', 'Example.COM.'],
    ['.example.com', 'a.example.com'],
    ['*.example.com', 'a.b.example.com'],
    ['*', 'anything.at.all'],
    ['*', '10.0.0.1'],
    ['münchen.example', 'xn--mnchen-3ya.example'],
    ['xn--mnchen-3ya.example', 'www.MÜNCHEN.example'],
    ['localhost', 'localhost'],
    ['10.0.0.0/8', '10.255.3.4'],
    ['10.1.2.3', '10.1.2.3'],
    ['10.1.2.3', '0x0a010203'],
    ['10.1.2.3', '012.1.2.3'],
    ['10.1.2.3', '::ffff:10.1.2.3'],
    ['10.0.0.0/8', '[::ffff:a01:203]'],
    ['::1', '[::1]'],
    ['[::1]', '::1'],
    ['[::1]:443', '0:0:0:0:0:0:0:1'],
    ['fd00::/8', 'fd12:3456::1'],
    ['[fd00::]/8', 'fdff::1'],
    ['example.com:443', 'example.com'],
    ['0.0.0.0/0', '8.8.8.8'],
    ['a.example,  b.example\tc.example\nd.example', 'd.example'],
  ])('%s lets %s go direct', (list, host) => {
    expect(match(list, host)).not.toBeNull();
  });

  it.each([
    ['example.com', 'badexample.com'],
    ['example.com', 'example.com.evil.org'],
    ['.example.com', 'example.com'],
    ['*.example.com', 'example.com'],
    ['.example.com', 'badexample.com'],
    ['example.com:80', 'example.com'],
    ['example.com:4430', 'example.com'],
    ['*:80', 'example.com'],
    ['0.0.1', '127.0.0.1'],
    ['.0.0.1', '10.0.0.1'],
    ['1', '10.0.0.1'],
    ['10.0.0.0/8', '11.0.0.1'],
    ['10.0.0.0/33', '10.0.0.1'],
    ['10.0.0.0/', '10.0.0.1'],
    ['10.0.0.0/8', 'ten.example'],
    ['0.0.0.0/0', '::1'],
    ['::/0', '10.0.0.1'],
    ['[::1]:80', '::1'],
    ['fd00::/8', 'fe00::1'],
    ['ex*mple.com', 'example.com'],
    ['exam', 'example.com'],
    ['com.', 'example.org'],
    ['', 'example.com'],
    [' , ,, ', 'example.com'],
    ['http://example.com', 'example.com'],
    ['example.com/path', 'example.com'],
    ['user@example.com', 'example.com'],
    ['a..example', 'a..example'],
    ['..example', 'a..example'],
  ])('%s does not let %s go direct', (list, host) => {
    expect(match(list, host)).toBeNull();
  });

  it('names the token that decided', () => {
    expect(match('a.example, .corp.example 10.0.0.0/8', 'x.corp.example')).toBe('.corp.example');
  });

  it('never throws, and never matches through a token that its own judge refuses', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.domain(), fc.nat(65_535), (list, host, port) => {
        const token = matchNoProxy(list, { host, port });
        if (token !== null) expect(judgeToken(token)).toBeNull();
      }),
    );
  });

  it('matches a name by itself and what is below it, and nothing that only ends alike', () => {
    fc.assert(
      fc.property(fc.domain(), (domain) => {
        expect(match(domain, domain)).toBe(domain);
        expect(match(domain, `x.${domain}`)).toBe(domain);
        expect(match(domain, `x${domain}`)).toBeNull();
        expect(match(`.${domain}`, domain)).toBeNull();
      }),
    );
  });
});

describe('normaliseHost', () => {
  it.each(['', '.', 'a b', 'a/b', 'a:80', 'u@h', '[::1', '::1]', '999.1.1.1', 'a\u0000b'])('%j is no host', (host) => {
    expect(normaliseHost(host)).toBeNull();
  });
});
