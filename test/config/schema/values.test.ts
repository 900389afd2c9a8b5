import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isLoopbackUrl,
  validateHost,
  validateOrigin,
  validatePin,
  validateSchedule,
  validateTimeZone,
  validateUrlText,
} from '#config/schema/values.ts';

describe('validateHost', () => {
  it.each([
    'proxy.example.com',
    'PROXY',
    'a',
    'my_proxy.corp',
    'xn--bcher-kva.example',
    '192.0.2.10',
    '176.34.20.5',
    '2001:db8::1',
    '::1',
    '::ffff:192.0.2.1',
  ])('accepts %s', (host) => {
    expect(validateHost(host)).toBeNull();
  });

  it.each([
    ['', 'empty'],
    ['proxy.example.com:3128', 'address: proxy.example.com and port: 3128'],
    ['http://proxy.example.com:3128/', 'address: proxy.example.com and port: 3128'],
    ['http://proxy.example.com', 'address: proxy.example.com and port: 80'],
    ['https://proxy.example.com/path?x#y', 'address: proxy.example.com and port: 443'],
    ['proxy.example.com/path', 'address: proxy.example.com'],
    ['192.0.2.10:8080', 'address: 192.0.2.10 and port: 8080'],
    ['[2001:db8::1]', 'address: 2001:db8::1'],
    ['[2001:db8::1]:3128', 'address: 2001:db8::1 and port: 3128'],
    ['256.1.1.1', '0 to 255'],
    ['1.2.3', 'four numbers'],
    ['1.2.3.4.5', 'four numbers'],
    ['1..2.3', 'four numbers'],
    ['010.1.2.3', 'Write 10.1.2.3'],
    ['0x7f.0.0.0x1', 'cannot be a number'],
    ['host.7', 'cannot be a number'],
    ['proxy.example.com.', 'dot at the end'],
    ['-proxy.example.com', 'parts that are joined by single dots'],
    ['proxy..example.com', 'parts that are joined by single dots'],
    ['pro xy', 'parts that are joined by single dots'],
    ['a'.repeat(64), 'parts that are joined by single dots'],
    [`${'a'.repeat(60)}.`.repeat(5).slice(0, -1), '253'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['fe80::1%eth0', 'zone'],
    ['12345::', 'not an IPv6'],
  ])('refuses %s', (host, words) => {
    expect(validateHost(host)).toContain(words);
  });

  it.each([
    ['http://svc:p@ss@proxy.corp:3128', "an unescaped '@' in its password part"],
    ['http://svc:p:ss@proxy.corp:3128', "an unescaped ':' in its password part"],
    ['http://svc:p#ss@proxy.corp:3128', "an unescaped '#' in its password part"],
    ['http://svc:100%@proxy.corp:3128', "an unescaped '%' in its password part"],
    ['svc:p/ss@proxy.corp:3128', "an unescaped '/' in its password part"],
    ['http://svc:p%40ss@proxy.corp:3128', 'user and password'],
    ['svc@proxy.corp:3128', 'user and password'],
  ])('names what is wrong with %s and where it belongs', (url, words) => {
    expect(validateHost(url)).toBe(
      `This URL contains ${words}. Write them in the keys user and password, without escaping. ` +
        'This key takes only the host; write address: proxy.corp and port: 3128.',
    );
  });

  it('never repeats the user or password of a refused address', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', 'http://', 'https://', '//'),
        fc.constantFrom(':3128', '', '/x', '@b'),
        fc.constantFrom('', '@', '#', '%', '/', ':', '?'),
        (head, tail, awkward) => {
          expect(validateHost(`${head}bob:${awkward}hunter2@proxy${tail}`) ?? '').not.toMatch(/hunter2|bob/);
        },
      ),
    );
  });

  it('accepts only addresses that are valid in a URL unchanged', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.string()), (host) => {
        fc.pre(validateHost(host) === null);
        const url = new URL(`http://${host.includes(':') ? `[${host}]` : host}:3128/`);
        expect([url.port, url.username, url.pathname]).toEqual(['3128', '', '/']);
      }),
    );
  });
});

