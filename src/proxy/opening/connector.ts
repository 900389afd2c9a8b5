// Opens a connection to one proxy, or to the target itself (a candidate). All outgoing connections are opened here.
//
// Guarantees: a credential goes only to its own proxy. An http URL that names this host connects only to loopback
// (`loopback.ts`). A failed or aborted opening leaves no socket, no timer and no pending credential, and its failure
// names the steps that succeeded. A returned connection belongs to the caller.

import type { Socket } from 'node:net';
import type { Purpose } from '#config/purposes.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import { type AuthSession, openAuthSession } from '#proxy/auth/auth-session.ts';
import type { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { KerberosLoader } from '#proxy/auth/schemes/negotiate.ts';
import type { SecretRegistry } from '#proxy/auth/schemes/scheme.ts';
import { ConnectObserver } from '#proxy/connect-observer.ts';
import { connectModeThrough, type Endpoint } from '#proxy/endpoint.ts';
import type { Candidate, ProxyHop } from '#proxy/hop.ts';
import type { HopMemories, HopMemory } from '#proxy/hop-memory.ts';
import { refuseElsewhere } from '#proxy/loopback.ts';
import type { Connection, HopFacts, ProxyProbes, ResponseHead } from '#proxy/route.ts';
import type { TrustStore } from '#proxy/tls/trust-store.ts';
import { type Clock, MAX_TIMER_MS } from '#system/clock.ts';
import { forwardConnection, originConnection } from './connection.ts';
import { type DialResult, type DialTarget, dial } from './dial.ts';
import { type Secured, secure, shownBy, type TlsBounds, type TlsUpgrade } from './secured.ts';
import type { SocksScheme } from './socks.ts';
import { probesOf } from './witness-probe.ts';

export interface ConnectorParts {
  readonly timeouts: {
    readonly connect_timeout_ms: number;
    readonly tunnel_timeout_ms: number;
    readonly tls_timeout_ms: number;
  };
  /** Whether target names may be resolved here for a proxy that takes only addresses. */
  readonly mayResolve: boolean;
  /** How long a rejected credential that had worked waits, in milliseconds; 0 for permanently. */
  readonly credentialRetryMs: number;
  readonly clock: Clock;
  readonly trusts: TrustStore;
  /** How to make a target's own CA trusted, if not by the `ca_file` of its purpose. */
  readonly trustRemedy?: string;
  readonly memories: HopMemories;
  readonly credentialGuard: CredentialGuard;
  readonly known: SecretRegistry;
  readonly userAgent: string | null;
  readonly loadKerberos?: KerberosLoader;
  /** A proxy responded to a request in absolute form, or closed the connection without a response. */
  readonly onAnswered: (hop: ProxyHop, answered: boolean) => void;
  /** TLS to a proxy itself uses a cipher suite without authenticated encryption. */
  readonly onWeakTls: (hop: ProxyHop, error: CodedError) => void;
  /** TLS to the target is established. `by` is the CA of a proxy that decrypts it, or null. */
  readonly onTls: (tls: {
    readonly by: string | null;
    readonly proxy: string | null;
    readonly authority: string;
    readonly withheld: readonly string[];
  }) => void;
}

/** The target, and the purpose of the connection. */
export interface Destination {
  readonly purpose: Purpose;
  readonly target: URL;
  readonly endpoint: Endpoint;
}

type SocksHop = ProxyHop & { readonly scheme: SocksScheme };

/** A refusal in absolute form, and the options that the connection was opened with. */
interface Refused {
  readonly head: ResponseHead;
  readonly url: string;
  readonly options: ConnectionOptions;
}

interface ConnectionOptions {
  readonly bulk: boolean;
  readonly isTransfer?: boolean;
  readonly signal: AbortSignal;
  readonly observer: ConnectObserver;
}

export class Connector {
  readonly #parts: ConnectorParts;
  readonly #destination: Destination;

  constructor(parts: ConnectorParts, destination: Destination) {
    this.#parts = parts;
    this.#destination = destination;
  }

  open(candidate: Candidate, asked: ConnectionOptions): Promise<Connection> {
    const options = { ...asked, isTransfer: asked.bulk };
    return candidate.kind === 'direct' ? this.#openDirect(options) : this.#openThrough(candidate.hop, options);
  }

  async #openDirect(options: ConnectionOptions): Promise<Connection> {
    const { host, port, tls } = this.#destination.endpoint;
    const hop = originAt(`${host}:${port}`);
    const dialled = await this.#dial({ host, port, proxy: null, hop }, { ...options, bulk: options.bulk && !tls });
    return await this.#originConnection(
      dialled,
      { proxy: null, proxyUrl: 'direct', how: 'direct', host, port, hop },
      options,
    );
  }

  async #openThrough(hop: ProxyHop, options: ConnectionOptions): Promise<Connection> {
    const { credentialGuard, known, credentialRetryMs: retryMs, loadKerberos } = this.#parts;
    const { signal } = options;
    const mode = connectModeThrough(hop.profile, hop.scheme, this.#destination.endpoint);
    const forwardOrigin = mode === 'forward' ? this.#destination.target.origin : null;
    const tickets = loadKerberos === undefined ? {} : { loadKerberos };
    const sessionParts = { hop, credentialGuard, known, retryMs, forwardOrigin, signal, ...tickets };
    const authSession = await options.observer.attribute('authentication', () => openAuthSession(sessionParts));
    try {
      return mode === 'forward'
        ? await this.#openForward(hop, authSession, options)
        : await this.#openTunnel(hop, authSession, options);
    } catch (error) {
      authSession.unknown();
      throw error;
    }
  }

  async #openForward(hop: ProxyHop, authSession: AuthSession, options: ConnectionOptions): Promise<Connection> {
    const ready = await this.#readyForward(hop, authSession, options);
    const { localAddress } = ready.socket;
    const facts = { ...this.#factsOf(hop, 'forward'), localAddress, passed: options.observer.passed };
    const onAnswered = (answered: boolean) => this.#parts.onAnswered(hop, answered);
    const checkRefusal = (head: ResponseHead, url: string) =>
      this.#checkRefusal(hop, authSession, { head, url, options });
    const memory = this.#memoryOf(hop);
    const probes = this.#probesOf(hop, ready.socket);
    return forwardConnection(facts, { ...ready, authSession, onAnswered, memory, checkRefusal, probes });
  }

  /**
   * Checks a refusal that a server behind the proxy may have sent. Uses port 443, because many proxies open tunnels to
   * no other port.
   */
  async #checkRefusal(hop: ProxyHop, authSession: AuthSession, refused: Refused): Promise<CodedError> {
    const { host, authority } = this.#destination.endpoint;
    // These steps are not reported: they are not part of the connection that the caller requested.
    const options = { ...refused.options, bulk: false, observer: new ConnectObserver(this.#parts.clock, undefined) };
    const connect = async (byConnect: AuthSession) => {
      const { socket } = await this.#dialHop(hop, options);
      const { openTunnel } = await this.#readied(socket, import('./tunnel.ts'));
      const probe = `${host.includes(':') ? `[${host}]` : host}:443`;
      const tunnel = await openTunnel(socket, {
        ...this.#handshakeOptions(hop, byConnect, options),
        authority: probe,
      });
      tunnel.destroy();
    };
    const { checkRefusal } = await import('#proxy/auth/refusal-check.ts');
    const { checks } = this.#parts.credentialGuard.unclear;
    const key = [hop.profile.name, hop.url, this.#destination.target.origin].join(' ');
    return await checkRefusal({ ...refused, authSession, authority, signal: options.signal, checks, key, connect });
  }

  async #readyForward(hop: ProxyHop, authSession: AuthSession, options: ConnectionOptions): Promise<DialResult> {
    if (authSession.startsAlone) {
      const dialled = await this.#dialHop(hop, options);
      await this.#readied(dialled.socket, authSession.readyAlone());
      return dialled;
    }
    const { openForward } = await import('./forward.ts');
    const { socket } = await this.#dialHop(hop, { ...options, bulk: false });
    const ready = await options.observer.attribute('authentication', () =>
      openForward(socket, this.#destination.target, {
        ...this.#handshakeOptions(hop, authSession, options),
        checkRefusal: (head, url) => this.#checkRefusal(hop, authSession, { head, url, options }),
      }),
    );
    // With Digest the request itself carries the proof, so nothing is proven yet.
    if (authSession.accepted) options.observer.passedBy('authentication', 0, { scheme: authSession.proved });
    return { socket: ready, bulk: null };
  }

  async #openTunnel(hop: ProxyHop, authSession: AuthSession, options: ConnectionOptions): Promise<Connection> {
    if (hop.scheme !== 'http' && hop.scheme !== 'https') {
      return await this.#openSocks({ ...hop, scheme: hop.scheme }, authSession, options);
    }
    const { socket } = await this.#dialHop(hop, { ...options, bulk: false });
    // Modules that only a tunnel needs are loaded with the first tunnel: Node's HTTP and TLS cost 20 MiB and 40 ms.
    const { openTunnel } = await this.#readied(socket, import('./tunnel.ts'));
    const handshake = this.#handshakeOptions(hop, authSession, options);
    const tunnel = await options.observer.run('tunnel', () =>
      openTunnel(socket, handshake).finally(() => {
        if (authSession.accepted) options.observer.passedBy('authentication', 0, { scheme: authSession.proved });
      }),
    );
    const through = { socket: tunnel, bulk: null, probes: this.#probesOf(hop, tunnel) };
    return await this.#originConnection(through, this.#factsOf(hop, 'tunnel'), options);
  }

  async #openSocks(hop: SocksHop, authSession: AuthSession, options: ConnectionOptions): Promise<Connection> {
    const { openSocks } = await import('./socks.ts');
    const { authority, port } = this.#destination.endpoint;
    const host = await this.#hostForSocks(hop, options);
    const { socket } = await this.#dialHop(hop, { ...options, bulk: false });
    const { clock, timeouts } = this.#parts;
    const bounds = { clock, timeoutMs: timeouts.tunnel_timeout_ms, signal: options.signal };
    const tunnel = await options.observer.run('tunnel', () =>
      openSocks(socket, { ...bounds, scheme: hop.scheme, host, port, authority, authSession }).finally(() => {
        if (authSession.accepted) options.observer.passedBy('authentication', 0, { scheme: authSession.proved });
      }),
    );
    const through = { socket: tunnel, bulk: null, probes: this.#probesOf(hop, tunnel) };
    return await this.#originConnection(through, this.#factsOf(hop, 'tunnel'), options);
  }

  /** What a SOCKS proxy receives: a name, or an address if it takes no names. */
  async #hostForSocks(
    { scheme, name: proxy, place: hop, variable }: SocksHop,
    { signal, observer }: ConnectionOptions,
  ): Promise<string> {
    const { resolveForSocks, resolvesHere } = await import('./socks.ts');
    const { host } = this.#destination.endpoint;
    if (!resolvesHere(scheme, host)) return host;
    const { clock, timeouts, mayResolve } = this.#parts;
    const bounds = { clock, timeoutMs: timeouts.connect_timeout_ms, signal };
    return await observer.run(
      'resolve',
      () => resolveForSocks({ host, scheme, proxy, hop, variable, mayResolve }, bounds),
      (address) => ({ host, addresses: [address] }),
    );
  }

  /** Awaits what must succeed before the socket is usable; on a failure the socket is destroyed. */
  async #readied<T>(socket: Socket, ready: Promise<T>): Promise<T> {
    try {
      return await ready;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  #handshakeOptions(hop: ProxyHop, authSession: AuthSession, options: ConnectionOptions) {
    return {
      authority: this.#destination.endpoint.authority,
      authSession,
      memory: this.#memoryOf(hop),
      userAgent: this.#parts.userAgent,
      timeoutMs: this.#parts.timeouts.tunnel_timeout_ms,
      clock: this.#parts.clock,
      signal: options.signal,
      redial: async () => (await this.#dialHop(hop, { ...options, bulk: false })).socket,
    };
  }

  /** A connection to the proxy on which the first byte for it can be sent; over TLS if its scheme requires it. */
  async #dialHop(hop: ProxyHop, options: ConnectionOptions): Promise<DialResult> {
    const { address: host, port, name: proxy, place } = hop;
    const target = { host, port, proxy, hop: place };
    if (hop.scheme !== 'https') return await this.#dial(target, options);
    const { socket } = await this.#dial(target, { ...options, bulk: false });
    const work = () => this.#secure(socket, this.#upgradeOf(hop), this.#tlsBounds(options.signal));
    const show = (secured: Secured) => ({ ...shownBy(secured), proxy, hop: place });
    const secured = await options.observer.run('proxy_tls', work, show);
    const { weak, version, suite } = secured.strength();
    if (weak) this.#parts.onWeakTls(hop, coded('PROXY-TLS-WEAK', { proxy, version, suite, hop: place }));
    return { socket: secured.socket, bulk: null };
  }

  /** TLS to a proxy itself. */
  #upgradeOf({ address: host, port, name: proxy, place: hop, url: origin }: ProxyHop): TlsUpgrade {
    const { trusts, memories } = this.#parts;
    const peer = { side: 'proxy', host, port, proxy, hop } as const;
    return { peer, trust: () => trusts.ofProxy(proxy), origin, observedTime: memories.latest([origin]) };
  }

  #tlsBounds(signal: AbortSignal) {
    return { signal, timeoutMs: this.#parts.timeouts.tls_timeout_ms };
  }

  /** @throws CodedError LOOPBACK-ELSEWHERE, before a byte is sent */
  async #dial(target: DialTarget, options: ConnectionOptions): Promise<DialResult> {
    const dialled = await this.#connect(target, options);
    return await this.#readied(
      dialled.socket,
      options.observer.attribute('choice', async () => {
        refuseElsewhere(this.#destination.target, { address: dialled.socket.remoteAddress, ...target });
        return dialled;
      }),
    );
  }

  async #connect(target: DialTarget, { observer, ...options }: ConnectionOptions): Promise<DialResult> {
    const { clock, timeouts } = this.#parts;
    const bounds = { ...options, clock, timeoutMs: timeouts.connect_timeout_ms };
    const onResolved = (addresses: readonly string[], elapsedMs: number) =>
      observer.passedBy('resolve', elapsedMs, { host: target.host, addresses });
    return await observer.run(
      'dial',
      () => dial(target, { ...bounds, onResolved }),
      ({ socket }) => ({
        address: socket.remoteAddress,
        port: socket.remotePort,
        local: socket.localAddress,
      }),
    );
  }

  /** Starts TLS if the target needs it; on a failure the connection is destroyed. */
  async #originConnection(
    { socket, bulk, probes }: DialResult & { readonly probes?: ProxyProbes | undefined },
    reached: Omit<HopFacts, 'passed'>,
    { signal, observer }: ConnectionOptions,
  ): Promise<Connection> {
    // Read while the connection is surely open.
    const facts = { ...reached, localAddress: socket.localAddress };
    const { purpose, endpoint, target } = this.#destination;
    const { host, port, authority } = endpoint;
    const { trusts, memories, trustRemedy: remedy } = this.#parts;
    const memory = memories.of(authority, host);
    if (!endpoint.tls)
      return originConnection({ ...facts, passed: observer.passed }, { socket, under: socket, bulk, memory, probes });
    const whose = { purpose, ...(remedy === undefined ? {} : { remedy }) };
    const peer = { side: 'target', host, port, proxy: facts.proxy, hop: originAt(authority), ...whose } as const;
    const observedTime = memories.latest([authority, facts.proxyUrl]);
    const upgrade = { peer, trust: () => trusts.ofPurpose(purpose), origin: target.origin, observedTime };
    const secured = await observer.run('tls', () => this.#secure(socket, upgrade, this.#tlsBounds(signal)), shownBy);
    const sockets = { socket: secured.socket, under: socket, bulk: null, probes };
    const { withheld } = await trusts.ofPurpose(purpose);
    const { intercepted } = secured;
    this.#parts.onTls({ by: intercepted, proxy: facts.proxy, authority, withheld });
    const limits = intercepted === null ? {} : { withheld, decryptedBy: intercepted };
    return originConnection({ ...facts, ...limits, passed: observer.passed }, { ...sockets, memory });
  }

  /** Probes of the proxy at the other end of a socket. */
  #probesOf(hop: ProxyHop, socket: Socket): ProxyProbes | undefined {
    const { clock, userAgent, onAnswered } = this.#parts;
    const { authority } = this.#destination.endpoint;
    const start = async (plain: Socket, signal: AbortSignal) =>
      (await this.#secure(plain, this.#upgradeOf(hop), { signal, timeoutMs: MAX_TIMER_MS })).socket;
    const whole = { hop, socket, authority, userAgent, clock, secure: hop.scheme === 'https' ? start : null };
    return probesOf(whole, () => onAnswered(hop, false));
  }

  #secure(socket: Socket, upgrade: TlsUpgrade, bounds: Omit<TlsBounds, 'clock'>): Promise<Secured> {
    return this.#readied(socket, secure(socket, upgrade, { ...bounds, clock: this.#parts.clock }));
  }

  #memoryOf({ url, name }: ProxyHop): HopMemory {
    return this.#parts.memories.of(url, `proxy ${name}`);
  }

  #factsOf(hop: ProxyHop, how: 'forward' | 'tunnel'): Omit<HopFacts, 'passed'> {
    const { host, port } = this.#destination.endpoint;
    return { proxy: hop.name, proxyUrl: hop.url, how, host, port, hop: hop.place };
  }
}
