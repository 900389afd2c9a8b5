// Requests the bytes that an attempt still needs from one URL, and follows no redirect itself.
//
// Guarantees: one connection for each request, which is always released. The timeouts are planned only after the
// connection was opened, because the proxy is known only then. The reader decides what is written. Keeps no state.

import { type BodySink, type ExchangeResult, exchange } from '#http/exchange.ts';
import { type FollowStep, isRedirect } from '#http/follow.ts';
import { isFromCache } from '#http/headers.ts';
import type { ResponseInfo, ResponseTiming } from '#http/response-info.ts';
import type { PathAdvice } from '#path/advice.ts';
import { ShapeWatch } from '#path/shape-watch.ts';
import { answersFrom, type Connection, canLookInside } from '#proxy/route.ts';
import { type Clock, MAX_TIMER_MS } from '#system/clock.ts';
import type { RunningDigest } from '#system/hashing/running-digest.ts';
import type { RouteKey, TimeoutPlan } from '#timeout/model.ts';
import type { Copies } from './copies.ts';
import type { FetchJob, FetchPorts } from './fetch-types.ts';
import type { ResponseReader } from './response-reader.ts';
import { type PartRequest, partOf, type TransferPlan } from './resume.ts';
import type { RunningTransfer } from './running-transfers.ts';
import { type Watched, whileWatched } from './while-watched.ts';

/** A transfer that was paused for a larger share of its time shows nothing about the speed of its route. */
const MAX_PAUSED_SHARE = 0.1;
/** The timeouts for a file of unknown length are those for a file of this many bytes. */
const GUESSED_BYTES = 16 * 1_048_576;

/** An attempt in progress. */
export interface FetchAttempt {
  readonly job: FetchJob;
  readonly plan: TransferPlan;
  readonly reader: ResponseReader;
  readonly copies: Copies;
  /** Digest of the copy that the plan continues. */
  readonly kept: RunningDigest;
  readonly transfer: RunningTransfer;
  /** The last hop has accepted the connection: from here on, a failure may be due to the request. */
  isConnected: boolean;
  /** It was reported that this attempt requests parts. */
  isInParts: boolean;
  /** The path refused the whole file because of its size. */
  isTooBig: boolean;
  /** The route of the last response; null before the first one. */
  route: RouteKey | null;
}

/** One hop of an attempt. */
interface Visit {
  readonly url: URL;
  readonly credentials: boolean;
  readonly signal: AbortSignal;
}

/**
 * Requests the missing bytes at one hop, in parts if its path is known to need that. Returns its redirect, if it is
 * one.
 */
export async function requestMissing(ports: FetchPorts, attempt: FetchAttempt, hop: Visit): Promise<FollowStep<void>> {
  for (;;) {
    const step = await requestPart(ports, attempt, hop);
    if (step !== 'more') return step;
  }
}

async function requestPart(ports: FetchPorts, attempt: FetchAttempt, hop: Visit): Promise<FollowStep<void> | 'more'> {
  const { job, reader } = attempt;
  const route = ports.router.route(ports.purpose, hop.url);
  attempt.isConnected = false;
  await ports.throttle?.ready(hop.signal);
  const connection = await route.open({ bulk: true, signal: hop.signal, updateId: job.name });
  attempt.isConnected = true;
  try {
    // The proxy that is really used is known only now, and each proxy has its own history.
    const key: RouteKey = { proxy: connection.facts.proxyUrl, origin: hop.url.origin };
    attempt.route = key;
    const advice = ports.paths.adviceFor(key);
    const part = partOf(reader.range, avoidsParts(attempt) ? { ...advice, rangeBytes: null } : advice, reader.length);
    const asked = part.bytes ?? GUESSED_BYTES;
    const size = part.isPart ? asked : (reader.length ?? GUESSED_BYTES);
    const plan = ports.timeoutSession.plan(key, size);
    const { proxy } = connection.facts;
    if (!attempt.isInParts) {
      ports.watch.planned(plan, { route: key, proxy, scans: canLookInside(connection.facts, hop.url) });
    }
    if (part.isPart && !attempt.isInParts) {
      attempt.isInParts = true;
      ports.watch.inParts(asked, advice.evidence);
    }
    const shape = new ShapeWatch(ports.clock.monotonic(), asked);
    const noCache = job.fresh || advice.noCache;
    const made = { ...hop, connection, key, plan, shape, part, noCache };
    const result = await whileWatched(ports, made, (watched) => receive(ports, attempt, { ...made, watched }));
    noteLimits(ports, key, { result, asked });
    if (result.head !== null && isRedirect(result.head.status)) return { redirect: result.head };
    if (isRefusedPart(result) && offersLess(ports.paths.adviceFor(key), asked)) {
      attempt.isTooBig = true;
      return 'more';
    }
    const askedPart = part.isPart ? part.bytes : null;
    const ok = reader.isWhole(result, askedPart) || result.bytes === askedPart;
    observe(ports, { key, size: part.isPart ? asked : (reader.length ?? result.bytes), result, shape, ok });
    const from = { url: hop.url, hop: answersFrom(connection.facts), proxy };
    const isMissingMore = reader.conclude(from, result, askedPart);
    return isMissingMore ? 'more' : { value: undefined };
  } finally {
    connection.release();
  }
}

