import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchNoProxy, normaliseHost, validateToken } from '#config/values/no-proxy.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';

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

  it('names the token that matched', () => {
    expect(match('a.example, .corp.example 10.0.0.0/8', 'x.corp.example')).toBe('.corp.example');
  });

  it('never throws, and never matches a token that validateToken refuses', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.domain(), fc.nat(65_535), (list, host, port) => {
        const token = matchNoProxy(list, { host, port });
        if (token !== null) expect(validateToken(token)).toBeNull();
      }),
    );
  });

  // Valid tokens, nearly valid tokens and noise.
  const token = fc.oneof(
    fc.constantFrom(
      '*',
      '.',
      '..',
      '*.',
      '*.*',
      '.*',
      '10.0.0.0/8',
      '10.0.0.0/33',
      '::/0',
      '[::1]:80',
      '[fd00::]/8',
      '0x7f.1',
    ),
    fc.domain(),
    fc.domain().map((name) => `.${name}`),
    fc.domain().map((name) => `*.${name}:443`),
    fc.ipV4Extended(),
    fc.ipV6(),
    fc.tuple(fc.ipV4(), fc.nat(40)).map((parts) => parts.join('/')),
    fc.string({ unit: ANY_CHARACTER, maxLength: 12 }).map((noise) => noise.replaceAll(/[\s,]/g, '')),
  );
  const host = fc.oneof(fc.domain(), fc.ipV4Extended(), fc.ipV6(), fc.string({ unit: ANY_CHARACTER, maxLength: 20 }));

  it('returns the first token that matches alone', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 8 }), host, fc.nat(65_535), (tokens, name, port) => {
        const alone = tokens.find((one) => matchNoProxy(one, { host: name, port }) !== null) ?? null;
        expect(matchNoProxy(tokens.join(' , '), { host: name, port })).toBe(alone);
      }),
      { numRuns: 500 },
    );
  });

  it('recognizes a host in any notation and normalizes it once', () => {
    fc.assert(
      fc.property(fc.domain(), fc.ipV4(), fc.array(token, { maxLength: 8 }), (name, address, tokens) => {
        const list = tokens.join(',');
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = `0x${(((a * 256 + b) * 256 + c) * 256 + d).toString(16)}`;
        const octal = [a, b, c, d].map((part) => `0${part.toString(8)}`).join('.');
        for (const same of [hex, octal, `::ffff:${address}`, `[::ffff:${address}]`]) {
          expect(normaliseHost(same)).toBe(address);
          expect(match(list, same)).toBe(match(list, address));
        }
        for (const same of [`${name}.`, name.toUpperCase()]) expect(match(list, same)).toBe(match(list, name));
        const form = normaliseHost(name);
        expect(form === null ? null : normaliseHost(form)).toBe(form);
      }),
    );
  });

  it('handles a long useless list quickly', () => {
    const before = process.threadCpuUsage();
    match(
      `${'a.'.repeat(20_000)},${'*.'.repeat(20_000)},${'[::'.repeat(20_000)},${'1/'.repeat(20_000)}`,
      'example.com',
    );
    expect(process.threadCpuUsage(before).user / 1_000).toBeLessThan(1_000);
  });

  it('matches a name and its subdomains, but not names with the same ending', () => {
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
  it.each(['', '.', 'a b', 'a/b', 'a:80', 'u@h', '[::1', '::1]', '999.1.1.1', 'a\u0000b'])('refuses %j', (host) => {
    expect(normaliseHost(host)).toBeNull();
  });
});

describe('validateToken', () => {
  it.each([
    'localhost',
    'a_b.example',
    'example.com.',
    '.example.com',
    '*.example.com:443',
    '*',
    '*:80',
    'münchen.example',
    '10.1.2.3:65535',
    '10.1.2.3/8',
    '[::1]:443',
    '[fd00::]/8',
    '::/0',
  ])('accepts %s', (entry) => {
    expect(validateToken(entry)).toBeNull();
  });

  it.each([
    ['a.example;b.example', 'commas or spaces'],
    ['"a.example"', 'without quotes'],
    ["'a.example'", 'without quotes'],
    ['a&b', 'neither a name nor an address'],
    ['a!b.example', 'neither a name nor an address'],
    ['<local>', 'neither a name nor an address'],
    ['(a|b)', 'neither a name nor an address'],
    ['a..example', 'neither a name nor an address'],
    ['-a.example', 'neither a name nor an address'],
    ['host.7', 'neither a name nor an address'],
    ['a:b', 'neither a name nor an address'],
    [`${'a'.repeat(64)}.example`, 'neither a name nor an address'],
    ['*.', 'asterisk'],
    ['.', 'asterisk'],
    ['ex*mple.com', 'asterisk'],
    ['10.*', 'write 10.0.0.0/8'],
    ['192.168.1.*', 'write 192.168.1.0/24'],
    ['172.16.*.*', 'write 172.16.0.0/16'],
    ['10.1', 'not a complete address'],
    ['0x7f.1', 'not a complete address'],
    ['010.1.2.3', 'not a complete address'],
    ['.10.1.2.3', 'an address has no subdomains'],
    ['10.0.0.0/33', 'not a network in CIDR notation'],
    ['10.0.0.0/255.0.0.0', 'not a network in CIDR notation'],
    ['example.com/path', 'not a network in CIDR notation'],
    ['::ffff:10.0.0.0/104', 'write the IPv4 network'],
    ['example.com:0', 'is not in the range 1 to 65535'],
    ['example.com:70000', 'is not in the range 1 to 65535'],
    ['http://proxy.example.com:3128', 'write only its host: proxy.example.com:3128'],
    ['http://', 'write only its host'],
  ])('refuses %s, which can never match', (entry, words) => {
    expect(validateToken(entry)).toContain(words);
  });

  it('never repeats the user or password of a refused entry', () => {
    for (const entry of ['http://bob:hunter2@proxy', 'bob:hunter2@proxy', '"bob:hunter2@proxy"', 'bob:h/unter2@;']) {
      expect(validateToken(entry)).not.toMatch(/bob|unter2/);
    }
  });
});

describe('a long no_proxy list', () => {
  it('is matched in a fraction of what may block the event loop', () => {
    const list = Array.from({ length: 1_024 }, () => 'a.b')
      .join(',')
      .slice(0, 4_096);
    const start = process.threadCpuUsage();
    expect(match(list, 'updates.example.com')).toBeNull();
    expect(process.threadCpuUsage(start).user / 1_000).toBeLessThan(200);
  });
});
