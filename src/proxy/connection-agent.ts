// An `http.Agent` whose sockets are connections of a route. With it, libraries that bring their own HTTP use the same
// route as all other traffic: `ws` (WebSocket) and `tus-js-client` (uploads).
//
// Guarantees: every socket has the deadlines, authentication and TLS of its `Connection`, and goes to the one origin of
// the agent. Requests never use the absolute form, because such libraries cannot distinguish responses of the proxy
// from those of the origin. An unused socket is kept for seconds. After `destroy` or an abort, no socket, timer or
// listener is left. The caller limits the time between request and response with its signal.

import { Agent, type ClientRequest, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Purpose } from '#config/purposes.ts';
import { coded } from '#errors/coded-error.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { Connection, Router } from './route.ts';

export interface ConnectionAgentOptions {
  readonly router: Router;
  readonly purpose: Purpose;
  readonly clock: Clock;
  /** Ends whatever is being opened and every connection. */
  readonly signal: AbortSignal;
  /** Called with each connection once it is open. */
  readonly onConnection?: (connection: Connection) => void;
  /** See `OpenOptions`. */
  readonly isRoutine?: boolean;
}

/** Maximum number of connections at a time; further requests wait for one of them. */
const MAX_CONNECTIONS = 4;
/** Maximum number of unused connections, and how long one is kept: Node's servers close theirs after 5 s. */
const MAX_UNUSED_CONNECTIONS = 1;
const UNUSED_MS = 4_000;

/** The scheme that a route is requested for: http uses a tunnel, as `ws` does. */
const WEBSOCKET_SCHEME: Readonly<Record<string, string>> = {
  'http:': 'ws:',
  'ws:': 'ws:',
  'https:': 'https:',
  'wss:': 'https:',
};

/** Made for one use, such as one upload or one WebSocket, and destroyed with it. */
export class ConnectionAgent extends Agent {
  /** Node checks the scheme of a request against this. */
  readonly protocol: string;
  readonly defaultPort: number;
  readonly #target: URL;
  readonly #options: ConnectionAgentOptions;
  readonly #controller = new AbortController();
  readonly #connections = new Set<Connection>();
  readonly #unused = new Map<Duplex, Timer>();
  #stopListening = (): void => undefined;

  /** @throws CodedError URL-INVALID for a scheme that is none of http, https, ws, wss */
  constructor(target: URL, options: ConnectionAgentOptions) {
    super({ keepAlive: true, maxSockets: MAX_CONNECTIONS, maxFreeSockets: MAX_UNUSED_CONNECTIONS });
    const scheme = WEBSOCKET_SCHEME[target.protocol];
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

  /** Node calls this if no unused socket fits. The socket already speaks TLS where needed, so Node sends plain HTTP. */
  override createConnection(
    options: ClientRequestArgs,
    callback: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#open(options).then(
      (socket) => callback(null, socket),
      // Node expects no socket together with an error.
      (thrown: unknown) => callback(thrown as Error, undefined as never),
    );
  }

  /** Node calls this when a request has ended. Returns whether the socket is kept for another one. */
  override keepSocketAlive(socket: Duplex): boolean {
    const keeps = super.keepSocketAlive(socket) as unknown;
    if (keeps === false) return false;
    this.#unused.set(
      socket,
      this.#options.clock.after(UNUSED_MS, () => socket.destroy()),
    );
    return true;
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    this.#forget(socket);
    super.reuseSocket(socket, request);
  }

  override destroy(): void {
    this.#end(new Error('the agent was destroyed'));
  }

  async #open({ host, port }: ClientRequestArgs): Promise<Duplex> {
    const { router, purpose, signal, isRoutine = false } = this.#options;
    signal.throwIfAborted();
    this.#expectTarget(`${host}`, Number(port));
    const route = router.route(purpose, this.#target);
    const connection = await route.open({ bulk: false, isRoutine, signal: this.#controller.signal });
    if (this.#controller.signal.aborted) {
      connection.release();
      throw this.#controller.signal.reason;
    }
    this.#connections.add(connection);
    this.#options.onConnection?.(connection);
    connection.socket.once('close', () => {
      this.#forget(connection.socket);
      this.#connections.delete(connection);
      connection.release();
    });
    return connection.socket;
  }

  /** A server may name another host for the next request (tus does, in Location). */
  #expectTarget(host: string, port: number): void {
    const expected = this.#target.port === '' ? this.defaultPort : Number(this.#target.port);
    const bare = (name: string) => name.replace(/^\[(.*)\]$/, '$1').toLowerCase();
    if (bare(host) === bare(this.#target.hostname) && port === expected) return;
    const origin = `${this.protocol}//${host.includes(':') ? `[${bare(host)}]` : host}:${port}`;
    throw coded('URL-ELSEWHERE', { origin, target: this.#target.host });
  }

  #forget(socket: Duplex): void {
    this.#unused.get(socket)?.cancel();
    this.#unused.delete(socket);
  }

  #end(reason: Error): void {
    this.#stopListening();
    this.#controller.abort(reason);
    super.destroy();
    for (const connection of this.#connections) connection.release();
  }
}
