// Sends the small requests and uploads of one purpose over reused connections.
//
// A connection is reused only with the same settings, origin and proxy profile (`Route.sharedKey`). `close` ends all
// connections; an unused one ends after seconds. Guarantees: a request is repeated only if its connection had delivered
// an earlier response. If part of the request was sent, it must also be harmless to repeat: GET, HEAD, PUT, or POST
// with an Idempotency-Key. In addition, the connection must have ended before the response, or the proxy must have
// requested authentication again.

import type { Purpose } from '#config/purposes.ts';
import type { Code } from '#errors/catalogue.ts';
import type { Deadlines } from '#http/deadlines.ts';
import type { RequestSigner, SignableRequest } from '#http/signatures/request-signer.ts';
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
  /** See `OpenOptions`. */
  readonly isRoutine?: boolean;
  /** The signer for a request; null if it is not signed. Missing: no request is signed. */
  signerFor?(request: SmallRequest): RequestSigner | null;
}

export interface SessionRequest extends Omit<SendOptions, 'clock' | 'deadlines'> {
  /** A function receives the facts of the connection that is used, because each route may have its own limits. */
  readonly deadlines: Deadlines | ((facts: HopFacts) => Deadlines);
  /** Called once there is a connection for the request: a reused one or a new one. */
  readonly onConnected?: () => void;
  /** Throws if nothing may be sent over this connection, which then ends. Called before each attempt. */
  readonly requireHop?: (facts: HopFacts) => void;
}

export interface SessionResponse extends SmallResponse {
  /** The hop that the response came over. */
  readonly facts: HopFacts;
}

/** How long an unused connection is kept, in milliseconds. Many servers close theirs after 5 s, which is harmless. */
const UNUSED_MS = 30_000;
/**
 * A request that must not be repeated uses no connection that was unused for longer: the other side may already have
 * closed it.
 */
const FRESH_MS = 1_000;
/** A request that has it is already signed. */
const SIGNATURE_HEADER = 'signature';
/** Maximum number of unused connections. */
const MAX_UNUSED = 4;
/** The proxy requests authentication again: a stale nonce, or a session that has ended. A new connection fixes that. */
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
   * Sends a request and returns the whole response, whatever its status.
   * @throws CodedError of the route and the hop, RESPONSE-TIMEOUT, REQUEST-TIMEOUT, DOCUMENT-*, CONNECTION-LOST,
   * BAD-RESPONSE, TOO-MANY-INTERIM, CONTENT-ENCODED, ORIGIN-407; what `requireHop` throws; the reason of `signal` once
   * it is aborted
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

  /** Number of open connections that are not in use. */
  get unused(): number {
    return this.#unused.size;
  }

  /** Closes the connections that are not in use. */
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

  /** `ender` lives as long as the connection; the request's signal acts only while the opening lasts. */
  async #open(route: Route, signal: AbortSignal): Promise<Opened> {
    const ender = new AbortController();
    const options = { bulk: false, isRoutine: this.#parts.isRoutine ?? false };
    const connection = await endedBy(signal, ender, () => route.open({ ...options, signal: ender.signal }));
    try {
      signal.throwIfAborted();
      return { client: await clientOver(connection, route.target.origin), ender };
    } catch (thrown) {
      connection.release();
      throw thrown;
    }
  }

  async #send({ client, ender }: Opened, request: SessionRequest): Promise<RequestOutcome> {
    const { clock } = this.#parts;
    request.onConnected?.();
    try {
      request.requireHop?.(client.connection.facts);
    } catch (thrown) {
      this.#end({ client, ender });
      throw thrown;
    }
    const { deadlines: given } = request;
    const deadlines = typeof given === 'function' ? given(client.connection.facts) : given;
    const signed = this.#signed(request.request);
    return await endedBy(request.signal, ender, () =>
      client.send({ ...request, request: signed, deadlines, clock }, { isLast: false }),
    );
  }

  /** Signed for each attempt: a server accepts a nonce once, also if the first attempt got no response. */
  #signed(request: SmallRequest): SmallRequest {
    const signer = SIGNATURE_HEADER in request.headers ? null : (this.#parts.signerFor?.(request) ?? null);
    return signer === null
      ? request
      : { ...request, headers: { ...request.headers, ...signer.sign(signable(request)) } };
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

/** The digest of a body that is read from a file is signed only if it is known. */
function signable({ method, url, body }: SmallRequest): SignableRequest {
  if (body === undefined) return { method, url };
  if (typeof body === 'string') return { method, url, body: Buffer.from(body) };
  if (body instanceof Uint8Array) return { method, url, body };
  return body.digest === undefined ? { method, url } : { method, url, body: { sha256: body.digest } };
}

/** Whether a request that a reused connection did not answer is sent again over a new one. */
function mayRepeat(outcome: RequestOutcome, request: SmallRequest): boolean {
  if (outcome.ended !== 'failed') return false;
  const { error, isUnsent, isUnanswered } = outcome;
  const asksAgain = ASKS_AGAIN.has(error.code);
  if (!asksAgain && error.code !== 'CONNECTION-LOST') return false;
  return isUnsent || ((asksAgain || isUnanswered) && isRepeatable(request));
}

/** Whether sending a request twice has the same effect as sending it once (RFC 9110, 9.2.2). */
function isRepeatable({ method, headers }: SmallRequest): boolean {
  if (method === 'GET' || method === 'HEAD' || method === 'PUT') return true;
  return method === 'POST' && Object.keys(headers).some((name) => name.toLowerCase() === 'idempotency-key');
}

/** While the work runs, an abort of `signal` also aborts `ender`. */
async function endedBy<T>(signal: AbortSignal, ender: AbortController, work: () => Promise<T>): Promise<T> {
  const stopListening = onAbort(signal, () => ender.abort(signal.reason));
  try {
    return await work();
  } finally {
    stopListening();
  }
}
