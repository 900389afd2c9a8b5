import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestSigner } from '#http/signatures/request-signer.ts';
import { isSignedBy, readSignature, signatureBaseOf } from '#origin/platform/signatures/http-signature.ts';
import { RequestSignatures } from '#origin/platform/signatures/request-signatures.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

/** RFC 9421, B.1.4 and B.2.6. */
const RFC_KEY = createPublicKey({
  key: { kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' },
  format: 'jwk',
});
const RFC_REQUEST = {
  method: 'POST',
  url: new URL('https://example.com/foo?param=Value&Pet=dog'),
  headers: {
    date: 'Tue, 20 Apr 2021 02:07:55 GMT',
    'content-type': 'application/json',
    'content-length': '18',
    'signature-input':
      'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    signature: 'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:',
  },
};

describe('signatures of requests, on the side of the vendor', () => {
  it('http signature: the request of RFC 9421, B.2.6, has the base and the signature of the RFC', () => {
    const read = readSignature(RFC_REQUEST.headers, 'sig-b26');
    if (typeof read === 'string' || 'problem' in read) throw new Error(JSON.stringify(read));
    expect(read).toMatchObject({ created: 1_618_884_473, keyId: 'test-key-ed25519', nonce: null });
    expect(signatureBaseOf(read, RFC_REQUEST)?.toString()).toBe(
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
    expect(isSignedBy(RFC_KEY, read, RFC_REQUEST)).toBe(true);
    expect(isSignedBy(RFC_KEY, read, { ...RFC_REQUEST, method: 'GET' })).toBe(false);
  });

  it('http signature: the signature of an agent is one of several members', () => {
    const headers = {
      'signature-input': 'proxy=("@method");keyid="a,b(c", sallyport=("@method");created=5;nonce="n\\"1"',
      signature: `proxy=:AAAA:, sallyport=:${'A'.repeat(86)}==:`,
    };
    expect(readSignature(headers, 'sallyport')).toMatchObject({ covered: ['@method'], created: 5, nonce: 'n"1' });
    expect(readSignature(headers, 'other')).toBe('none');
  });

  it.each([
    ['an open list', '("@method";created=1'],
    ['a component with parameters', '("@method";req);created=1'],
    ['a component twice', '("@method" "@method");created=1'],
    ['a parameter twice', '("@method");created=1;created=2'],
    ['text after the parameters', '("@method");created=1 x'],
  ])('http signature: %s is refused', (_what, params) => {
    const headers = { 'signature-input': `sallyport=${params}`, signature: `sallyport=:${'A'.repeat(86)}==:` };
    expect(readSignature(headers, 'sallyport')).toHaveProperty('problem');
  });

  it('http signature: no header text makes the reader throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'sallyport=(;")\\:,@a1 ') }), fc.string(), (input, value) => {
        readSignature({ 'signature-input': `sallyport=${input}`, signature: `sallyport=${value}` }, 'sallyport');
      }),
    );
  });
});

describe('signatures of requests, checked with those of an agent', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const body = Buffer.from('{"v":1}');
  let count = 0;

  function rig() {
    const clock = new FakeClock();
    const nonce = () => {
      count += 1;
      return `n-${count}`;
    };
    const signer = requestSigner({ key: privateKey, keyId: 'agent-1', now: () => clock.now(), nonce });
    const signatures = new RequestSignatures(clock);
    const check = (headers: object, over: object = {}, publicOrigin: string | null = null) =>
      signatures.check({
        request: {
          method: 'POST',
          url: '/link?a=1',
          headers: { host: 'updates.example.com', ...headers },
          ...over,
        } as IncomingMessage,
        body,
        findKey: (agent) => (agent === 'agent-1' ? publicKey : null),
        publicOrigin,
      });
    const sign = () => signer.sign({ method: 'POST', url: new URL('https://updates.example.com/link?a=1'), body });
    return { clock, check, sign };
  }

  it('request signature: one of an agent is accepted once', () => {
    const { check, sign } = rig();
    const headers = sign();
    expect(check(headers)).toEqual({ agent: 'agent-1' });
    expect(check(headers)).toMatchObject({ refusal: { status: 401, body: { code: 'signature' } } });
    expect(check(sign())).toEqual({ agent: 'agent-1' });
  });

  it('request signature: a request without one, or of an unknown agent, has no agent', () => {
    const { check, sign } = rig();
    expect(check({})).toEqual({ agent: null });
    const { 'signature-input': input = '', ...rest } = sign();
    expect(check({ ...rest, 'signature-input': input.replace('agent-1', 'agent-2') })).toEqual({ agent: null });
  });

  it.each([-301, 301])('request signature: one that was created %i s from now is refused with the time', (seconds) => {
    const { check, sign, clock } = rig();
    const headers = sign();
    clock.stepWall(-seconds * 1_000);
    expect(check(headers)).toMatchObject({ refusal: { body: { code: 'clock', server_time: expect.any(String) } } });
  });

  it('request signature: another method, URL, origin, digest or body is refused', () => {
    const { check, sign } = rig();
    const refused = { refusal: { body: { code: 'signature' } } };
    expect(check(sign(), { method: 'GET' })).toMatchObject(refused);
    expect(check(sign(), { url: '/link?a=2' })).toMatchObject(refused);
    expect(check({ ...sign(), host: 'evil.example.com' })).toMatchObject(refused);
    expect(check(sign(), {}, 'https://other.example.com')).toMatchObject(refused);
    expect(check({ ...sign(), 'content-digest': 'sha-256=:AAAA:' })).toMatchObject(refused);
    expect(check(sign(), {}, 'https://updates.example.com')).toEqual({ agent: 'agent-1' });
    const other = rig();
    const signedElsewhere = requestSigner({
      key: privateKey,
      keyId: 'agent-1',
      now: () => other.clock.now(),
      nonce: () => 'x',
    });
    const url = new URL('https://updates.example.com/link?a=1');
    expect(other.check(signedElsewhere.sign({ method: 'POST', url, body: Buffer.from('{}') }))).toMatchObject(refused);
    expect(other.check(signedElsewhere.sign({ method: 'POST', url }))).toMatchObject(refused);
  });
});
