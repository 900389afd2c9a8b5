// The router: purpose and target in, a `Route` out, and lanes from it. The only door to the network (law 1).
//
// Guarantees: a route is chosen by `choice.ts` alone and never changes by itself; a credential goes to its own proxy
// only; every attempt that opens a lane reports it; a failed or aborted `open` leaves no socket, no timer and no
// credential under way. After `open` has returned, the lane is the caller's: only `release` ends it.

import type { Socket } from 'node:net';
import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import type { Ledger } from './auth/ledger.ts';
import { type Login, openLogin } from './auth/login.ts';
import type { SecretRegistry } from './auth/scheme.ts';
import { chooseProxy, type ProxyProfile, type ProxySettings } from './choice.ts';
import { type Dialled, dial } from './dial.ts';
import { forwardLane, originLane } from './lane.ts';
import type { HopFacts, Lane, Purpose, Route, Router, Travel } from './route.ts';
import type { TlsTrust, TrustContexts } from './trust.ts';

/** The part of the settings that the way out depends on. */
export interface RouterSettings extends ProxySettings {
  readonly rejected_credential_retry_hours: number;
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

const HOUR_MS = 3_600_000;

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
  parts.ledger.introduce(
    parts.settings.proxies.flatMap((profile) => {
      const { password } = profile;
      if (password === undefined) return [];
      return [{ secret: password.reveal(), revision: password.revision, proxyUrl: proxyUrlOf(profile) }];
    }),
  );
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
    const { ledger, known, settings } = this.#parts;
    const retryMs = settings.rejected_credential_retry_hours * HOUR_MS;
    const { proxyUrl, hop } = facts;
    const login = await openLogin({ profile: proxy, proxyUrl, hop, ledger, known, retryMs, signal: options.signal });
    try {
      return facts.how === 'forward'
        ? await this.#openForward(proxy, login, options)
        : await this.#openTunnel(proxy, login, options);
    } catch (error) {
      login.unknown();
      throw error;
    }
  }

  async #openForward(proxy: ProxyProfile, login: Login, options: OpenOptions): Promise<Lane> {
    const { facts, target } = this.#chosen;
    if (login.startsAlone) {
      const dialled = await this.#dial(proxy.address, proxy.port, options);
      await this.#readied(dialled.socket, login.readyAlone());
      return forwardLane(facts, { ...dialled, login });
    }
    const { openForward } = await import('./forward.ts');
    const { socket } = await this.#dial(proxy.address, proxy.port, { ...options, bulk: false });
    const ready = await openForward(socket, target, this.#handshakeOptions(proxy, login, options));
    return forwardLane(facts, { socket: ready, bulk: null, login });
  }

  async #openTunnel(proxy: ProxyProfile, login: Login, options: OpenOptions): Promise<Lane> {
    const { socket } = await this.#dial(proxy.address, proxy.port, { ...options, bulk: false });
    // What only a tunnel needs is loaded with the first tunnel: Node's HTTP and TLS cost 20 MiB and 40 ms.
    const { openTunnel } = await this.#readied(socket, import('./tunnel.ts'));
    const tunnel = await openTunnel(socket, this.#handshakeOptions(proxy, login, options));
    return this.#originLane({ socket: tunnel, bulk: null }, options.signal);
  }

  /** What has to go well before the socket is of use; else it is gone. */
  async #readied<T>(socket: Socket, ready: Promise<T>): Promise<T> {
    try {
      return await ready;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  #handshakeOptions(proxy: ProxyProfile, login: Login, { signal }: OpenOptions) {
    return {
      authority: this.#chosen.endpoint.authority,
      login,
      userAgent: this.#parts.userAgent ?? null,
      timeoutMs: this.#parts.settings.response_timeout.tunnel_timeout_ms,
      clock: this.#parts.clock,
      signal,
      redial: async () => (await this.#dial(proxy.address, proxy.port, { bulk: false, signal })).socket,
    };
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
  return endpoint.forwardable && proxy.tunnel_http !== true ? 'forward' : 'tunnel';
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
