import { createPublicKey, hash, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { issuedChain, pinOf } from '#proxy/tls/pins.ts';
import { createCa } from '#test/support/certificates.ts';

const root = createCa('Root');
const middle = root.issueCa('Middle');
const chain = [...(middle.issue().cert.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []), root.cert].map(
  (pem) => new X509Certificate(pem),
);
const [leaf, between, top] = chain as [X509Certificate, X509Certificate, X509Certificate];
const stranger = new X509Certificate(createCa('Root').cert);

it('pins: a pin is the SHA-256 of the whole public key in the certificate, in base64', () => {
  const spki = createPublicKey(leaf.publicKey.export({ type: 'spki', format: 'pem' })).export({
    type: 'spki',
    format: 'der',
  });
  expect(pinOf(leaf)).toBe(`sha256/${hash('sha256', spki, 'base64')}`);
  expect(leaf.raw.includes(spki)).toBe(true);
});

it('pins: a chain is used as far as each certificate really signed the previous one', () => {
  expect(issuedChain(chain)).toEqual([leaf, between, top]);
  // The same name and another key.
  expect(issuedChain([leaf, between, stranger])).toEqual([leaf, between]);
  expect(issuedChain([leaf, top])).toEqual([leaf]);
  expect(issuedChain([leaf, leaf])).toEqual([leaf]);
  expect(issuedChain([])).toEqual([]);
});

it('pins: a certificate that may not issue others has issued none, whatever it signed', () => {
  const honest = createCa('Sub');
  const posing = { ...new X509Certificate(honest.cert), ca: false };
  const below = new X509Certificate(honest.issue().cert);
  expect(issuedChain([below, posing as unknown as X509Certificate])).toEqual([below]);
});
