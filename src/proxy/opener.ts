// Opens one lane by one way: through a hop, or direct. Every connection of the program comes about here.
//
// Guarantees: a credential goes to its own proxy only; a failed or aborted opening leaves no socket, no timer and no
// credential under way, and its failure knows how far it came. After it has returned, the lane is the caller's.

import type { Socket } from 'node:net';
import type { Clock } from '#system/clock.ts';
import type { Ledger } from './auth/ledger.ts';
import { type Login, openLogin } from './auth/login.ts';
import type { SecretRegistry } from './auth/scheme.ts';
import { type Dialled, type DialTarget, dial } from './dial.ts';
import { type Endpoint, travelThrough } from './endpoint.ts';
import type { ProxyHop, Way } from './hop.ts';
import { forwardLane, originLane } from './lane.ts';
import type { HopFacts, Lane, Purpose } from './route.ts';
import type { Steps } from './steps.ts';
import type { TlsTrust, TrustContexts } from './trust.ts';

export interface OpenerParts {
  readonly timeouts: {
    readonly connect_timeout_ms: number;
    readonly tunnel_timeout_ms: number;
    readonly tls_timeout_ms: number;
  };
  /** How long a refused credential that had worked waits, in milliseconds; 0 for ever. */
  readonly credentialRetryMs: number;
  readonly clock: Clock;
  /** Whom TLS to the targets of each purpose trusts. */
  readonly tls: Readonly<Record<Purpose, TlsTrust>>;
  readonly ledger: Ledger;
  readonly known: SecretRegistry;
  readonly userAgent: string | null;
  /** Contexts that are made already, shared by all routes of a router. */
  readonly contexts: Map<Purpose, TrustContexts>;
  /** A proxy answered a request in absolute form, or took it and closed without an answer. */
  readonly onAnswered: (hop: ProxyHop, answered: boolean) => void;
}

/** What is to be reached, and for what. */
export interface Aim {
  readonly purpose: Purpose;
  readonly target: URL;
  readonly endpoint: Endpoint;
}

interface LaneOptions {
  readonly bulk: boolean;
  readonly signal: AbortSignal;
  readonly steps: Steps;
}

export class Opener {
  readonly #parts: OpenerParts;
  readonly #aim: Aim;

  constructor(parts: OpenerParts, aim: Aim) {
    this.#parts = parts;
    this.#aim = aim;
  }

  open(way: Way, options: LaneOptions): Promise<Lane> {
    return way.kind === 'direct' ? this.#openDirect(options) : this.#openThrough(way.hop, options);
  }

