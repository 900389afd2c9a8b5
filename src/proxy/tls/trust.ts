// Whom TLS trusts, and who we are to it: made once per purpose, and once per proxy that is spoken to over TLS, from PEM texts
// that somebody else has read.
//
// Guarantees: exactly the certificates of `ca` are trusted where it is set, else Node's bundled roots; never the store of
// the machine, and neither NODE_EXTRA_CA_CERTS nor --use-system-ca adds any, because the list is always given explicitly.
// A text that holds no usable certificate is an error here, not a silent return to the default.

import { X509Certificate } from 'node:crypto';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { coded } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';

/** A PEM text and where it came from, for failures. */
export interface PemFile {
  /** The configuration key, such as `updates.ca_file`. */
  readonly key: string;
  readonly path: string;
  readonly pem: string;
}

/** What we show of ourselves where a server asks for a certificate. */
export interface ClientIdentity {
  readonly certificate: PemFile;
  readonly privateKey: Omit<PemFile, 'pem'> & { readonly pem: Secret };
  readonly passphrase?: Secret | undefined;
  /** Origins (`https://host:port` as URL.origin has it, or a hop's URL) that may see it; no other does, redirects included. */
  readonly origins: readonly string[];
}

/** Trust of one purpose or proxy; empty means the bundled roots, any of their keys, and no certificate of ours. */
export interface TlsTrust {
  readonly ca?: PemFile | undefined;
  readonly client?: ClientIdentity | undefined;
  /** `sha256/` and base64; one of them must be in the chain. */
  readonly pins?: readonly string[] | undefined;
}

/**
 * What is offered to a target: suites with authenticated encryption alone (AEAD). A server that chooses is not asked to
 * choose well: some of those that have both prefer the older ones.
 */
export const AEAD_SUITES =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:' +
  'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:AESGCM:AESCCM:!aNULL:!eNULL:!PSK:!SRP';

/** What one leg may be spoken with: a proxy itself also with older suites (`any`), which is told as a warning. */
export type Suites = 'aead' | 'any';

/** Makes contexts, each once: parsing a hundred and fifty roots costs some milliseconds. */
export class TrustContexts {
  readonly #trust: TlsTrust;
  readonly #suites: Suites;
  #plain: SecureContext | null = null;
  #identified: SecureContext | null = null;

  constructor(trust: TlsTrust, suites: Suites = 'aead') {
    this.#trust = trust;
    this.#suites = suites;
  }

  /** Whom the contexts trust, in words. */
  get expected(): string {
    const { ca } = this.#trust;
    return ca === undefined ? 'a public CA built into the program' : `a CA in ${ca.key}`;
  }

  get pins(): readonly string[] {
    return this.#trust.pins ?? [];
  }

  /** @throws CodedError TLS-FILE when a text of the trust can't be used */
  contextFor(origin: string): SecureContext {
    const { client } = this.#trust;
    if (client?.origins.includes(origin)) {
      this.#identified ??= createContext({ ca: this.#trust.ca, client, suites: this.#suites });
      return this.#identified;
    }
    this.#plain ??= createContext({ ca: this.#trust.ca, client: undefined, suites: this.#suites });
    return this.#plain;
  }
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

function createContext({ ca, client, suites }: TlsTrust & { readonly suites: Suites }): SecureContext {
  const trusted = ca === undefined ? [...rootCertificates] : certificatesOf(ca);
  const own = client === undefined ? {} : identityOf(client);
  const offered = suites === 'aead' ? { ciphers: AEAD_SUITES } : {};
  return createSecureContext({ minVersion: 'TLSv1.2', ca: trusted, ...offered, ...own });
}

/** OpenSSL would skip what it can't read and trust less, or nothing, without a word. */
function certificatesOf(file: PemFile): string[] {
  const blocks = file.pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw unusable(file, 'it contains no certificate');
  for (const block of blocks) usable(file, () => new X509Certificate(block));
  return [...blocks];
}

/** Certificate and key are tried apart, so that the failure names the right file. */
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
