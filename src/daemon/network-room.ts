// The one door as the rest of the house holds it: a router that is replaced as a whole when the settings change.
//
// Verifying reads the certificate files and builds the new router; committing swaps it in. Lanes that are open go on
// as they were. The ledger of rejected credentials and the rests of proxies outlive every router.

import { changesOf } from '#config/changes.ts';
import { readBounded } from '#config/read-bounded.ts';
import type { CommitReport, Reloadable } from '#config/reload.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Ledger } from '#proxy/auth/ledger.ts';
import { CoolDown } from '#proxy/failover.ts';
import type { Purpose, Route, Router } from '#proxy/route.ts';
import { createRouter } from '#proxy/router.ts';
import type { PemFile, TlsTrust } from '#proxy/trust.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { Secret } from '#redaction/secret.ts';
import type { Clock } from '#system/clock.ts';

/** A bundle of every public root has some 250 KB. */
const PEM_LIMIT_BYTES = 4_194_304;

interface NetworkParts {
  readonly clock: Clock;
  readonly known: KnownSecrets;
  readonly report: Report;
  readonly ledger: Ledger;
  readonly userAgent: string;
}

/** Keys that every new lane goes by. */
const TAKEN: Readonly<Record<string, Effect>> = {
  proxy_enabled: 'next_transfer',
  proxy_required: 'next_transfer',
  rejected_credential_retry_hours: 'next_transfer',
  proxies: 'next_transfer',
  use_proxy_for: 'next_transfer',
  'updates.ca_file': 'next_transfer',
  'updates.client_certificate': 'next_transfer',
  'response_timeout.connect_timeout_ms': 'next_transfer',
  'response_timeout.tunnel_timeout_ms': 'next_transfer',
  'response_timeout.tls_timeout_ms': 'next_transfer',
};

/** What settings become. */
interface Network {
  readonly router: Router;
  readonly updates: TlsTrust;
}

/** Routes by the settings in force. */
export class NetworkRoom implements Router, Reloadable {
  readonly name = 'network';
  readonly #parts: NetworkParts;
  readonly #coolDown: CoolDown;
  #candidate: Network | null = null;
  #current: Network | null = null;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
    this.#coolDown = new CoolDown(parts.clock);
  }

  route(purpose: Purpose, target: URL): Route {
    if (this.#current === null) throw coded('INTERNAL', { reason: 'a route was asked for before any settings' });
    return this.#current.router.route(purpose, target);
  }

  /** @throws CodedError TLS-FILE */
  async verify(_from: Settings | null, to: Settings): Promise<void> {
    const updates = await readTrust(to);
    // Parsed here, so that a bad file is told now and not with the first connection. Node's own roots can wait for that:
    // reading them is a good part of a start.
    if (updates.ca !== undefined || updates.client !== undefined) {
      const { TrustContexts } = await import('#proxy/trust.ts');
      new TrustContexts(updates).contextFor(updates.client?.origins[0] ?? '');
    }
    const router = createRouter({
      ...this.#parts,
      coolDown: this.#coolDown,
      settings: to,
      tls: { updates, support_logs: {}, exposure_analytics: {}, platform: {} },
    });
    this.#candidate = { router, updates };
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    const [before, now] = [this.#current, this.#candidate ?? this.#current];
    this.#current = now;
    this.#candidate = null;
    const changes = changesOf(from, to, TAKEN);
    const contents = from === null ? [] : changedContents(before?.updates ?? {}, now?.updates ?? {});
    const added = contents.filter((name) => !changes.some(({ key }) => name.startsWith(key)));
    return Promise.resolve({
      changes: [...changes, ...added.map((key) => ({ key, effect: 'next_transfer' as const }))],
    });
  }
}

/** Keys whose file holds another text than before, whether or not it is another file. */
function changedContents(before: TlsTrust, now: TlsTrust): string[] {
  const [old, files] = [pemFiles(before), pemFiles(now)];
  return [...files].flatMap(([key, text]) => (old.get(key)?.equals(text) === false ? [key] : []));
}

function pemFiles({ ca, client }: TlsTrust): Map<string, Secret> {
  const files = new Map<string, Secret>();
  for (const file of [ca, client?.certificate]) if (file !== undefined) files.set(file.key, new Secret(file.pem));
  if (client !== undefined) files.set(client.privateKey.key, client.privateKey.pem);
  return files;
}

/** Trust for "updates": exactly `ca_file` where it is set; our certificate is shown to the feed's origin alone. */
async function readTrust({ updates }: Settings): Promise<TlsTrust> {
  const { ca_file: caFile, client_certificate: client, feed_url: feedUrl } = updates;
  const ca = caFile === undefined ? {} : { ca: await readPem('updates.ca_file', caFile) };
  if (client === undefined || feedUrl === undefined) return ca;
  const certificate = await readPem('updates.client_certificate.certificate_file', client.certificate_file);
  const { pem, ...key } = await readPem('updates.client_certificate.key_file', client.key_file);
  const privateKey = { ...key, pem: new Secret(pem) };
  const { passphrase } = client;
  return { ...ca, client: { certificate, privateKey, passphrase, origins: [new URL(feedUrl).origin] } };
}

async function readPem(key: string, path: string): Promise<PemFile> {
  const read = await readBounded(path, PEM_LIMIT_BYTES);
  if (!read.ok) throw coded('TLS-FILE', { key, path, reason: read.reason });
  return { key, path, pem: Buffer.from(read.bytes).toString('utf8') };
}