  async #openDirect(options: LaneOptions): Promise<Lane> {
    const { host, port, tls } = this.#aim.endpoint;
    const hop = `${host}:${port}`;
    const dialled = await this.#dial({ host, port, proxy: null, hop }, { ...options, bulk: options.bulk && !tls });
    return await this.#originLane(
      dialled,
      { proxy: null, proxyUrl: 'direct', how: 'direct', host, port, hop },
      options,
    );
  }

  async #openThrough(hop: ProxyHop, options: LaneOptions): Promise<Lane> {
    const { ledger, known, credentialRetryMs: retryMs } = this.#parts;
    const { signal } = options;
    const login = await options.steps.guard('authentication', () => openLogin({ hop, ledger, known, retryMs, signal }));
    try {
      return travelThrough(hop.profile, hop.scheme, this.#aim.endpoint) === 'forward'
        ? await this.#openForward(hop, login, options)
        : await this.#openTunnel(hop, login, options);
    } catch (error) {
      login.unknown();
      throw error;
    }
  }

  async #openForward(hop: ProxyHop, login: Login, options: LaneOptions): Promise<Lane> {
    const ready = await this.#readyForward(hop, login, options);
    const facts = { ...this.#factsOf(hop, 'forward'), passed: options.steps.passed };
    return forwardLane(facts, { ...ready, login, onAnswered: (answered) => this.#parts.onAnswered(hop, answered) });
  }

  async #readyForward(hop: ProxyHop, login: Login, options: LaneOptions): Promise<Dialled> {
    if (login.startsAlone) {
      const dialled = await this.#dialHop(hop, options);
      await this.#readied(dialled.socket, login.readyAlone());
      return dialled;
    }
    const { openForward } = await import('./forward.ts');
    const { socket } = await this.#dialHop(hop, { ...options, bulk: false });
    const ready = await options.steps.run('authentication', () =>
      openForward(socket, this.#aim.target, this.#handshakeOptions(hop, login, options)),
    );
    return { socket: ready, bulk: null };
  }

  async #openTunnel(hop: ProxyHop, login: Login, options: LaneOptions): Promise<Lane> {
    const { socket } = await this.#dialHop(hop, { ...options, bulk: false });
    // What only a tunnel needs is loaded with the first tunnel: Node's HTTP and TLS cost 20 MiB and 40 ms.
    const { openTunnel } = await this.#readied(socket, import('./tunnel.ts'));
    const handshake = this.#handshakeOptions(hop, login, options);
    const tunnel = await options.steps.run('tunnel', () =>
      openTunnel(socket, handshake).finally(() => {
        if (login.accepted) options.steps.passedBy('authentication', 0, { scheme: login.proved });
      }),
    );
    return await this.#originLane({ socket: tunnel, bulk: null }, this.#factsOf(hop, 'tunnel'), options);
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

  #handshakeOptions(hop: ProxyHop, login: Login, options: LaneOptions) {
    return {
      authority: this.#aim.endpoint.authority,
      login,
      userAgent: this.#parts.userAgent,
      timeoutMs: this.#parts.timeouts.tunnel_timeout_ms,
      clock: this.#parts.clock,
      signal: options.signal,
      redial: async () => (await this.#dialHop(hop, { ...options, bulk: false })).socket,
    };
  }

  /** A connection to the proxy, ready for the first byte that is meant for it. */
  async #dialHop(hop: ProxyHop, options: LaneOptions): Promise<Dialled> {
    const { address: host, port, name: proxy, words } = hop;
    return await this.#dial({ host, port, proxy, hop: words }, options);
  }

  async #dial(target: DialTarget, { bulk, signal, steps }: LaneOptions): Promise<Dialled> {
    const { clock, timeouts } = this.#parts;
    const timeoutMs = timeouts.connect_timeout_ms;
    const onResolved = (addresses: readonly string[], elapsedMs: number) =>
      steps.passedBy('resolve', elapsedMs, { host: target.host, addresses });
    return await steps.run(
      'dial',
      () => dial(target, { bulk, signal, clock, timeoutMs, onResolved }),
      ({ socket }) => ({
        address: socket.remoteAddress,
        port: socket.remotePort,
      }),
    );
  }

  /** TLS where the target wants it; on a failure the connection is gone. */
  async #originLane(
    { socket, bulk }: Dialled,
    facts: Omit<HopFacts, 'passed'>,
    { signal, steps }: LaneOptions,
  ): Promise<Lane> {
    const { endpoint, target } = this.#aim;
    if (!endpoint.tls) return originLane({ ...facts, passed: steps.passed }, { socket, under: socket, bulk });
    const { clock, timeouts } = this.#parts;
    const timeoutMs = timeouts.tls_timeout_ms;
    const secured = await this.#readied(
      socket,
      steps.run('tls', async () => {
        const { secure } = await import('./tls.ts');
        const context = (await this.#contexts()).contextFor(target.origin);
        return await secure(socket, endpoint, { context, timeoutMs, clock, signal });
      }),
    );
    return originLane({ ...facts, passed: steps.passed }, { socket: secured, under: socket, bulk: null });
  }

  async #contexts(): Promise<TrustContexts> {
    const { TrustContexts } = await import('./trust.ts');
    const { contexts, tls } = this.#parts;
    const { purpose } = this.#aim;
    const known = contexts.get(purpose) ?? new TrustContexts(tls[purpose]);
    contexts.set(purpose, known);
    return known;
  }

  #factsOf(hop: ProxyHop, how: 'forward' | 'tunnel'): Omit<HopFacts, 'passed'> {
    const { host, port } = this.#aim.endpoint;
    return { proxy: hop.name, proxyUrl: hop.url, how, host, port, hop: hop.words };
  }
}
