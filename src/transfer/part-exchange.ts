// Makes one request for bytes of a file over one connection, and finds out from its response how the path behaves.
// Keeps no state.

import type { Deadlines } from '#http/deadlines.ts';
import { type BodySink, type ExchangeResult, exchange } from '#http/exchange.ts';
import { isFromCache } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import type { ShapeWatch } from '#path/shape-watch.ts';
import { answersFrom, type Connection } from '#proxy/route.ts';
import { MAX_TIMER_MS } from '#system/clock.ts';
import type { RouteKey, TimeoutPlan } from '#timeout/model.ts';
import type { FetchAttempt, Visit } from './fetch-attempt.ts';
import type { FetchPorts } from './fetch-types.ts';
import type { PartRequest } from './resume.ts';

/** The timeouts for a file of unknown length are those for a file of this many bytes. */
export const GUESSED_BYTES = 16 * 1_048_576;

/** One request: where it goes, and what it asks for. */
export interface PartExchange extends Visit {
  readonly connection: Connection;
  readonly key: RouteKey;
  readonly plan: TimeoutPlan;
  readonly shape: ShapeWatch;
  readonly part: PartRequest;
  readonly noCache: boolean;
  /** See `ExchangeOptions`. */
  readonly keep?: ((connection: Connection) => void) | undefined;
}

/** Sends the request and receives its response. @throws the reason of `how.signal` */
export function exchangePart(
  ports: FetchPorts,
  { reader, transfer }: FetchAttempt,
  hop: PartExchange,
  how: Pick<Deadlines, 'askForMore'> & {
    readonly signal: AbortSignal;
    onHead(head: ResponseInfo): BodySink | null;
  },
): Promise<ExchangeResult> {
  const { part } = hop;
  // The deadlines apply only to the requested bytes.
  const measuredPlan = { ...hop.plan, size: part.bytes ?? GUESSED_BYTES };
  return exchange({
    connection: hop.connection,
    request: {
      method: 'GET',
      url: hop.url,
      headers: {
        ...ports.headers(hop.credentials),
        ...part.headers,
        ...(hop.noCache ? { 'cache-control': 'no-cache' } : {}),
      },
    },
    deadlines: {
      firstByteMs: hop.plan.firstByteMs,
      silenceMs: hop.plan.silenceMs,
      totalMs: hop.plan.totalMs,
      extend: (elapsedMs, bytes) => {
        // Downloads that run at the same time share the line, so each one may take longer.
        const totalMs = Math.min(MAX_TIMER_MS, measuredPlan.totalMs * transfer.atOnce);
        return elapsedMs < totalMs
          ? totalMs
          : ports.timeoutSession.extend({ ...measuredPlan, totalMs }, elapsedMs, bytes);
      },
      ...(how.askForMore === undefined ? {} : { askForMore: how.askForMore }),
      ...ports.timeoutSession.words(hop.key, hop.plan),
    },
    clock: ports.clock,
    signal: how.signal,
    expectedBytes: part.isPart ? part.bytes : reader.length,
    throttle: ports.throttle,
    keep: hop.keep,
    onHead: how.onHead,
  });
}

/** Records what a head shows of the path. */
export function noteHead(ports: FetchPorts, { job }: FetchAttempt, hop: PartExchange, head: ResponseInfo): void {
  if (head.via !== null) ports.report({ name: 'response-via', via: head.via, update_id: job.name });
  const isExpected = head.status === 200 || head.status === 206;
  const asksForRange = hop.part.headers['range'] !== undefined;
  ports.watch.responded({
    proxy: hop.connection.facts.proxyUrl,
    origin: hop.url.origin,
    via: head.via,
    rangeWorked: asksForRange && isExpected ? head.status === 206 : null,
    ...(isExpected ? { etag: head.header('etag') ?? null } : {}),
  });
}

/** Lets the reader judge a head that is not a redirect. Returns the sink for its body. */
export function openBody(
  ports: FetchPorts,
  { reader }: FetchAttempt,
  { connection, url, shape }: PartExchange,
  { head, bytes: onBytes }: { readonly head: ResponseInfo; bytes(): void },
): BodySink | null {
  shape.responded(isFromCache(head));
  const { facts } = connection;
  const sink = reader.open(head, { url, hop: answersFrom(facts), proxy: facts.proxy });
  if (sink === null) return null;
  let received = 0;
  return {
    write(chunk) {
      received += chunk.length;
      shape.received(ports.clock.monotonic(), received);
      onBytes();
      sink.write(chunk);
    },
  };
}
