// Small requests and uploads of one purpose, over connections that are used again.
//
// A connection serves a later request where a new one would be the same: same settings, same origin, same proxy profile
// (`Route.sharedKey`), so a reload leaves no old credential and no old proxy in use. Packages, WebSockets, PAC files and
// the second opinion do not come here. Guarantees: a request is sent a second time only where the connection had answered
// before and either nothing of the request left, or sending twice is harmless (GET, HEAD, PUT, or a POST with an
// Idempotency-Key; a PATCH never) and the connection ended before the first byte of an answer or the proxy asked again who
// we are. That answer proves nothing: a proxy that sends it may have forwarded the request.
// An unused connection is kept for seconds; `close` ends all of them.

import type { Purpose } from '#config/purposes.ts';
import type { Code } from '#errors/catalogue.ts';
import type { HopFacts, Route, Router } from '#proxy/route.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { NewestSet } from '#system/newest.ts';
import { clientOver, type HttpClient, responseOf } from './client.ts';
import type { RequestOutcome, SendOptions, SmallRequest, SmallResponse } from './running-request.ts';

export interface SessionParts {
  readonly router: Router;
  readonly purpose: Purpose;
  readonly clock: Clock;
}

export interface SessionRequest extends Omit<SendOptions, 'clock'> {
  /** Called once there is a connection to send it over: an open one, or a new one. */
  readonly onConnected?: () => void;
}

export interface SessionResponse extends SmallResponse {
  /** The hop that it came over. */
  readonly facts: HopFacts;
}

/** How long an unused connection is kept, in milliseconds. Many servers close theirs after 5 s, which costs nothing. */
const UNUSED_MS = 30_000;
/** A request that must not be sent twice takes no connection that was unused for longer: its end may be on the way. */
const FRESH_MS = 1_000;
/** Unused connections that are kept. */
const MAX_UNUSED = 4;
/** The proxy asks again who we are: a nonce that is too old, a login that has ended. A new connection answers that. */
const ASKS_AGAIN: ReadonlySet<Code> = new Set<Code>(['AUTH-STALE', 'NTLM-CONN']);

interface Unused {
  readonly key: string;
  readonly client: HttpClient;
  readonly ender: AbortController;
  readonly sinceMs: number;
  readonly timer: Timer;
}

type Opened = Pick<Unused, 'client' | 'ender'>;

export class Session {
  readonly #parts: SessionParts;
  readonly #unused = new NewestSet<Unused>(MAX_UNUSED, (oldest) => this.#drop(oldest));

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /**
   * Sends a request and returns the whole answer, whatever its status.
   * @throws CodedError of the route and the hop, RESPONSE-TIMEOUT, REQUEST-TIMEOUT, DOCUMENT-*, CONNECTION-LOST,
   * BAD-RESPONSE, TOO-MANY-INTERIM, CONTENT-ENCODED, ORIGIN-407; the reason of `signal` once it is aborted
   */
  async request(request: SessionRequest): Promise<SessionResponse> {
    const { signal } = request;
    signal.throwIfAborted();
    const route = this.#parts.router.route(this.#parts.purpose, request.request.url);
    const used = this.#take(route, request.request);
    if (used !== null) {
      const outcome = await this.#send(used, request);
      if (!mayRepeat(outcome, request.request)) return await this.#finish(used, outcome, route);
      this.#end(used);
      await used.client.connection.settled();
    }
    const opened = await this.#open(route, signal);
    return await this.#finish(opened, await this.#send(opened, request), route);
  }

  /** How many connections are open and not in use. */
  get unused(): number {
    return this.#unused.size;
  }

  /** Ends the connections that are not in use. */
  close(): void {
    for (const unused of this.#unused) this.#drop(unused);
  }

  /** An unused connection that serves this route; null without one. */
  #take({ sharedKey }: Route, request: SmallRequest): Opened | null {
    const now = this.#parts.clock.monotonic();
    for (const unused of this.#unused) {
      const { key, client, sinceMs } = unused;
      if (!client.isOpen) this.#drop(unused);
      else if (key === sharedKey && (isRepeatable(request) || now - sinceMs <= FRESH_MS)) {
        unused.timer.cancel();
        this.#unused.delete(unused);
        return unused;
      }
    }
    return null;
  }

  /** The signal of the opener serves the whole life of a connection, and that of the request as long as it lasts. */
  async #open(route: Route, signal: AbortSignal): Promise<Opened> {
    const ender = new AbortController();
    const connection = await endedBy(signal, ender, () => route.open({ bulk: false, signal: ender.signal }));
    try {
      signal.throwIfAborted();
      return { client: await clientOver(connection, route.target.origin), ender };
    } catch (thrown) {
      connection.release();
      throw thrown;
    }
  }

  #send({ client, ender }: Opened, request: SessionRequest): Promise<RequestOutcome> {
    const { clock } = this.#parts;
    request.onConnected?.();
    return endedBy(request.signal, ender, () => client.send({ ...request, clock }, { isLast: false }));
  }

  async #finish(opened: Opened, outcome: RequestOutcome, { sharedKey }: Route): Promise<SessionResponse> {
    const { connection } = opened.client;
    try {
      const response = await responseOf(outcome, connection);
      this.#keep(opened, sharedKey);
      return { ...response, facts: connection.facts };
    } catch (thrown) {
      this.#end(opened);
      throw thrown;
    }
  }

  #keep({ client, ender }: Opened, key: string): void {
    if (!client.isOpen) {
      this.#end({ client, ender });
      return;
    }
    const { clock } = this.#parts;
    const unused: Unused = {
      key,
      client,
      ender,
      sinceMs: clock.monotonic(),
      timer: clock.after(UNUSED_MS, () => this.#drop(unused)),
    };
    this.#unused.add(unused);
  }

  #drop(unused: Unused): void {
    unused.timer.cancel();
    this.#unused.delete(unused);
    this.#end(unused);
  }

  #end({ client, ender }: Opened): void {
    client.close();
    ender.abort();
  }
}

/** Whether a request that a connection in use did not answer is sent again, over a new one. */
function mayRepeat(outcome: RequestOutcome, request: SmallRequest): boolean {
  if (outcome.ended !== 'failed') return false;
  const { error, isUnsent, isUnanswered } = outcome;
  const asksAgain = ASKS_AGAIN.has(error.code);
  if (!asksAgain && error.code !== 'CONNECTION-LOST') return false;
  return isUnsent || ((asksAgain || isUnanswered) && isRepeatable(request));
}

/** Whether sending it twice does no more than sending it once (RFC 9110, 9.2.2). */
function isRepeatable({ method, headers }: SmallRequest): boolean {
  if (method === 'GET' || method === 'HEAD' || method === 'PUT') return true;
  return method === 'POST' && Object.keys(headers).some((name) => name.toLowerCase() === 'idempotency-key');
}

/** As long as the work lasts, `signal` ends what `ender` ends. */
async function endedBy<T>(signal: AbortSignal, ender: AbortController, work: () => Promise<T>): Promise<T> {
  const stopListening = onAbort(signal, () => ender.abort(signal.reason));
  try {
    return await work();
  } finally {
    stopListening();
  }
}
