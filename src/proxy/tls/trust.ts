// TLS trust and client identity, made once for each purpose and for each proxy that uses TLS. The caller has read the
// PEM texts.
//
// Guarantees: if `ca` is set, exactly its certificates are trusted; otherwise, Node's bundled roots. The list is always
// passed explicitly, so the trust store of the host, NODE_EXTRA_CA_CERTS and --use-system-ca add no certificates. A
// text without a usable certificate is an error; the default is not used in its place.

import { X509Certificate } from 'node:crypto';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { coded } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';
import { interceptionAuthorities } from './interception.ts';
import type { PemFile } from './pem-file.ts';

/** The certificate that is sent when a server requests one. */
export interface ClientIdentity {
  readonly certificate: PemFile;
  readonly privateKey: Omit<PemFile, 'pem'> & { readonly pem: Secret };
  readonly passphrase?: Secret | undefined;
  /**
   * Origins (`https://host:port` as in URL.origin, or the URL of a hop) that may receive it; no others, including
   * redirects.
   */
  readonly origins: readonly string[];
}

/** Trust of one purpose or proxy. Empty means the bundled roots, any of their keys, and no client certificate. */
export interface TlsTrust {
  readonly ca?: PemFile | undefined;
  readonly client?: ClientIdentity | undefined;
  /** `sha256/` and base64; the chain must contain one of them. */
  readonly pins?: readonly string[] | undefined;
  /** A proxy that may decrypt the connections. */
  readonly interception?: AllowedInterception | undefined;
}

/** Which proxy may decrypt TLS, and what it must not receive. */
export interface AllowedInterception {
  /** The CAs of the proxy. */
  readonly ca: PemFile;
  /** Names of request headers that are not sent then, in lower case. */
  readonly withheld: readonly string[];
}

/**
 * Offered to targets: only suites with authenticated encryption (AEAD). The choice is not left to the server: some that
 * support both prefer the older ones.
 */
export const AEAD_SUITES =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:' +
  'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:AESGCM:AESCCM:!aNULL:!eNULL:!PSK:!SRP';

/** The suites allowed on a connection. A proxy itself may also use older ones (`any`), which is logged as a warning. */
export type Suites = 'aead' | 'any';

/** Makes contexts, each once: parsing a hundred and fifty roots takes a few milliseconds. */
export class TrustContexts {
  readonly #trust: TlsTrust;
  readonly #suites: Suites;
  #plain: SecureContext | null = null;
  #identified: SecureContext | null = null;
  #interceptors: readonly X509Certificate[] | null = null;

  constructor(trust: TlsTrust, suites: Suites = 'aead') {
    this.#trust = trust;
    this.#suites = suites;
  }

  /** What the contexts trust, in words. */
  get expected(): string {
    const { ca, interception } = this.#trust;
    const own = ca === undefined ? 'a public CA built into the program' : `a CA in ${ca.key}`;
    return interception === undefined ? own : `${own} or in ${interception.ca.key}`;
  }

  /** The CAs of a proxy that may decrypt the connections. */
  get interceptors(): readonly X509Certificate[] {
    const { interception } = this.#trust;
    this.#interceptors ??= interception === undefined ? [] : interceptionAuthorities(interception.ca);
    return this.#interceptors;
  }

  /** The request headers that such a proxy must not receive. */
  get withheld(): readonly string[] {
    return this.#trust.interception?.withheld ?? [];
  }

  get pins(): readonly string[] {
    return this.#trust.pins ?? [];
  }

  /** @throws CodedError TLS-FILE if a text of the trust cannot be used */
  contextFor(origin: string): SecureContext {
    const { client } = this.#trust;
    if (client?.origins.includes(origin)) {
      this.#identified ??= createContext({ ...this.#trust, client, suites: this.#suites });
      return this.#identified;
    }
    this.#plain ??= createContext({ ...this.#trust, client: undefined, suites: this.#suites });
    return this.#plain;
  }
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

function createContext({ ca, client, interception, suites }: TlsTrust & { readonly suites: Suites }): SecureContext {
  const trusted = [
    ...(ca === undefined ? rootCertificates : certificatesOf(ca)),
    ...(interception === undefined ? [] : certificatesOf(interception.ca)),
  ];
  const own = client === undefined ? {} : identityOf(client);
  const offered = suites === 'aead' ? { ciphers: AEAD_SUITES } : {};
  return createSecureContext({ minVersion: 'TLSv1.2', ca: trusted, ...offered, ...own });
}

/** OpenSSL would silently skip what it cannot read and trust fewer roots, or none. */
function certificatesOf(file: PemFile): string[] {
  const blocks = file.pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw unusable(file, 'it contains no certificate');
  for (const block of blocks) usable(file, () => new X509Certificate(block));
  return [...blocks];
}

/** Certificate and key are tried separately, so that the failure names the right file. */
function identityOf({ certificate, privateKey, passphrase }: ClientIdentity) {
  const cert = certificate.pem;
  const key = privateKey.pem.reveal();
  const pass = passphrase === undefined ? {} : { passphrase: passphrase.reveal() };
  usable(certificate, () => createSecureContext({ cert }));
  usable(privateKey, () => createSecureContext({ key, ...pass }));
  usable(privateKey, () => createSecureContext({ cert, key, ...pass }));
  return { cert, key, ...pass };
}

function usable(file: Omit<PemFile, 'pem'>, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw unusable(file, error instanceof Error ? error.message : String(error), error);
  }
}

function unusable({ key, path }: Omit<PemFile, 'pem'>, reason: string, cause?: unknown) {
  return coded('TLS-FILE', { key, path, reason }, cause);
}
