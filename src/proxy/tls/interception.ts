// Recognizes a proxy that decrypts TLS with the permission of the admin (`allow_interception_by`). Pure.
//
// A connection counts as intercepted if its verified chain leads to one of the CAs in that setting. If such a CA also
// signs servers of the organization, they count as intercepted as well, and secrets are withheld from them.

import { X509Certificate } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';
import type { PemFile } from './pem-file.ts';
import { oneLine } from './tls-failure.ts';

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** A CA of `allow_interception_by`, as status shows it. */
export interface InterceptionAuthority {
  /** The subject in one line. */
  readonly name: string;
  /** Wall time, ms since the epoch. */
  readonly expiresMs: number;
}

/** The CAs of a file. @throws CodedError TLS-FILE if it has none, or one that cannot be read */
export function interceptionAuthorities({ key, path, pem }: PemFile): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw coded('TLS-FILE', { key, path, reason: 'it contains no certificate' });
  return blocks.map((block) => {
    const certificate = readCertificate(block, { key, path });
    if (!certificate.ca) {
      const reason = `${oneLine(certificate.subject) ?? 'one of its certificates'} is not the certificate of a CA`;
      throw coded('TLS-FILE', { key, path, reason });
    }
    return certificate;
  });
}

function readCertificate(block: string, about: { readonly key: string; readonly path: string }): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (thrown) {
    throw coded('TLS-FILE', { ...about, reason: thrown instanceof Error ? thrown.message : 'unknown' }, thrown);
  }
}

/** Name and expiry of each. */
export function describeAuthorities(certificates: readonly X509Certificate[]): InterceptionAuthority[] {
  return certificates.map(({ subject, validTo }) => ({
    name: oneLine(subject) ?? '-',
    expiresMs: Date.parse(validTo),
  }));
}

/** The CA that this verified chain leads to; null if none of them. */
export function interceptorOf(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): X509Certificate | null {
  for (const certificate of chain) {
    const found = authorities.find(
      (authority) =>
        authority.fingerprint256 === certificate.fingerprint256 ||
        (certificate.checkIssued(authority) && certificate.verify(authority.publicKey)),
    );
    if (found !== undefined) return found;
  }
  return null;
}
