// The router: purpose and target in, a `Route` out, and lanes from it. The only door to the network (law 1).
//
// Guarantees: a route is chosen by `choice.ts` alone and never changes by itself; a credential goes to its own proxy
// only; every attempt that opens a lane reports it; a failed or aborted `open` leaves no socket, no timer and no
// credential under way. After `open` has returned, the lane is the caller's: only `release` ends it.

import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import { type Credential, credentialOf, type SecretRegistry } from './auth/basic.ts';
import type { Attempt, Ledger } from './auth/ledger.ts';
import { chooseProxy, type ProxyProfile, type ProxySettings } from './choice.ts';
import { type Dialled, dial } from './dial.ts';
import { forwardLane, originLane } from './lane.ts';
import type { HopFacts, Lane, Purpose, Route, Router, Travel } from './route.ts';
import type { TlsTrust, TrustContexts } from './trust.ts';
import { type AskedProxy, rejected } from './verdict.ts';

/** The part of the settings that the way out depends on. */
export interface RouterSettings extends ProxySettings {
  readonly response_timeout: {
    readonly connect_timeout_ms: number;
    readonly tunnel_timeout_ms: number;
    readonly tls_timeout_ms: number;
  };
}

export interface RouterParts {
  readonly settings: RouterSettings;
  readonly clock: Clock;
  /** Whom TLS to the targets of each purpose trusts. */
  readonly tls: Readonly<Record<Purpose, TlsTrust>>;
  /** One for the process, so that a new router after a reload knows what was rejected. */
  readonly ledger: Ledger;
  readonly known: SecretRegistry;
  readonly report: Report;
  /** Named to proxies on CONNECT, so that their logs tell who it was; `Sallyport/1.0.0`. */
  readonly userAgent?: string;
}

interface OpenOptions {
  readonly bulk: boolean;
  readonly signal: AbortSignal;
}

/** What a URL means for the way out. */
interface Endpoint {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as CONNECT and Host want it; IPv6 in brackets. */
  readonly authority: string;
  readonly tls: boolean;
  /** Whether a proxy can be asked for it in absolute form. */
  readonly forwardable: boolean;
}

const SCHEMES: Readonly<Record<string, { port: number; tls: boolean; forwardable: boolean }>> = {
  'http:': { port: 80, tls: false, forwardable: true },
  'https:': { port: 443, tls: true, forwardable: false },
  // A WebSocket needs a tunnel in either form: forwarding proxies drop Upgrade.
  'ws:': { port: 80, tls: false, forwardable: false },
  'wss:': { port: 443, tls: true, forwardable: false },
};

export function createRouter(parts: RouterParts): Router {
  const contexts = new Map<Purpose, TrustContexts>();
  return {
    route(purpose, target) {
      const endpoint = endpointOf(target);
      const { proxy, reasons } = chooseProxy(purpose, endpoint, parts.settings);
      const how = travelOf(proxy, endpoint);
      const proxyUrl = proxy === null ? 'direct' : proxyUrlOf(proxy);
      const facts = hopFacts(proxy, endpoint, how);
      const opener = new Opener(parts, { purpose, target, endpoint, proxy, facts, contexts });
      return {
        purpose,
        target,
        proxy: proxy?.name ?? null,
        proxyUrl,
        how,
        reasons,
        open: (options) => opener.open(options),
      } satisfies Route;
    },
  };
}

interface Chosen {
  readonly purpose: Purpose;
  readonly target: URL;
  readonly endpoint: Endpoint;
  readonly proxy: ProxyProfile | null;
  readonly facts: HopFacts;
  /** Shared by all routes of a router. */
  readonly contexts: Map<Purpose, TrustContexts>;
}

/** Opens the lanes of one route. */
class Opener {
  readonly #parts: RouterParts;
  readonly #chosen: Chosen;

  constructor(parts: RouterParts, chosen: Chosen) {
    this.#parts = parts;
    this.#chosen = chosen;
  }

