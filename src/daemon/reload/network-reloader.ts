// The router that the rest of the program uses. When the settings change, the whole router is replaced.
//
// A reload first reads the certificate files and builds the new router (verify), and then replaces the old one
// (commit). Open connections continue. A caller that must not use the old route ends its connections with `rerouted`.
// The new router keeps the credential guard, the pauses after failures of a proxy, and the facts that were learned
// about proxies.

import { changesOf } from '#config/following/changes.ts';
import type { CommitReport, Reloadable } from '#config/following/reload.ts';
import type { Environment } from '#config/places.ts';
import { effectsOfPurposes } from '#config/purpose-settings.ts';
import { byPurpose, PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { changedRoutes } from '#proxy/choosing/changed-routes.ts';
import { environmentCandidates } from '#proxy/choosing/environment-candidates.ts';
import { ProxyCooldown } from '#proxy/choosing/failover.ts';
import type { CandidateSource } from '#proxy/hop.ts';
import { HopMemories } from '#proxy/hop-memory.ts';
import { PacCandidates } from '#proxy/pac/candidates.ts';
import type { Route, Router } from '#proxy/route.ts';
import { createRouter } from '#proxy/router.ts';
import { expiringAuthority, Interceptions, type PermittedInterception } from '#proxy/tls/interceptions.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import type { Clock } from '#system/clock.ts';
import { pacFetch } from './pac-fetch.ts';
import { changedContents, readTrusts, type Trusts } from './read-trust.ts';

interface NetworkParts {
  readonly clock: Clock;
  /** Limits how long a connection takes to open; `clock` where it is missing. */
  readonly connectionClock?: Clock;
  /** Reads the certificate files that the settings name. */
  readonly readTrusts?: typeof readTrusts;
  readonly known: KnownSecrets;
  readonly report: Report;
  readonly credentialGuard: CredentialGuard;
  readonly userAgent: string;
  /** Where profiles with the scheme `environment` get their proxies from. */
  readonly environment: Environment;
  /** New settings changed the route of this purpose. */
  routeChanged?(purpose: Purpose): void;
}

/** A router for settings that are only tested. Defaults: as for the active ones. */
interface TriedRouter {
  readonly tickets?: boolean;
  readonly known?: KnownSecrets;
}

/** Keys that take effect with the next connection. */
const TAKEN: Readonly<Record<string, Effect>> = {
  proxy_enabled: 'next_transfer',
  proxy_required: 'next_transfer',
  rejected_credential_retry_hours: 'next_transfer',
  proxies: 'next_transfer',
  use_proxy_for: 'next_transfer',
  ...effectsOfPurposes(['ca_file', 'client_certificate', 'pins']),
  ...effectsOfPurposes(['allow_interception_by', 'send_tokens_when_intercepted', 'accept_readable']),
  'response_timeout.connect_timeout_ms': 'next_transfer',
  'response_timeout.tunnel_timeout_ms': 'next_transfer',
  'response_timeout.tls_timeout_ms': 'next_transfer',
};

/** The server of `pac.url` is verified with the built-in CAs only, for every purpose. */
const PAC_REMEDY = 'copy the PAC file to this host and set pac.file instead of pac.url';

/** The parts that are made from settings. */
interface Network {
  readonly router: Router;
  /** A router with direct routes only, used for PAC files and nothing else. */
  readonly direct: Router;
  readonly trusts: Trusts;
  readonly permitted: ReadonlyMap<Purpose, Omit<PermittedInterception, 'last'>>;
}

/** Routes by the active settings. */
export class NetworkReloader implements Router, Reloadable {
  readonly name = 'network';
  readonly #parts: NetworkParts;
  readonly #coolDown: ProxyCooldown;
  readonly #memories: HopMemories;
  readonly #interceptions = new Interceptions();
  readonly #pac: PacCandidates;
  readonly #environment: CandidateSource;
  #candidate: Network | null = null;
  #current: Network | null = null;
  readonly #rerouted = new Map<Purpose, AbortController>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
    this.#coolDown = new ProxyCooldown(parts.clock);
    this.#memories = new HopMemories(parts.clock);
    const router = () => this.#effective.direct;
    this.#pac = new PacCandidates({ ...parts, fetch: pacFetch({ ...parts, router }) });
    this.#environment = environmentCandidates(parts.environment);
  }

  route(purpose: Purpose, target: URL): Route {
    return this.#effective.router.route(purpose, target);
  }

  /** Aborted with ROUTE-CHANGED when new settings change the route of this purpose. */
  rerouted(purpose: Purpose): AbortSignal {
    const controller = this.#rerouted.get(purpose) ?? new AbortController();
    this.#rerouted.set(purpose, controller);
    return controller.signal;
  }

  get #effective(): Network {
    if (this.#current === null) throw coded('INTERNAL', { reason: 'a route was asked for before any settings' });
    return this.#current;
  }

  /** What each purpose permits a proxy to decrypt, by the active settings. */
  permittedInterception(purpose: Purpose): PermittedInterception | null {
    const permitted = this.#effective.permitted.get(purpose);
    return permitted === undefined ? null : { ...permitted, last: this.#interceptions.of(purpose) };
  }

  /** @throws CodedError TLS-FILE */
  async verify(_from: Settings | null, to: Settings): Promise<void> {
    this.#candidate = await this.#build(to, { report: this.#parts.report, isTried: false });
  }

  /**
   * A router for settings that need not be active, with the credential guard and the rest periods of the active one.
   * It sends its events to `report`. Without `tickets` it uses no Kerberos ticket. Secrets derived from passwords are
   * registered in `known`.
   * @throws CodedError TLS-FILE
   */
  async routerFor(settings: Settings, report: Report, options: TriedRouter = {}): Promise<Router> {
    return (await this.#build(settings, { report, isTried: true, ...options })).router;
  }

  async #build(to: Settings, how: TriedRouter & { report: Report; isTried: boolean }): Promise<Network> {
    const { report, isTried, tickets = true, known = this.#parts.known } = how;
    const parts = { ...this.#parts, clock: this.#parts.connectionClock ?? this.#parts.clock };
    const trusts = await (parts.readTrusts ?? readTrusts)(to);
    for (const trust of [...Object.values(trusts.purposes), ...trusts.proxies.values()]) await checkTrust(trust);
    const { purposes, proxies } = trusts;
    const router = createRouter({
      ...parts,
      known,
      report,
      isTried,
      ...(tickets ? {} : { loadKerberos: noTickets }),
      coolDown: this.#coolDown,
      memories: this.#memories,
      interceptions: isTried ? new Interceptions() : this.#interceptions,
      sources: { pac: this.#pac.source(to), environment: this.#environment },
      settings: to,
      tls: purposes,
      proxyTls: proxies,
    });
    const direct = createRouter({
      ...parts,
      settings: { ...to, proxy_enabled: false, proxy_required: false, proxies: [] },
      tls: byPurpose(() => ({})),
      trustRemedy: PAC_REMEDY,
    });
    return { router, direct, trusts, permitted: await readPermitted(trusts) };
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    const [before, now] = [this.#current, this.#candidate ?? this.#current];
    this.#current = now;
    this.#candidate = null;
    const expiring = expiringAuthority([...(now?.permitted.values() ?? [])], this.#parts.clock.now());
    if (expiring !== null) this.#parts.report({ name: 'interception-ca-expires', ...expiring });
    for (const purpose of from === null ? [] : changedRoutes(from, to)) {
      const controller = this.#rerouted.get(purpose);
      this.#rerouted.delete(purpose);
      this.#parts.routeChanged?.(purpose);
      controller?.abort(coded('ROUTE-CHANGED', { purpose }));
    }
    const changes = changesOf(from, to, TAKEN);
    const contents = from === null ? [] : contentsBetween(before, now);
    const added = contents.filter((name) => !changes.some(({ key }) => name.startsWith(key)));
    return Promise.resolve({
      changes: [...changes, ...added.map((key) => ({ key, effect: 'next_transfer' as const }))],
    });
  }
}

async function readPermitted({ purposes }: Trusts): Promise<Network['permitted']> {
  const permitted = new Map<Purpose, Omit<PermittedInterception, 'last'>>();
  for (const purpose of PURPOSES) {
    const { interception } = purposes[purpose];
    if (interception === undefined) continue;
    const { describeAuthorities, interceptionAuthorities } = await import('#proxy/tls/interception.ts');
    const { ca, withheld } = interception;
    const authorities = describeAuthorities(interceptionAuthorities(ca));
    permitted.set(purpose, { key: ca.key, path: ca.path, authorities, withheld });
  }
  return permitted;
}

/** For callers that may not use the service's tickets. */
function noTickets(): Promise<never> {
  return Promise.reject(new Error('settings that are only tried may not use a ticket of the service'));
}

/**
 * Parses it now, so that a bad file is reported at once and not at the first connection. Node's own roots are left
 * for later: reading them is a large part of the start.
 */
async function checkTrust(trust: TlsTrust): Promise<void> {
  if (trust.ca === undefined && trust.client === undefined && trust.interception === undefined) return;
  const { TrustContexts } = await import('#proxy/tls/trust.ts');
  new TrustContexts(trust).contextFor(trust.client?.origins[0] ?? '');
}

function contentsBetween(before: Network | null, now: Network | null): string[] {
  return before === null || now === null ? [] : changedContents(before.trusts, now.trusts);
}
