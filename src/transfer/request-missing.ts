// Requests the bytes that an attempt still needs from one URL. The caller follows redirects.
//
// Guarantees: no other request uses the connection meanwhile. It is released, or kept for the next fetch. A connection
// that was used before and breaks without an answer costs no attempt: the request is repeated over a new one. The
// timeouts are planned after the connection was opened, because only then is the proxy known. `ResponseReader` decides
// what is written. Keeps no state.

import type { Code } from '#errors/catalogue.ts';
import type { ExchangeResult } from '#http/exchange.ts';
import { type FollowStep, isRedirect } from '#http/follow.ts';
import type { ResponseTiming } from '#http/response-info.ts';
import type { PathAdvice } from '#path/advice.ts';
import { ShapeWatch } from '#path/shape-watch.ts';
import { answersFrom, type Connection, canLookInside, isEndToEnd, type Route } from '#proxy/route.ts';
import type { RouteKey } from '#timeout/model.ts';
import type { FetchAttempt, Visit } from './fetch-attempt.ts';
import type { FetchPorts } from './fetch-types.ts';
import { type ReceivedPart, receivePart } from './late-farewell.ts';
import { GUESSED_BYTES } from './part-exchange.ts';
import { partOf } from './resume.ts';
import { whileWatched } from './while-watched.ts';

/** A transfer that was paused for a larger share of its time shows nothing about the speed of its route. */
const MAX_PAUSED_SHARE = 0.1;
/** Failures of a used connection that a new one may not have: it was closed, or its authentication has ended. */
const NEEDS_NEW: ReadonlySet<Code> = new Set<Code>(['CONNECTION-LOST', 'AUTH-STALE', 'NTLM-CONN']);
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

/** An open connection, which is the caller's until it is kept. */
interface Link {
  readonly route: Route;
  readonly connection: Connection;
  /** It has received a response before. */
  readonly wasUsed: boolean;
  isKept: boolean;
}

async function requestPart(ports: FetchPorts, attempt: FetchAttempt, hop: Visit): Promise<FollowStep<void> | 'more'> {
  attempt.isConnected = false;
  await ports.throttle?.ready(hop.signal);
  const link = await openLink(ports, attempt, hop);
  attempt.isConnected = true;
  try {
    const received = await requestOver(ports, attempt, { ...hop, link });
    if (link.wasUsed && isBroken(received.result)) {
      ports.connections?.lost(link.route);
      attempt.needsNewConnection = true;
      if (isUnanswered(received.result)) return 'more';
    }
    return conclude(ports, attempt, { hop, link, received });
  } finally {
    if (!link.isKept) link.connection.release();
  }
}

async function openLink(ports: FetchPorts, { job, needsNewConnection }: FetchAttempt, hop: Visit): Promise<Link> {
  const route = ports.router.route(ports.purpose, hop.url);
  const used = needsNewConnection ? null : (ports.connections?.take(route) ?? null);
  const connection = used ?? (await route.open({ bulk: true, signal: hop.signal, updateId: job.name }));
  return { route, connection, wasUsed: used !== null, isKept: false };
}

async function requestOver(
  ports: FetchPorts,
  attempt: FetchAttempt,
  { link, ...hop }: Visit & { readonly link: Link },
): Promise<ReceivedPart> {
  const { job, reader } = attempt;
  const { connection } = link;
  // The proxy that is really used is known only now, and each proxy has its own history.
  const key: RouteKey = { proxy: connection.facts.proxyUrl, origin: hop.url.origin };
  attempt.route = key;
  const advice = ports.paths.adviceFor(key);
  const part = partOf(reader.range, avoidsParts(attempt) ? { ...advice, rangeBytes: null } : advice, reader.length);
  const askedBytes = part.bytes ?? GUESSED_BYTES;
  const size = part.isPart ? askedBytes : (reader.length ?? GUESSED_BYTES);
  const isOpaque = isEndToEnd(connection.facts, hop.url);
  const plan = ports.timeoutSession.plan({ ...key, isOpaque }, size);
  const { proxy } = connection.facts;
  if (!attempt.isInParts) {
    ports.watch.planned(plan, { route: key, proxy, scans: canLookInside(connection.facts, hop.url) });
  }
  if (part.isPart && !attempt.isInParts) {
    attempt.isInParts = true;
    ports.watch.inParts(askedBytes, advice.evidence);
  }
  const shape = new ShapeWatch(ports.clock.monotonic(), askedBytes);
  const noCache = job.fresh || advice.noCache;
  // A path that cuts connections may count the bytes of all responses.
  const keep = advice.rangeBytes === null ? keeping(ports, link) : undefined;
  const first = { ...hop, connection, key, plan, shape, part, noCache, keep };
  return await whileWatched(ports, first, (watched) =>
    receivePart({ ...ports, throttle: watched.throttled(ports.throttle) }, attempt, { first, watched }),
  );
}

function keeping({ connections }: FetchPorts, link: Link): ((open: Connection) => void) | undefined {
  if (connections === undefined) return undefined;
  return (open) => {
    link.isKept = true;
    connections.keep(link.route, open);
  };
}

/** Records what the response showed of its path. Returns what follows from it. @throws what the reader refuses */
function conclude(
  ports: FetchPorts,
  attempt: FetchAttempt,
  { hop, link, received }: { readonly hop: Visit; readonly link: Link; readonly received: ReceivedPart },
): FollowStep<void> | 'more' {
  const { reader } = attempt;
  const { result, by } = received;
  const { part, key } = by;
  const { facts } = link.connection;
  const asked = part.bytes ?? GUESSED_BYTES;
  // How many bytes or seconds a used connection lasted is not known here.
  if (!link.wasUsed || !isBroken(result)) noteLimits(ports, key, { result, asked });
  if (result.head !== null && isRedirect(result.head.status)) return { redirect: result.head };
  if (isRefusedPart(result) && offersLess(ports.paths.adviceFor(key), asked)) {
    attempt.isTooBig = true;
    return 'more';
  }
  const askedPart = part.isPart ? part.bytes : null;
  // A response that continues another one does not show how long the whole takes.
  const ok = !received.isContinuation && (reader.isWhole(result, askedPart) || result.bytes === askedPart);
  const measuredSize = part.isPart ? asked : (reader.length ?? result.bytes);
  observe(ports, { key, size: measuredSize, result, shape: by.shape, ok });
  const from = { url: hop.url, hop: answersFrom(facts), proxy: facts.proxy };
  const isMissingMore = reader.conclude(from, result, askedPart);
  return isMissingMore ? 'more' : { value: undefined };
}

/** Whether the connection broke, or the proxy requests on it what only a new connection can have. */
function isBroken(result: ExchangeResult): boolean {
  return result.ended === 'failed' && NEEDS_NEW.has(result.error.code);
}

/** The response had not begun, so the other side may have closed the connection before the request. */
function isUnanswered({ head, bytes }: ExchangeResult): boolean {
  return head === null && bytes === 0;
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
