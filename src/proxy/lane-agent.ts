// Node's HTTP over lanes: an `http.Agent` whose connections are lanes of a route. For libraries that bring their own HTTP
// and take an agent, `ws` (WebSocket) and `tus-js-client` (uploads), so that they leave by the same door as everything else.
//
// Guarantees: a connection has the deadlines, the authentication and the TLS of its lane; it goes to the one origin that
// the agent was made for; it is a tunnel or direct, never absolute-form, because such libraries could not tell the proxy's
// answers from the origin's, and forwarding proxies drop Upgrade. An unused connection is kept for seconds. After
// `destroy`, or at the abort, no socket, timer or listener is left, upgraded connections included.
// The time between request and response is the caller's to bound: it has the signal.

import { Agent, type ClientRequest, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Purpose } from '#config/purposes.ts';
import { coded } from '#errors/coded-error.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { Lane, Router } from './route.ts';

export interface LaneAgentOptions {
  readonly router: Router;
  readonly purpose: Purpose;
  readonly clock: Clock;
  /** Ends whatever is being opened and every connection. */
  readonly signal: AbortSignal;
}

/** Connections at once; what is more waits for one of them. */
const MOST_LANES = 4;
/** Connections that wait for another request, and for how long: servers of Node close theirs after 5 s. */
const MOST_UNUSED_LANES = 1;
const UNUSED_MS = 4_000;

/** What a route is asked for in place of each scheme: http goes as `ws` does, through a tunnel. */
const ASKED: Readonly<Record<string, string>> = { 'http:': 'ws:', 'ws:': 'ws:', 'https:': 'https:', 'wss:': 'https:' };

/** Made for one use, such as one upload or one WebSocket, and destroyed with it. */
export class LaneAgent extends Agent {
  /** What Node checks a request's own scheme against. */
  readonly protocol: string;
  readonly defaultPort: number;
  readonly #target: URL;
  readonly #options: LaneAgentOptions;
  readonly #over = new AbortController();
  readonly #lanes = new Set<Lane>();
  readonly #unused = new Map<Duplex, Timer>();
  #stopListening = (): void => undefined;

  /** @throws CodedError URL-INVALID for a scheme that is none of http, https, ws, wss */
  constructor(target: URL, options: LaneAgentOptions) {
    super({ keepAlive: true, maxSockets: MOST_LANES, maxFreeSockets: MOST_UNUSED_LANES });
    const scheme = ASKED[target.protocol];
    if (scheme === undefined) {
      throw coded('URL-INVALID', { url: target.origin, reason: 'it is neither http, https, ws nor wss' });
    }
    const isSecure = scheme === 'https:';
    this.protocol = isSecure ? 'https:' : 'http:';
    this.defaultPort = isSecure ? 443 : 80;
    this.#target = new URL(target.href.replace(target.protocol, scheme));
    this.#options = options;
    this.#stopListening = onAbort(options.signal, () => this.#end(options.signal.reason as Error));
  }

  /** Called by Node where no unused connection fits. TLS is the lane's: what is handed over speaks HTTP. */
  override createConnection(
    options: ClientRequestArgs,
    callback: (error: Error | null, connection: Duplex) => void,
  ): undefined {
    this.#open(options).then(
      (connection) => callback(null, connection),
      // Node takes no connection beside an error.
      (thrown: unknown) => callback(thrown as Error, undefined as never),
    );
  }

  /** Called by Node when a request is over: whether the connection waits for another one. */
  override keepSocketAlive(connection: Duplex): boolean {
    const keeps = super.keepSocketAlive(connection) as unknown;
    if (keeps === false) return false;
    this.#unused.set(
      connection,
      this.#options.clock.after(UNUSED_MS, () => connection.destroy()),
    );
    return true;
  }

  override reuseSocket(connection: Duplex, request: ClientRequest): void {
    this.#forget(connection);
    super.reuseSocket(connection, request);
  }

  override destroy(): void {
    this.#end(new Error('the agent was destroyed'));
  }

  async #open({ host, port }: ClientRequestArgs): Promise<Duplex> {
    const { router, purpose, signal } = this.#options;
    signal.throwIfAborted();
    this.#expectTarget(`${host}`, Number(port));
    const lane = await router.route(purpose, this.#target).open({ bulk: false, signal: this.#over.signal });
    if (this.#over.signal.aborted) {
      lane.release();
      throw this.#over.signal.reason;
    }
    this.#lanes.add(lane);
    lane.socket.once('close', () => {
      this.#forget(lane.socket);
      this.#lanes.delete(lane);
      lane.release();
    });
    return lane.socket;
  }

  /** A server may name another place for the next request (tus does, in Location). */
  #expectTarget(host: string, port: number): void {
    const expected = this.#target.port === '' ? this.defaultPort : Number(this.#target.port);
    const bare = (name: string) => name.replace(/^\[(.*)\]$/, '$1').toLowerCase();
    if (bare(host) === bare(this.#target.hostname) && port === expected) return;
    const origin = `${this.protocol}//${host.includes(':') ? `[${bare(host)}]` : host}:${port}`;
    throw coded('URL-ELSEWHERE', { origin, target: this.#target.host });
  }

  #forget(connection: Duplex): void {
    this.#unused.get(connection)?.cancel();
    this.#unused.delete(connection);
  }

  #end(reason: Error): void {
    this.#stopListening();
    this.#over.abort(reason);
    super.destroy();
    for (const lane of this.#lanes) lane.release();
  }
}
