// Opens a connection to one candidate: a proxy, or the target itself. All outgoing connections are opened here.
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
import type { Connection, HopFacts, ResponseHead } from '#proxy/route.ts';
import type { ObservedTime } from '#proxy/tls/observed-time.ts';
import type { TlsPeer } from '#proxy/tls/tls-failure.ts';
import type { TrustContexts } from '#proxy/tls/trust.ts';
import type { TrustStore } from '#proxy/tls/trust-store.ts';
import type { Clock } from '#system/clock.ts';
import { forwardConnection, originConnection } from './connection.ts';
import { type DialResult, type DialTarget, dial } from './dial.ts';
import type { SocksScheme } from './socks.ts';

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

/** TLS over a connection, and what the peer's certificate shows. */
interface Secured {
  readonly socket: Socket;
  /** The CA of the proxy that decrypts the connection; null if none does. */
  readonly intercepted: string | null;
  certificate(): { readonly issuer: string | null; readonly expires: string | null };
  strength(): { readonly version: string | null; readonly suite: string; readonly weak: boolean };
}

function shownBy(secured: Secured) {
  return { ...secured.certificate(), ...secured.strength(), intercepted: secured.intercepted };
}

interface ConnectionOptions {
  readonly bulk: boolean;
  readonly signal: AbortSignal;
  readonly observer: ConnectObserver;
}

/** TLS to be started over an open connection. */
interface TlsUpgrade {
  readonly peer: TlsPeer;
  readonly trust: () => Promise<TrustContexts>;
  /** Decides whether our client certificate may be sent. */
  readonly origin: string;
  readonly observedTime: ObservedTime | null;
}

export class Connector {
  readonly #parts: ConnectorParts;
  readonly #destination: Destination;

  constructor(parts: ConnectorParts, destination: Destination) {
    this.#parts = parts;
    this.#destination = destination;
  }

  open(candidate: Candidate, options: ConnectionOptions): Promise<Connection> {
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
    return forwardConnection(facts, { ...ready, authSession, onAnswered, memory: this.#memoryOf(hop), checkRefusal });
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
    return await checkRefusal({ ...refused, authSession, authority, signal: options.signal, connect });
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
    return await this.#originConnection({ socket: tunnel, bulk: null }, this.#factsOf(hop, 'tunnel'), options);
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
    return await this.#originConnection({ socket: tunnel, bulk: null }, this.#factsOf(hop, 'tunnel'), options);
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
    const { address: host, port, name: proxy, place, url: origin } = hop;
    const target = { host, port, proxy, hop: place };
    if (hop.scheme !== 'https') return await this.#dial(target, options);
    const { socket } = await this.#dial(target, { ...options, bulk: false });
    const { trusts, memories } = this.#parts;
    const peer = { side: 'proxy', ...target } as const;
    const upgrade = { peer, trust: () => trusts.ofProxy(proxy), origin, observedTime: memories.latest([origin]) };
    const work = () => this.#secure(socket, upgrade, options.signal);
    const show = (secured: Secured) => ({ ...shownBy(secured), proxy, hop: place });
    const secured = await options.observer.run('proxy_tls', work, show);
    const { weak, version, suite } = secured.strength();
    if (weak) this.#parts.onWeakTls(hop, coded('PROXY-TLS-WEAK', { proxy, version, suite, hop: place }));
    return { socket: secured.socket, bulk: null };
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

  async #connect(target: DialTarget, { bulk, signal, observer }: ConnectionOptions): Promise<DialResult> {
    const { clock, timeouts } = this.#parts;
    const timeoutMs = timeouts.connect_timeout_ms;
    const onResolved = (addresses: readonly string[], elapsedMs: number) =>
      observer.passedBy('resolve', elapsedMs, { host: target.host, addresses });
    return await observer.run(
      'dial',
      () => dial(target, { bulk, signal, clock, timeoutMs, onResolved }),
      ({ socket }) => ({
        address: socket.remoteAddress,
        port: socket.remotePort,
        local: socket.localAddress,
      }),
    );
  }

  /** Starts TLS if the target needs it; on a failure the connection is destroyed. */
  async #originConnection(
    { socket, bulk }: DialResult,
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
      return originConnection({ ...facts, passed: observer.passed }, { socket, under: socket, bulk, memory });
    const whose = { purpose, ...(remedy === undefined ? {} : { remedy }) };
    const peer = { side: 'target', host, port, proxy: facts.proxy, hop: originAt(authority), ...whose } as const;
    const observedTime = memories.latest([authority, facts.proxyUrl]);
    const upgrade = { peer, trust: () => trusts.ofPurpose(purpose), origin: target.origin, observedTime };
    const secured = await observer.run('tls', () => this.#secure(socket, upgrade, signal), shownBy);
    const sockets = { socket: secured.socket, under: socket, bulk: null };
    const { withheld } = await trusts.ofPurpose(purpose);
    const { intercepted } = secured;
    this.#parts.onTls({ by: intercepted, proxy: facts.proxy, authority, withheld });
    const limits = intercepted === null ? {} : { withheld, decryptedBy: intercepted };
    return originConnection({ ...facts, ...limits, passed: observer.passed }, { ...sockets, memory });
  }

  #secure(socket: Socket, upgrade: TlsUpgrade, signal: AbortSignal): Promise<Secured> {
    const { clock, timeouts } = this.#parts;
    const securing = async () => {
      const [{ startTls, certificateOf, tlsStrengthOf, interceptedBy }, trust] = await Promise.all([
        import('#proxy/tls/tls.ts'),
        upgrade.trust(),
      ]);
      const { expected, pins, interceptors } = trust;
      const context = trust.contextFor(upgrade.origin);
      const timeoutMs = timeouts.tls_timeout_ms;
      const { observedTime } = upgrade;
      const options = { context, expected, pins, interceptors, observedTime, timeoutMs, clock, signal };
      const secured = await startTls(socket, upgrade.peer, options);
      return {
        socket: secured,
        intercepted: interceptedBy(secured),
        certificate: () => certificateOf(secured),
        strength: () => tlsStrengthOf(secured),
      };
    };
    return this.#readied(socket, securing());
  }

  #memoryOf({ url, name }: ProxyHop): HopMemory {
    return this.#parts.memories.of(url, `proxy ${name}`);
  }

  #factsOf(hop: ProxyHop, how: 'forward' | 'tunnel'): Omit<HopFacts, 'passed'> {
    const { host, port } = this.#destination.endpoint;
    return { proxy: hop.name, proxyUrl: hop.url, how, host, port, hop: hop.place };
  }
}
