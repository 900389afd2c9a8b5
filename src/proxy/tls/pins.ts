// Pins: the public keys of which one must be in a certificate chain (RFC 7469). Pure.
//
// A server may send certificates that are unrelated to its own, and Node links them by name only. Therefore, a key
// counts only if each certificate of the chain, beginning with that of the server, was really signed by the next one.

import { createHash, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';

/** Real chains are shorter; a circular one ends here. */
const MAX_CHAIN_LENGTH = 16;

/** `sha256/` and the base64 digest of the public key (RFC 7469, 2.4). */
export function pinOf({ publicKey }: X509Certificate): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

/** The chain from the server's own certificate, as far as each certificate has issued the previous one. */
export function issuedChain(chain: readonly X509Certificate[]): readonly X509Certificate[] {
  const broken = chain.findIndex((certificate, at) => {
    const below = chain[at - 1];
    return below !== undefined && !hasIssued(certificate, below);
  });
  return broken === -1 ? chain : chain.slice(0, broken);
}

function hasIssued(issuer: X509Certificate, below: X509Certificate): boolean {
  return issuer.ca && below.checkIssued(issuer) && below.verify(issuer.publicKey);
}

/**
 * The chain as ordered by Node, the server's own certificate first. Without one Node returns an empty object; a root is
 * its own issuer.
 */
export function readChain(shown: Partial<DetailedPeerCertificate> | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let at = shown; at?.raw !== undefined && chain.length < MAX_CHAIN_LENGTH; at = at.issuerCertificate) {
    chain.push(new X509Certificate(at.raw));
    if (at.issuerCertificate === at) break;
  }
  return chain;
}