  async open(options: OpenOptions): Promise<Lane> {
    options.signal.throwIfAborted();
    const { proxy, facts } = this.#chosen;
    const lane = proxy === null ? await this.#openDirect(options) : await this.#openThrough(proxy, options);
    const { host, port, how } = facts;
    this.#parts.report(
      proxy === null
        ? { name: 'connected-direct', host, port }
        : { name: 'connected', host, port, proxy: proxy.name, how },
    );
    return lane;
  }

  async #openDirect(options: OpenOptions): Promise<Lane> {
    const { endpoint } = this.#chosen;
    const dialled = await this.#dial(endpoint.host, endpoint.port, { ...options, bulk: options.bulk && !endpoint.tls });
    return this.#originLane(dialled, options.signal);
  }

  async #openThrough(proxy: ProxyProfile, options: OpenOptions): Promise<Lane> {
    const { facts } = this.#chosen;
    const credential = credentialOf(proxy, this.#parts.known);
    const { name, authentication } = proxy;
    const asked: AskedProxy = { name, hop: facts.hop, authentication, user: credential?.user ?? null };
    const attempt = await this.#admit(credential, asked, options.signal);
    try {
      const forward = facts.how === 'forward';
      const dialled = await this.#dial(proxy.address, proxy.port, { ...options, bulk: options.bulk && forward });
      if (forward) return forwardLane(facts, { ...dialled, asked, credential, attempt });
      return await this.#openTunnel(dialled, { asked, credential, attempt, signal: options.signal });
    } catch (error) {
      attempt?.unknown();
      throw error;
    }
  }

  async #openTunnel(
    dialled: Dialled,
    how: { asked: AskedProxy; credential: Credential | null; attempt: Attempt | null; signal: AbortSignal },
  ): Promise<Lane> {
    try {
      // What only a tunnel needs is loaded with the first tunnel: Node's HTTP and TLS cost 20 MiB and 40 ms.
      const { openTunnel } = await import('./tunnel.ts');
      await openTunnel(dialled.socket, {
        ...how,
        authority: this.#chosen.endpoint.authority,
        userAgent: this.#parts.userAgent ?? null,
        timeoutMs: this.#parts.settings.response_timeout.tunnel_timeout_ms,
        clock: this.#parts.clock,
      });
    } catch (error) {
      dialled.socket.destroy();
      throw error;
    }
    return this.#originLane(dialled, how.signal);
  }

  /** TLS where the target wants it; on a failure the connection is gone. */
  async #originLane({ socket, bulk }: Dialled, signal: AbortSignal): Promise<Lane> {
    const { endpoint, facts, target } = this.#chosen;
    if (!endpoint.tls) return originLane(facts, { socket, under: socket, bulk });
    try {
      const { secure } = await import('./tls.ts');
      const secured = await secure(socket, endpoint, {
        context: (await this.#contexts()).contextFor(target.origin),
        timeoutMs: this.#parts.settings.response_timeout.tls_timeout_ms,
        clock: this.#parts.clock,
        signal,
      });
      return originLane(facts, { socket: secured, under: socket, bulk: null });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async #contexts(): Promise<TrustContexts> {
    const { TrustContexts } = await import('./trust.ts');
    const { contexts, purpose } = this.#chosen;
    const known = contexts.get(purpose) ?? new TrustContexts(this.#parts.tls[purpose]);
    contexts.set(purpose, known);
    return known;
  }

  async #admit(credential: Credential | null, asked: AskedProxy, signal: AbortSignal): Promise<Attempt | null> {
    if (credential === null) return null;
    const attempt = await this.#parts.ledger.admit(this.#chosen.facts.proxyUrl, credential, signal);
    if (attempt === null) throw rejected(asked);
    return attempt;
  }

  #dial(host: string, port: number, options: OpenOptions): Promise<Dialled> {
    const { proxy, facts } = this.#chosen;
    return dial(
      { host, port, proxy: proxy?.name ?? null, hop: facts.hop },
      {
        ...options,
        timeoutMs: this.#parts.settings.response_timeout.connect_timeout_ms,
        clock: this.#parts.clock,
      },
    );
  }
}

function endpointOf(target: URL): Endpoint {
  const scheme = SCHEMES[target.protocol];
  if (scheme === undefined || target.hostname === '') {
    const reason = scheme === undefined ? 'it is neither http, https, ws nor wss' : 'it names no host';
    throw coded('URL-INVALID', { url: `${target.protocol}//${target.host}`, reason });
  }
  const port = target.port === '' ? scheme.port : Number(target.port);
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  return { ...scheme, host, port, authority: `${target.hostname}:${port}` };
}

function travelOf(proxy: ProxyProfile | null, endpoint: Endpoint): Travel {
  if (proxy === null) return 'direct';
  return endpoint.forwardable ? 'forward' : 'tunnel';
}

function hopFacts(proxy: ProxyProfile | null, { host, port }: Endpoint, how: Travel): HopFacts {
  if (proxy === null) return { proxy: null, proxyUrl: 'direct', how, host, port, hop: `${host}:${port}` };
  const hop = `proxy ${proxy.name} (${hostPort(proxy)})`;
  return { proxy: proxy.name, proxyUrl: proxyUrlOf(proxy), how, host, port, hop };
}

function proxyUrlOf(proxy: ProxyProfile): string {
  return `${proxy.scheme}://${hostPort(proxy)}`;
}

function hostPort({ address, port }: ProxyProfile): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
