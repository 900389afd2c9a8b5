import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_URL_LENGTH } from '#config/schema/values.ts';
import { checkUrl, isInternalHost, shownUrl, type UrlContext } from '#http/check-url.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';

const CONFIGURED = new URL('https://updates.example.com/feed.json');
const context = (more: Partial<UrlContext> = {}): UrlContext => ({
  from: null,
  configured: CONFIGURED,
  allowedOrigins: [],
  ...more,
});

/** `ok`, `ok without credentials`, or the code. */
function judge(candidate: string | URL, more: Partial<UrlContext> = {}): string {
  const verdict = checkUrl(candidate, context(more));
  if (!verdict.ok) return verdict.error.code;
  return verdict.credentials ? 'ok' : 'ok without credentials';
}

describe('check URL: a URL', () => {
  it.each([
    'https://updates.example.com/x.jar',
    'https://UPDATES.example.com:443/x.jar?y=z',
    'x.jar',
    '/x.jar',
    '//updates.example.com/x.jar',
  ])('at the configured origin is accepted with credentials: %s', (candidate) => {
    expect(judge(candidate)).toBe('ok');
  });

  it('at an allowed origin is accepted without credentials', () => {
    const allowedOrigins = ['not a url', 'https://cdn.example.com/'];

    expect(judge('https://cdn.example.com/x.jar', { allowedOrigins })).toBe('ok without credentials');
    expect(judge('https://cdn.example.com:8443/x.jar', { allowedOrigins })).toBe('URL-FOREIGN');
  });

  it('keeps no fragment', () => {
    expect(checkUrl('x.jar#secret', context())).toMatchObject({
      ok: true,
      url: { href: 'https://updates.example.com/x.jar' },
    });
  });

  it('is resolved against the URL that it came from', () => {
    const from = new URL('https://cdn.example.com/a/b');
    const verdict = checkUrl('c.jar', context({ from, allowedOrigins: ['https://cdn.example.com'] }));

    expect(verdict).toMatchObject({ ok: true, url: { href: 'https://cdn.example.com/a/c.jar' }, credentials: false });
  });

  it.each([
    'https://elsewhere.example.com/',
    'https://updates.example.com:8443/',
    'https://updates.example.com./',
    'https://updates.example.com.evil.test/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
  ])('at another origin is refused as foreign: %s', (candidate) => {
    expect(judge(candidate)).toBe('URL-FOREIGN');
  });

  it.each(['http://updates.example.com/x.jar', 'http://elsewhere.example.com/'])(
    'never goes from https to http: %s',
    (candidate) => {
      expect(judge(candidate, { allowedOrigins: ['http://updates.example.com'] })).toBe('URL-DOWNGRADE');
    },
  );

  it('may change from http to https, and not back', () => {
    const configured = new URL('http://updates.example.com/feed.json');
    const allowedOrigins = ['https://updates.example.com'];
    const from = new URL('https://updates.example.com/x');

    expect(judge(from, { configured, allowedOrigins })).toBe('ok without credentials');
    expect(judge('http://updates.example.com/x', { configured, allowedOrigins, from })).toBe('URL-DOWNGRADE');
  });

  it.each([
    ['ftp://updates.example.com/', 'its scheme is ftp'],
    ['file:///etc/passwd', 'its scheme is file'],
    ['data:text/html,x', 'its scheme is data'],
    ['javascript:alert(1)', 'its scheme is javascript'],
    ['https://user@updates.example.com/', 'a user or a password'],
    ['https://:pw@updates.example.com/', 'a user or a password'],
    ['https://', 'cannot be read'],
    ['https://a b/', 'cannot be read'],
    ['https://updates.example.com/\nx', 'control characters'],
    [`https://updates.example.com/${'x'.repeat(MAX_URL_LENGTH)}`, 'longer than 16384'],
    [`/${'ä'.repeat(MAX_URL_LENGTH / 2)}`, 'longer than 16384'],
  ])('is refused as unusable: %.60s', (candidate, reason) => {
    const verdict = checkUrl(candidate, context());

    expect(verdict).toMatchObject({ ok: false, error: { code: 'URL-INVALID' } });
    expect(!verdict.ok && verdict.error.facts['reason']).toContain(reason);
  });

  it('that is refused shows no password or query, and names its sender', () => {
    const from = new URL('https://updates.example.com/x');
    for (const candidate of [
      'https://u:pass-word@elsewhere.example.com/',
      'https://elsewhere.example.com/?token=pass-word',
    ]) {
      const verdict = checkUrl(candidate, context({ from }));

      expect(!verdict.ok && verdict.error.message).not.toContain('pass-word');
      expect(!verdict.ok && verdict.error.hop).toBe('updates.example.com');
    }
  });

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0x7f.1/',
    'https://0/',
    'https://10.1.2.3/',
    'https://172.31.255.255/',
    'https://192.168.0.1:8080/',
    'https://100.100.100.200/',
    'https://168.63.129.16/',
    'https://198.19.0.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'http://[::1]/',
    'https://[::]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[::7f00:1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b:1::808:808]/',
    'https://[2002:7f00:1::]/',
    'https://[2001::1]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://[feb0::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://x.localhost/',
    'https://①②⑦.0.0.1/',
  ])('at an internal address is refused as such: %s', (candidate) => {
    expect(judge(candidate)).toBe('URL-INTERNAL');
  });

  it('at an internal address is accepted if the admin configured it', () => {
    const configured = new URL('http://127.0.0.1:8080/feed.json');

    expect(judge('/x.jar', { configured })).toBe('ok');
    expect(judge('http://127.0.0.1:8081/x.jar', { configured })).toBe('URL-INTERNAL');
    expect(judge('http://[::1]:8081/', { configured, allowedOrigins: ['http://[::1]:8081'] })).toBe(
      'ok without credentials',
    );
  });

  it('of any form gets a verdict, never accepted for other origins', () => {
    const allowedOrigins = ['https://cdn.example.com'];
    const near = fc.constantFrom(
      'https://updates.example.com',
      '@',
      '/',
      '\\',
      ':',
      '.',
      '#',
      '?',
      'http',
      '[::1]',
      'evil.test',
      '%',
      '\t',
    );
    // Not `fc.webUrl`, which makes a table of all characters.
    const encoded = fc.array(fc.string({ unit: ANY_CHARACTER }).map(encodeURIComponent), { maxLength: 3 });
    const webUrl = fc
      .tuple(fc.constantFrom('http', 'https'), fc.domain(), encoded, fc.constantFrom('', '?', '#'))
      .map(([scheme, host, parts, mark]) => `${scheme}://${host}/${parts.join('/')}${mark}${parts.join('&')}`);
    const candidate = fc.oneof(
      fc.string(),
      webUrl,
      fc.array(near).map((parts) => parts.join('')),
    );

    fc.assert(
      fc.property(candidate, (text) => {
        const verdict = checkUrl(text, context({ allowedOrigins }));
        if (!verdict.ok) return true;
        const { url, credentials } = verdict;
        expect([CONFIGURED.origin, ...allowedOrigins]).toContain(url.origin);
        expect(credentials).toBe(url.origin === CONFIGURED.origin);
        expect([url.username, url.password, url.hash]).toEqual(['', '', '']);
        return url.href.length <= MAX_URL_LENGTH;
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('check URL: an internal address', () => {
  const inner = fc.oneof(
    fc.tuple(fc.constant(127), fc.nat(255), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(10), fc.nat(255), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(169), fc.constant(254), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(192), fc.constant(168), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), fc.nat(255), fc.nat(255)),
    fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), fc.nat(255), fc.nat(255)),
  );
  type Quad = [number, number, number, number];
  const asNumber = ([a, b, c, d]: Quad) => ((a * 256 + b) * 256 + c) * 256 + d;

  it.each<[string, (quad: Quad) => string]>([
    ['dotted', (quad) => quad.join('.')],
    ['one decimal number', (quad) => String(asNumber(quad))],
    ['one hex number', (quad) => `0x${asNumber(quad).toString(16)}`],
    ['one octal number', (quad) => `0${asNumber(quad).toString(8)}`],
    ['hex parts', (quad) => quad.map((part) => `0x${part.toString(16)}`).join('.')],
    ['octal parts', (quad) => quad.map((part) => `0${part.toString(8)}`).join('.')],
    ['mapped into IPv6', (quad) => `[::ffff:${quad.join('.')}]`],
    [
      'mapped in full',
      (quad) => `[0:0:0:0:0:ffff:${(quad[0] * 256 + quad[1]).toString(16)}:${(quad[2] * 256 + quad[3]).toString(16)}]`,
    ],
    ['behind NAT64', (quad) => `[64:ff9b::${quad.join('.')}]`],
    ['with a trailing dot', (quad) => `${quad.join('.')}.`],
  ])('is recognized in every notation: %s', (_name, write) => {
    fc.assert(fc.property(inner, (quad) => isInternalHost(new URL(`http://${write(quad)}/`).hostname)));
  });

  it('does not include the addresses next to its range', () => {
    const beside = ['9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'];
    beside.push('169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0');
    beside.push('168.63.129.15', '223.255.255.255', '[fbff::1]', '[2001:db8::1]', '[2003::1]', 'localhost.example.com');

    expect(beside.filter((host) => isInternalHost(host))).toEqual([]);
  });
});

describe('check URL: a URL for output', () => {
  it('has no user, no fragment and no query', () => {
    expect(shownUrl(new URL('https://u:p@h.test:8443/a?t=1#f'))).toBe('https://h.test:8443/a?***');
    expect(shownUrl(new URL('https://h.test/a'))).toBe('https://h.test/a');
    expect(shownUrl(new URL('data:x,y'))).toBe('data:x,y');
  });
});