/**
 * Whether a file that is requested from its first byte is requested as a whole although the path has limits. Without a
 * digest, parts belong together only under a validator, and that is not known yet.
 */
function avoidsParts({ job, reader, isTooBig }: FetchAttempt): boolean {
  return (job.fresh || job.sha256 === null) && reader.range.kind === 'whole' && !isTooBig;
}

/** The proxy refused the size of the response, so a smaller part may pass. */
function isRefusedPart(result: ExchangeResult): boolean {
  return result.ended === 'failed' && result.error.code === 'PROXY-TOO-BIG';
}

function offersLess({ rangeBytes }: PathAdvice, asked: number): boolean {
  return rangeBytes !== null && rangeBytes < asked;
}

/** Records what a response showed of the limits of its path. */
function noteLimits(
  { paths }: FetchPorts,
  key: RouteKey,
  { result, asked }: { readonly result: ExchangeResult; readonly asked: number },
): void {
  if (isRefusedPart(result)) paths.observeLimit(key, { kind: 'too-big', bytes: asked });
  const { bytes, head, measured } = result;
  if (bytes === 0 || (head?.status !== 200 && head?.status !== 206)) return;
  const seen = { bytes, ms: measured.totalMs + measured.pausedMs };
  if (result.ended === 'complete') paths.observeLimit(key, { kind: 'passed', ...seen });
  else if (result.ended === 'failed' && result.error.code === 'CONNECTION-LOST') {
    paths.observeLimit(key, { kind: 'cut', ...seen });
  }
}

function receive(
  ports: FetchPorts,
  { job, reader, transfer }: FetchAttempt,
  hop: Visit & {
    connection: Connection;
    key: RouteKey;
    plan: TimeoutPlan;
    shape: ShapeWatch;
    part: PartRequest;
    noCache: boolean;
    watched: Watched;
  },
): Promise<ExchangeResult> {
  const { part, watched } = hop;
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
      askForMore: watched.askForMore,
      ...ports.timeoutSession.words(hop.key, hop.plan),
    },
    clock: ports.clock,
    signal: watched.signal,
    expectedBytes: part.isPart ? part.bytes : reader.length,
    throttle: ports.throttle,
    onHead: (head) => {
      // Logged when the head arrives, not when the body ends: the time of that line shows what the proxy does.
      const asksForRange = part.headers['range'] !== undefined;
      noteResponse(ports, { id: job.name, connection: hop.connection, url: hop.url, head, asksForRange });
      if (isRedirect(head.status)) return null;
      hop.shape.responded(isFromCache(head));
      const { facts } = hop.connection;
      const sink = reader.open(head, { url: hop.url, hop: answersFrom(facts), proxy: facts.proxy });
      return sink === null ? null : timed(sink, hop, ports.clock);
    },
  });
}

/** Wraps a sink to record when its bytes arrive. */
function timed(
  sink: BodySink,
  { shape, watched }: { readonly shape: ShapeWatch; readonly watched: Watched },
  clock: Clock,
): BodySink {
  let bytes = 0;
  return {
    write(chunk) {
      bytes += chunk.length;
      shape.received(clock.monotonic(), bytes);
      watched.bytes();
      sink.write(chunk);
    },
  };
}

function noteResponse(
  ports: FetchPorts,
  response: { readonly id: string; connection: Connection; url: URL; head: ResponseInfo; asksForRange: boolean },
): void {
  const { head, asksForRange } = response;
  if (head.via !== null) ports.report({ name: 'response-via', via: head.via, update_id: response.id });
  const isExpected = head.status === 200 || head.status === 206;
  ports.watch.responded({
    proxy: response.connection.facts.proxyUrl,
    origin: response.url.origin,
    via: head.via,
    rangeWorked: asksForRange && isExpected ? head.status === 206 : null,
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
