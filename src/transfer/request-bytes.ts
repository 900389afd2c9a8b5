// Requests the bytes that an attempt still needs from one URL, and follows no redirect itself.
//
// Guarantees: one connection for each request, which is always released. The timeouts are planned only after the
// connection was opened, because the proxy is known only then. The reader decides what is written. Keeps no state.

import { type BodySink, type ExchangeResult, exchange } from '#http/exchange.ts';
import { type FollowStep, isRedirect } from '#http/follow.ts';
import { isFromCache } from '#http/headers.ts';
import type { ResponseInfo, ResponseTiming } from '#http/response-info.ts';
import { ShapeWatch } from '#path/shape-watch.ts';
import { answersFrom, type Connection, canLookInside } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { RouteKey, TimeoutPlan } from '#timeout/model.ts';
import type { Copies } from './copies.ts';
import type { FetchJob, FetchPorts } from './fetch-types.ts';
import type { ResponseReader } from './response-reader.ts';
import type { RangePlan, TransferPlan } from './resume.ts';

/** A transfer that was paused for a larger share of its time shows nothing about the speed of its route. */
const MAX_PAUSED_SHARE = 0.1;

/** An attempt in progress. */
export interface FetchAttempt {
  readonly job: FetchJob;
  readonly plan: TransferPlan;
  readonly range: RangePlan;
  readonly reader: ResponseReader;
  readonly copies: Copies;
  /** The last hop has accepted the connection: from here on, a failure may be due to the request. */
  isConnected: boolean;
}

/** One hop of an attempt. */
interface Visit {
  readonly url: URL;
  readonly credentials: boolean;
  readonly signal: AbortSignal;
}

/** Requests the missing bytes at one hop. Returns its redirect, if it is one. */
export async function requestBytes(ports: FetchPorts, attempt: FetchAttempt, hop: Visit): Promise<FollowStep<void>> {
  const route = ports.router.route(ports.purpose, hop.url);
  attempt.isConnected = false;
  await ports.throttle?.ready(hop.signal);
  const connection = await route.open({ bulk: true, signal: hop.signal, updateId: attempt.job.name });
  attempt.isConnected = true;
  try {
    // The proxy that is really used is known only now, and each proxy has its own history.
    const key: RouteKey = { proxy: connection.facts.proxyUrl, origin: hop.url.origin };
    const plan = ports.timeoutSession.plan(key, attempt.job.length);
    const { proxy } = connection.facts;
    ports.watch.planned(plan, { route: key, proxy, scans: canLookInside(connection.facts, hop.url) });
    const shape = new ShapeWatch(ports.clock.monotonic(), missingBytes(attempt));
    const result = await receive(ports, attempt, { ...hop, connection, key, plan, shape });
    if (result.head !== null && isRedirect(result.head.status)) return { redirect: result.head };
    observe(ports, { key, size: attempt.job.length, result, shape, ok: attempt.reader.complete });
    attempt.reader.conclude({ url: hop.url, hop: answersFrom(connection.facts), proxy }, result);
    return { value: undefined };
  } finally {
    connection.release();
  }
}

function receive(
  ports: FetchPorts,
  { job, range, reader }: FetchAttempt,
  hop: Visit & { connection: Connection; key: RouteKey; plan: TimeoutPlan; shape: ShapeWatch },
): Promise<ExchangeResult> {
  // The deadlines apply only to the missing bytes.
  const measuredPlan = { ...hop.plan, size: missingBytes({ job, range }) };
  return exchange({
    connection: hop.connection,
    request: {
      method: 'GET',
      url: hop.url,
      headers: {
        ...ports.headers(hop.credentials),
        ...(range.kind === 'rest' ? range.headers : {}),
        ...(job.fresh ? { 'cache-control': 'no-cache' } : {}),
      },
    },
    deadlines: {
      firstByteMs: hop.plan.firstByteMs,
      silenceMs: hop.plan.silenceMs,
      totalMs: hop.plan.totalMs,
      extend: (elapsedMs, bytes) => ports.timeoutSession.extend(measuredPlan, elapsedMs, bytes),
      ...ports.timeoutSession.words(hop.key, hop.plan),
    },
    clock: ports.clock,
    signal: hop.signal,
    expectedBytes: job.length,
    throttle: ports.throttle,
    onHead: (head) => {
      // Logged when the head arrives, not when the body ends: the time of that line shows what the proxy does.
      noteResponse(ports, { id: job.name, connection: hop.connection, url: hop.url, head, range });
      if (isRedirect(head.status)) return null;
      hop.shape.responded(isFromCache(head));
      const { facts } = hop.connection;
      const sink = reader.open(head, { url: hop.url, hop: answersFrom(facts), proxy: facts.proxy });
      return sink === null ? null : timed(sink, hop.shape, ports.clock);
    },
  });
}

function missingBytes({ job, range }: Pick<FetchAttempt, 'job' | 'range'>): number {
  return job.length - (range.kind === 'rest' ? range.offset : 0);
}

/** Wraps a sink to record when its bytes arrive. */
function timed(sink: BodySink, shape: ShapeWatch, clock: Clock): BodySink {
  let bytes = 0;
  return {
    write(chunk) {
      bytes += chunk.length;
      shape.received(clock.monotonic(), bytes);
      sink.write(chunk);
    },
  };
}

function noteResponse(
  ports: FetchPorts,
  response: { readonly id: string; connection: Connection; url: URL; head: ResponseInfo; range: RangePlan },
): void {
  const { head, range } = response;
  if (head.via !== null) ports.report({ name: 'response-via', via: head.via, update_id: response.id });
  const isExpected = head.status === 200 || head.status === 206;
  ports.watch.responded({
    proxy: response.connection.facts.proxyUrl,
    origin: response.url.origin,
    via: head.via,
    rangeWorked: range.kind === 'rest' && isExpected ? head.status === 206 : null,
    ...(isExpected ? { etag: head.header('etag') ?? null } : {}),
  });
}

function observe(
  ports: FetchPorts,
  transfer: { key: RouteKey; size: number; result: ExchangeResult; shape: ShapeWatch; ok: boolean },
): void {
  const { measured } = transfer.result;
  const ok = transfer.result.ended === 'complete' && transfer.ok;
  const throttled = isThrottled(measured);
  const outcome = {
    size: transfer.size,
    ok,
    timedOut: measured.timedOut,
    firstByteMs: measured.firstByteMs,
    longestSilenceMs: throttled ? null : measured.longestSilenceMs,
    totalMs: throttled ? null : measured.totalMs,
    atMs: ports.clock.now(),
  };
  const shape = transfer.shape.end(ports.clock.monotonic(), {
    whole: ok,
    timedOut: measured.timedOut !== null,
    throttled,
  });
  ports.timeoutSession.observe(transfer.key, outcome, shape);
}

/**
 * Whether our own pauses hide how fast the bytes would have arrived. While reading is paused, the kernel and the proxy
 * collect bytes, so that the remaining time is too short to learn from.
 */
function isThrottled({ totalMs, pausedMs }: ResponseTiming): boolean {
  return pausedMs > (totalMs + pausedMs) * MAX_PAUSED_SHARE;
}
