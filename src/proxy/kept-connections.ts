// Keeps connections for the next download of a batch with many small ones, which would otherwise open one for each.
//
// Guarantees: a connection is used again only for the same settings, origin and proxy (`Route.sharedKey`). It is closed
// when the other side sends a byte or ends it, after 4 s without use, before a new one is opened, and by `close`. Once a
// route has lost a used connection, it gets a new one for each download. In memory only.

import type { Clock, Timer } from '#system/clock.ts';
import type { Connection, Route } from './route.ts';

/** Many servers and proxies close an unused connection after 5 s. */
const UNUSED_MS = 4_000;
/** As many downloads run at the same time. */
const MAX_UNUSED = 4;

interface Unused {
  readonly key: string;
  readonly connection: Connection;
  readonly timer: Timer;
  /** Aborted when the route of the connection has changed. */
  readonly rerouted: AbortSignal;
  readonly stopWatching: () => void;
}

/** The unused connections of one round. */
export class KeptConnections {
  readonly #clock: Clock;
  readonly #rerouted: () => AbortSignal;
  readonly #unused = new Set<Unused>();
  /** Routes whose connections are not kept. */
  readonly #lost = new Set<string>();
  #isClosed = false;

  /** `rerouted` returns the signal that is aborted at the next change of the route. */
  constructor(clock: Clock, rerouted: () => AbortSignal) {
    this.#clock = clock;
    this.#rerouted = rerouted;
  }

  /** Number of open connections that are not in use. */
  get unused(): number {
    return this.#unused.size;
  }

  /**
   * A connection for this route, which the caller then owns. Null if there is none: the caller opens one, so the others are
   * closed before that. Some proxies allow only one connection for each client.
   */
  take({ sharedKey }: Pick<Route, 'sharedKey'>): Connection | null {
    for (const unused of [...this.#unused].reverse()) {
      if (unused.rerouted.aborted) this.#drop(unused);
      else if (unused.key === sharedKey) {
        this.#forget(unused);
        return unused.connection;
      }
    }
    this.#dropAll();
    return null;
  }

  /** Keeps a connection whose last response is complete, or closes it. The caller no longer owns it. */
  keep({ sharedKey: key }: Pick<Route, 'sharedKey'>, connection: Connection): void {
    const { socket, bulk } = connection;
    const isUsable = !socket.destroyed && !socket.readableEnded && socket.writable;
    if (this.#isClosed || this.#lost.has(key) || this.#unused.size >= MAX_UNUSED || !isUsable) {
      connection.release();
      return;
    }
    const drop = () => this.#drop(unused);
    const events = ['end', 'close', 'error'] as const;
    for (const event of events) socket.on(event, drop);
    if (bulk === null) socket.on('data', drop);
    else bulk.consume(drop);
    const stopWatching = () => {
      if (bulk === null) socket.off('data', drop);
      for (const event of events) socket.off(event, drop);
    };
    const timer = this.#clock.after(UNUSED_MS, drop);
    const unused: Unused = { key, connection, timer, rerouted: this.#rerouted(), stopWatching };
    this.#unused.add(unused);
  }

  /** A connection of this route was lost in use: none is kept any longer. */
  lost({ sharedKey }: Pick<Route, 'sharedKey'>): void {
    this.#lost.add(sharedKey);
    for (const unused of this.#unused) if (unused.key === sharedKey) this.#drop(unused);
  }

  /** Closes all of them, and keeps none any longer. */
  close(): void {
    this.#isClosed = true;
    this.#dropAll();
  }

  #dropAll(): void {
    for (const unused of this.#unused) this.#drop(unused);
  }

  #forget(unused: Unused): void {
    this.#unused.delete(unused);
    unused.timer.cancel();
    unused.stopWatching();
  }

  #drop(unused: Unused): void {
    if (!this.#unused.has(unused)) return;
    this.#forget(unused);
    unused.connection.release();
  }
}
