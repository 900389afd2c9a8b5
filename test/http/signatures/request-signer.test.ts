import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentDigest } from '#http/signatures/content-digest.ts';
import { requestSigner, targetUri } from '#http/signatures/request-signer.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
let nonces = 0;
const signer = requestSigner({
  key: privateKey,
  keyId: '4d3c1a0e-7c51-4b7e-9c0c-0a1b2c3d4e5f',
  now: () => 1_790_000_000_999,
  nonce: () => `nonce-${++nonces}`,
});

describe('request signer', () => {
  it('covers method, URL and digest, with time, nonce, key id and algorithm', () => {
    const headers = signer.sign({ method: 'POST', url: new URL('https://a.example/b?c=d#e'), body: Buffer.from('x') });
    expect(Object.keys(headers).sort()).toEqual(['content-digest', 'signature', 'signature-input']);
    expect(headers['content-digest']).toBe(contentDigest(Buffer.from('x')));
    expect(headers['signature-input']).toBe(
      `sallyport=("@method" "@target-uri" "content-digest");created=1790000000;nonce="nonce-${nonces}";keyid="4d3c1a0e-7c51-4b7e-9c0c-0a1b2c3d4e5f";alg="ed25519"`,
    );
    expect(isValid(headers, ['POST', 'https://a.example/b?c=d'])).toBe(true);
    expect(isValid(headers, ['PUT', 'https://a.example/b?c=d'])).toBe(false);
    expect(isValid(headers, ['POST', 'https://a.example/b?c=e'])).toBe(false);
  });

  it('signs a request without a body, each time with another nonce', () => {
    const url = new URL('https://a.example/');
    const [one, other] = [signer.sign({ method: 'GET', url }), signer.sign({ method: 'GET', url })];
    expect(one['content-digest']).toBeUndefined();
    expect(one['signature-input']).not.toBe(other['signature-input']);
    expect(isValid(one, ['GET', 'https://a.example/'])).toBe(true);
  });

  it('signs the upgrade to a WebSocket as the HTTP request that it is', () => {
    expect(targetUri(new URL('wss://a.example:8443/link?x=1#y'))).toBe('https://a.example:8443/link?x=1');
    expect(targetUri(new URL('ws://127.0.0.1/'))).toBe('http://127.0.0.1/');
    expect(targetUri(new URL('https://a.example'))).toBe('https://a.example/');
  });

  it('makes headers that verify for every URL', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), fc.uint8Array({ maxLength: 50 }), (text, body) => {
        const url = new URL(text);
        expect(isValid(signer.sign({ method: 'PUT', url, body }), ['PUT', url.href])).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

/** Whether the headers sign this method and URL: a verifier of its own, from the words of RFC 9421, 3.2. */
function isValid(headers: Record<string, string>, [method, uri]: readonly [string, string]): boolean {
  const params = headers['signature-input']?.slice('sallyport='.length) ?? '';
  const digest = headers['content-digest'];
  const lines = [
    `"@method": ${method}`,
    `"@target-uri": ${uri}`,
    ...(digest === undefined ? [] : [`"content-digest": ${digest}`]),
    `"@signature-params": ${params}`,
  ];
  const signature = /^sallyport=:(.*):$/.exec(headers['signature'] ?? '')?.[1] ?? '';
  const key = createPublicKey(publicKey.export({ format: 'pem', type: 'spki' }));
  return verify(null, Buffer.from(lines.join('\n')), key, Buffer.from(signature, 'base64'));
}
