// The times at which the certificates in the configuration expire: our own, and those that it trusts.
//
// Guarantees: a file that cannot be read or parsed is left out and never makes the metrics fail. The connection that
// needs the file reports it. Files are read again after ten minutes, or when the settings change.

import { X509Certificate } from 'node:crypto';
import type { Settings } from '#config/settings.ts';
import type { Trusts } from '#daemon/reload/read-trust.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import type { Clock } from '#system/clock.ts';

const READ_AGAIN_MS = 600_000;

/** The certificate of one file that ends first. */
export interface CertificateEnd {
  /** The purpose, or the name of the proxy profile. */
  readonly of: { readonly kind: 'purpose' | 'proxy'; readonly name: string };
  readonly use: 'ca' | 'client' | 'interception';
  readonly endsMs: number;
}

export class CertificateEnds {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #read: (settings: Settings) => Promise<Trusts>;
  #known: { readonly settings: Settings; readonly atMs: number; readonly ends: readonly CertificateEnd[] } | null =
    null;

  constructor(clock: Pick<Clock, 'monotonic'>, read: (settings: Settings) => Promise<Trusts>) {
    this.#clock = clock;
    this.#read = read;
  }

  async of(settings: Settings): Promise<readonly CertificateEnd[]> {
    const known = this.#known;
    const now = this.#clock.monotonic();
    if (known?.settings === settings && now - known.atMs < READ_AGAIN_MS) return known.ends;
    const ends = await this.#read(settings).then(endsOf, () => []);
    this.#known = { settings, atMs: now, ends };
    return ends;
  }
}

function endsOf({ purposes, proxies }: Trusts): CertificateEnd[] {
  return [
    ...Object.entries(purposes).flatMap(([name, trust]) => endsIn(trust, { kind: 'purpose', name })),
    ...[...proxies].flatMap(([name, trust]) => endsIn(trust, { kind: 'proxy', name })),
  ];
}

function endsIn({ ca, client, interception }: TlsTrust, of: CertificateEnd['of']): CertificateEnd[] {
  const files = [
    ['ca', ca?.pem],
    ['client', client?.certificate.pem],
    ['interception', interception?.ca.pem],
  ] as const;
  return files.flatMap(([use, pem]) => {
    const endsMs = pem === undefined ? null : firstEnd(pem);
    return endsMs === null ? [] : [{ of, use, endsMs }];
  });
}

/** When the first of these certificates ends, in ms since the epoch; null if there is none. */
function firstEnd(pem: string): number | null {
  const ends = [...pem.matchAll(CERTIFICATE)].flatMap(([text]) => {
    try {
      return [new X509Certificate(text).validToDate.getTime()];
    } catch {
      return [];
    }
  });
  return ends.length === 0 ? null : Math.min(...ends);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
