import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyRules, REDACTION_RULES } from '#redaction/rules.ts';

describe('redaction rules', () => {
  it.each([
    ['Authorization: Bearer abc.def', 'Authorization: ***'],
    ['proxy-authorization:Basic dTpw', 'proxy-authorization:***'],
    ['Cookie: a=1; b=2\r\nHost: x', 'Cookie: ***\r\nHost: x'],
    ['Set-Cookie: sid=abc', 'Set-Cookie: ***'],
    ['{"authorization":"Basic dTpw","n":1}', '{"authorization":"***","n":1}'],
    ['{"m":"Proxy-Authorization: Basic dTpw","n":1}', '{"m":"Proxy-Authorization: ***","n":1}'],
    ['{"m":"{\\"cookie\\":\\"a=b\\",\\"n\\":1}"}', '{"m":"{\\"cookie\\":\\"***\\",\\"n\\":1}"}'],
  ])('rules: credentials in headers are masked: %s', (text, masked) => {
    expect(applyRules(text)).toBe(masked);
  });

  it.each([
    ['http://bob:secret@proxy.example.com:3128/', 'http://***@proxy.example.com:3128/'],
    ['see https://token@h/p?x=1 now', 'see https://***@h/p?x=1 now'],
    ['http://bob:p@ss@h/', 'http://***@h/'],
    ['"http:\\/\\/bob:secret@h\\/"', '"http:\\/\\/***@h\\/"'],
  ])('rules: user information in URLs is masked: %s', (text, masked) => {
    expect(applyRules(text)).toBe(masked);
  });

  it.each([
    ['/feed?token=abc&x=1', '/feed?token=***&x=1'],
    ['?a=1&password=p%40ss#f', '?a=1&password=***#f'],
    ['https://h/?access_token=abc', 'https://h/?access_token=***'],
  ])('rules: secrets in queries are masked: %s', (text, masked) => {
    expect(applyRules(text)).toBe(masked);
  });

  it.each([
    'http://h/a@b',
    'mail bob@example.com',
    'Downloading update ID 1602503.',
    '/feed?tokens=3',
    'https://h/?q=1',
    'proxies[0].password: Found: nothing.',
  ])('rules: text without a secret is unchanged: %s', (text) => {
    expect(applyRules(text)).toBe(text);
  });

  it('rules: a second pass changes nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('http://', 'a:b@', 'h/', 'Cookie: ', 'token=', 'x', '"', '\\', '\n', ' ', '***'), {
          maxLength: 12,
        }),
        (parts) => {
          const once = applyRules(parts.join(''));
          expect(applyRules(once)).toBe(once);
        },
      ),
    );
  });

  it('rules: each rule has a name of its own', () => {
    const names = REDACTION_RULES.map(({ name }) => name);

    expect(new Set(names).size).toBe(names.length);
  });
});
