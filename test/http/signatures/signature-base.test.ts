import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Component, signatureBase, signatureParams } from '#http/signatures/signature-base.ts';

/** RFC 9421, B.1.4. */
const KEY = createPrivateKey({
  key: 'MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF',
  encoding: 'base64',
  format: 'der',
  type: 'pkcs8',
});

const name = fc.stringMatching(/^@?[a-z][a-z-]{0,10}$/);
const value = fc.string({ maxLength: 20 }).filter((text) => !/[\r\n\0]/.test(text));

describe('signature base', () => {
  it('is that of RFC 9421, B.2.6, byte for byte, with its signature', () => {
    const components: Component[] = [
      ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
      ['@method', 'POST'],
      ['@path', '/foo'],
      ['@authority', 'example.com'],
      ['content-type', 'application/json'],
      ['content-length', '18'],
    ];
    const params = signatureParams(
      components.map(([covered]) => covered),
      [
        ['created', 1_618_884_473],
        ['keyid', 'test-key-ed25519'],
      ],
    );
    const base = signatureBase(components, params);
    expect(base.toString()).toBe(
      [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
        '"@authority": example.com',
        '"content-type": application/json',
        '"content-length": 18',
        '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
      ].join('\n'),
    );
    expect(sign(null, base, KEY).toString('base64')).toBe(
      'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    );
  });

  it('differs whenever a component or a parameter differs', () => {
    const lists = fc.uniqueArray(fc.tuple(name, value), { selector: ([covered]) => covered, maxLength: 4 });
    const base = (components: readonly Component[], nonce: string) =>
      signatureBase(
        components,
        signatureParams(
          components.map(([covered]) => covered),
          [['nonce', nonce]],
        ),
      ).toString();
    const trimmed = (components: readonly Component[]) => components.map(([covered, text]) => [covered, text.trim()]);
    const nonce = fc.stringMatching(/^[ -~]{0,8}$/);
    fc.assert(
      fc.property(lists, lists, nonce, nonce, (one, other, first, second) => {
        const isSame = JSON.stringify([trimmed(one), first]) === JSON.stringify([trimmed(other), second]);
        expect(base(one, first) === base(other, second)).toBe(isSame);
      }),
    );
  });

  it.each([
    ['a line break in a value', () => signatureBase([['@method', 'GET\n"@path": /']], '()')],
    [
      'a component that occurs twice',
      () =>
        signatureBase(
          [
            ['a', '1'],
            ['a', '2'],
          ],
          '()',
        ),
    ],
    ['text outside of ASCII in a parameter', () => signatureParams([], [['keyid', 'é']])],
    ['a line break in a parameter', () => signatureParams([], [['nonce', 'a\nb']])],
    ['a fraction as the time', () => signatureParams([], [['created', 1.5]])],
    ['a key with a quote', () => signatureParams([], [['a"', 'b']])],
  ])('refuses %s', (_what, work) => {
    expect(work).toThrow(RangeError);
  });

  it('escapes quotes and backslashes in a parameter (RFC 8941, 4.1.6)', () => {
    expect(signatureParams([], [['keyid', 'a"b\\c']])).toBe('();keyid="a\\"b\\\\c"');
  });

  it('verifies with the public key only while nothing of it changes', () => {
    const base = signatureBase([['@method', 'GET']], signatureParams(['@method'], []));
    const signature = sign(null, base, KEY);
    expect(verify(null, base, createPublicKey(KEY), signature)).toBe(true);
    expect(verify(null, Buffer.concat([base, Buffer.from(' ')]), createPublicKey(KEY), signature)).toBe(false);
  });
});
