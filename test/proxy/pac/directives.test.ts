import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DIRECTIVES, readPacAnswer, wordsOf } from '#proxy/pac/directives.ts';

const read = (text: string) => {
  const { directives, leftOut } = readPacAnswer(text);
  return { words: directives.map(wordsOf), leftOut };
};

describe('the answer of a PAC file', () => {
  it('is a list of proxies in their order', () => {
    expect(readPacAnswer('PROXY a:1; HTTPS b:2; SOCKS5 c:3; SOCKS4 d:4; SOCKS e:5; HTTP f:6; DIRECT')).toEqual({
      directives: [
        { kind: 'proxy', scheme: 'http', host: 'a', port: 1 },
        { kind: 'proxy', scheme: 'https', host: 'b', port: 2 },
        { kind: 'proxy', scheme: 'socks5h', host: 'c', port: 3 },
        { kind: 'proxy', scheme: 'socks4a', host: 'd', port: 4 },
        { kind: 'proxy', scheme: 'socks5h', host: 'e', port: 5 },
        { kind: 'proxy', scheme: 'http', host: 'f', port: 6 },
        { kind: 'direct' },
      ],
      leftOut: [],
    });
  });

  it.each([
    ['  proxy   A.Example:3128 ;; direct ; ', ['PROXY a.example:3128', 'DIRECT']],
    ['PROXY a', ['PROXY a:80']],
    ['HTTPS a', ['HTTPS a:443']],
    ['SOCKS a', ['SOCKS5 a:1080']],
    ['PROXY [2001:DB8::1]:3128', ['PROXY [2001:db8::1]:3128']],
    ['PROXY a:80;\nPROXY b:80', ['PROXY a:80', 'PROXY b:80']],
    ['PROXY a:80; PROXY A:80; DIRECT; DIRECT', ['PROXY a:80', 'DIRECT']],
  ])('%j is read with its spaces, cases and defaults', (text, words) => {
    expect(read(text)).toEqual({ words, leftOut: [] });
  });

  it.each([
    'QUIC a:443',
    'PROXY',
    'PROXY a:0',
    'PROXY a:65536',
    'PROXY a:b',
    'PROXY user@a:80',
    'PROXY http://a:80',
    'PROXY a:80/path',
    'PROXY a b',
    'PROXY 2001:db8::1',
    'PROXY [a]:80',
    'PROXY a%2eb:80',
    'DIRECT a',
    'constructor a:80',
    'PROXYa:80',
    `PROXY ${'a'.repeat(400)}:80`,
  ])('%s is left out and named', (part) => {
    expect(read(`${part}; DIRECT`)).toEqual({ words: ['DIRECT'], leftOut: [part.slice(0, 300)] });
  });

  it.each(['', ';', ' ; ; '])('%j has no proxy', (text) => {
    expect(readPacAnswer(text)).toEqual({ directives: [], leftOut: [] });
  });

  it('has a bounded number of proxies', () => {
    const many = Array.from({ length: 20 }, (_none, at) => `PROXY p${at}:80`);
    const { words, leftOut } = read(many.join(';'));
    expect(words).toEqual(many.slice(0, MAX_DIRECTIVES));
    expect(leftOut).toEqual(many.slice(MAX_DIRECTIVES));
  });
});

describe('PAC directives: any result', () => {
  const word = fc.constantFrom(
    'PROXY',
    'proxy',
    'HTTPS',
    'SOCKS',
    'SOCKS4',
    'SOCKS5',
    'DIRECT',
    'HTTP',
    '__proto__',
    '',
  );
  const place = fc.oneof(fc.webAuthority(), fc.ipV6(), fc.string(), fc.constant(''));
  const part = fc.tuple(word, fc.constantFrom(' ', '\t', '', '\u00a0'), place).map((pieces) => pieces.join(''));
  const answer = fc.oneof(
    fc.string({ maxLength: 2_000 }),
    fc.array(part, { maxLength: 40 }).map((parts) => parts.join(';')),
  );

  it('a PAC result: each proxy is a valid host and port only, and reads back as written', () => {
    fc.assert(
      fc.property(answer, (text) => {
        const { directives } = readPacAnswer(text);
        expect(directives.length).toBeLessThanOrEqual(MAX_DIRECTIVES);
        for (const directive of directives) {
          expect(readPacAnswer(wordsOf(directive)).directives).toEqual([directive]);
          if (directive.kind === 'direct') continue;
          const host = isIP(directive.host) === 6 ? `[${directive.host}]` : directive.host;
          expect(new URL(`http://${host}:${directive.port}/`).hostname).toBe(host);
          expect(directive.host).toMatch(/^[^\s@/?#\p{Cc}]+$/u);
        }
      }),
    );
  });

  it('is direct only if it says DIRECT', () => {
    fc.assert(
      fc.property(answer, (text) => {
        const isDirect = readPacAnswer(text).directives.some(({ kind }) => kind === 'direct');
        expect(isDirect && !/(?:^|;)\s*direct\s*(?:;|$)/i.test(text)).toBe(false);
      }),
    );
  });
});