describe('validatePin', () => {
  const digest = Buffer.alloc(32, 7).toString('base64');

  it('accepts sha256/ with the base64 digest of a public key', () => {
    expect(validatePin(`sha256/${digest}`)).toBeNull();
  });

  it.each([
    digest,
    `sha1/${digest}`,
    `sha256/${digest}=`,
    `sha256//${digest.slice(1, -1)}`,
    'sha256/AAAA',
    // The same 32 bytes in another spelling, which would never match.
    `sha256/${digest.slice(0, -2)}d=`,
    `pin-sha256="${digest}"`,
  ])('refuses %s', (text) => {
    expect(validatePin(text)).toContain('44 characters of base64');
  });
});

describe('validateUrlText', () => {
  it.each(['https://a/', 'http://a:8080/x?y', 'HTTPS://A', 'https://a./', 'https://[::1]/', 'https://bücher.example/'])(
    'accepts %s',
    (url) => {
      expect(validateUrlText(url, ['https', 'http'])).toBeNull();
    },
  );

  it.each([
    'ftp://a/',
    'a',
    '',
    'https:a',
    'https://',
    'https://u@a/',
    'https://u:p@a/',
    'https://a/#',
    'https://a/ b',
    'https://a/\n',
    'javascript:1',
    `https://a/${'x'.repeat(16_384)}`,
    'https://a;b/',
    'https://a&b/',
    "https://'a'/",
    'https://"a"/',
    'https://*.example.com/',
    'https://a..b/',
    'https://-a/',
    'https://a.b!/',
  ])('refuses %j', (url) => {
    expect(validateUrlText(url, ['https', 'http'])).not.toBeNull();
  });

  it('isLoopbackUrl: accepts 127.0.0.0/8, ::1 and localhost', () => {
    const answers = [
      'http://127.0.0.1/',
      'http://127.255.1.2/',
      'http://[::1]/',
      'http://LOCALHOST/',
      'http://0x7f.1/',
    ].map((url) => isLoopbackUrl(new URL(url)));
    const others = [
      'http://127.0.0.1.example.com/',
      'http://localhost.example.com/',
      'http://10.0.0.1/',
      'http://[::2]/',
    ].map((url) => isLoopbackUrl(new URL(url)));

    expect([answers, others]).toEqual([answers.map(() => true), others.map(() => false)]);
  });

  it('validateOrigin: refuses anything after host and port', () => {
    expect(validateOrigin('https://cdn.example.com:8443')).toBeNull();
    expect(validateOrigin('https://cdn.example.com/')).toBeNull();
    expect(validateOrigin('https://cdn.example.com/x?y')).toContain('https://cdn.example.com.');
    expect(validateOrigin('cdn.example.com')).not.toBeNull();
  });
});

describe('validateSchedule', () => {
  it.each(['0 */6 * * *', '30 2 * * 1-5', '*/5 0,12 1 jan *'])('accepts %s', (text) => {
    expect(validateSchedule(text)).toBeNull();
  });

  it.each(['', '* * * *', '* * * * * *', '60 * * * *', '0 24 * * *', 'every 6 hours now please', '@daily'])(
    'refuses %j',
    (text) => {
      expect(validateSchedule(text)).not.toBeNull();
    },
  );
});

describe('validateTimeZone', () => {
  it.each(['Europe/Berlin', 'UTC', 'America/Santiago', 'Asia/Kathmandu'])('accepts %s', (text) => {
    expect(validateTimeZone(text)).toBeNull();
  });

  it.each(['', '+01:00', 'Mars/Olympus', 'Europe', '/etc/localtime', 'Europe/Berlin\n'])('refuses %j', (text) => {
    expect(validateTimeZone(text)).not.toBeNull();
  });

  it('suggests the right name for a misspelled one', () => {
    expect(validateTimeZone('Europe/Berln')).toContain('Europe/Berlin');
    expect(validateTimeZone('America/Los Angeles')).toContain('America/Los_Angeles');
  });
});
