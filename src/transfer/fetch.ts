// Makes one attempt to fetch one file durably: first the journal, then the bytes into `<name>.jar.unverified`.
//
// Guarantees: no copy ever gets more bytes than the feed lists. A failed attempt keeps its bytes. After a failed resume
// the next attempt requests everything and keeps the old bytes (`copies.ts`). The result is complete, synced and hashed
// but unverified: the caller compares the hash. Relies on `checkUrl` for every hop and on `checkResume` for every
// response. A crash leaves the journal and a prefix, which the next attempt resumes.

import type { Hash } from 'node:crypto';
import type { Purpose } from '#config/purposes.ts';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import type { Deadlines } from '#http/deadlines.ts';
import { type BodySink, type ExchangeResult, exchange } from '#http/exchange.ts';
import { type FollowStep, followRedirects, isRedirect } from '#http/follow.ts';
import { isFromCache } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { TransferShape } from '#path/kind.ts';
import { ShapeWatch } from '#path/shape-watch.ts';
import { answersFrom, type Connection, canLookInside, type Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { FileIdentity, Files } from '#system/files.ts';
import type { AttemptOutcome, RouteKey, TimeoutPlan } from '#timeout/model.ts';
import { Copies, type Settled } from './copies.ts';
import { type Reserve, SpaceWatch } from './disk-space.ts';
import { ResponseReader } from './response-reader.ts';
import { chooseValidator, type RangePlan, type TransferPlan } from './resume.ts';

/** What to fetch. The feed promises length and digest. */
export interface FetchJob {
  readonly name: string;
  readonly url: URL;
  readonly length: number;
  readonly sha256: string;
  /** The first bytes of every file of this kind. A body that begins differently is refused before it is written. */
  readonly begins: Uint8Array;
  /** Stored in the journal for the caller's recovery. */
  readonly note: unknown;
  /** Requests a fresh copy from caches, after bytes that came through them were wrong. */
  readonly fresh: boolean;
}

/** What a fetch depends on. */
export interface FetchPorts {
  readonly files: Files;
  readonly stagingDir: string;
  readonly clock: Clock;
  readonly router: Router;
  readonly purpose: Purpose;
  readonly configured: URL;
  readonly allowedOrigins: readonly string[];
  /** Request headers for a hop; credentials only where `checkUrl` allows them. */
  headers(credentials: boolean): Readonly<Record<string, string>>;
  readonly timeoutSession: FetchTimeouts;
  /** Free space that a download leaves on the disk. */
  readonly reserve: Reserve;
  readonly report: ScopedReport;
  readonly watch: FetchWatcher;
}

/** Plans the timeouts and records the outcome. */
interface FetchTimeouts {
  /** The deadlines for one attempt over this route. */
  plan(route: RouteKey, size: number): TimeoutPlan;
  /** The words that a failure by one of these deadlines uses. */
  words(route: RouteKey, plan: TimeoutPlan): Pick<Deadlines, 'key' | 'words'>;
  /** Called at the total deadline: returns a later one, or 0. `plan.size` is what this attempt has to bring. */
  extend(plan: TimeoutPlan, elapsedMs: number, bytes: number): number;
  /** Records what the attempt showed. Whether its bytes are right is not known yet. */
  observe(route: RouteKey, outcome: AttemptOutcome, shape: TransferShape): void;
}

/** Receives the events of one attempt. The caller names the subject. */
export interface FetchWatcher {
  began(offset: number): void;
  startedOver(reason: string): void;
  /** The wait begins, through this proxy if any. `scans` is true if the proxy can read the content. */
  planned(
    plan: TimeoutPlan,
    at: { readonly route: RouteKey; readonly proxy: string | null; readonly scans: boolean },
  ): void;
  progress(received: number): void;
  responded(response: Responded): void;
  /** The attempt failed; `settled` is what it leaves for the next one. */
  failed(settled: Settled): void;
  /** A redirect leads to this URL, which has not been checked. */
  led(to: URL): void;
}

/** What a response showed of its route. The ETag is set only if it is that of the package. */
interface Responded extends RouteKey {
  readonly via: string | null;
  readonly rangeWorked: boolean | null;
  readonly etag?: string | null;
}

/** The complete file, synced but not verified. */
export interface Fetched {
  readonly path: string;
  /** The file that the bytes were written to and hashed in, even if another file has its name later. */
  readonly file: FileIdentity;
  /** Digest of the bytes on disk, hex. */
  readonly sha256: string;
  readonly length: number;
  /** Bytes that earlier attempts had left. */
  readonly keptBytes: number;
  /**
   * The longest wait without a byte in this attempt, including the wait for the first one; null when nothing was
   * fetched.
   */
  readonly longestSilenceMs: number | null;
  /** Via of the response that brought the bytes. */
  readonly via: string | null;
  /** The hop that the bytes came from; null if some came in an earlier attempt, whose hop is not recorded. */
  readonly from: Hop | null;
}

/** @throws CodedError of the route, the exchange, LENGTH-MISMATCH, BODY-*, RANGE-INVALID, NOT-*, DISK-FULL, FILE-* */
export async function fetchDurably(ports: FetchPorts, job: FetchJob, signal: AbortSignal): Promise<Fetched> {
  const copies = await Copies.open(ports, job);
  try {
    const space = new SpaceWatch(ports.files, copies.path, ports.reserve);
    const plan = await planWithin(space, copies, job.length);
    const { range } = plan;
    const prefix = await copies.hash(plan, signal);
    const reader = new ResponseReader({
      file: copies.continued(plan),
      fromZeroFile: copies.fromZeroFile,
      job,
      range,
      prefix,
      space,
      clock: ports.clock,
      watch: ports.watch,
    });
    if (range.kind !== 'nothing') {
      ports.watch.began(range.kind === 'rest' ? range.offset : 0);
      await fill(ports, { job, plan, range, reader, copies, isConnected: false }, signal);
    }
    await copies.finish();
    return finished(copies, job, reader, prefix);
  } finally {
    await copies.close();
  }
}

interface FetchAttempt {
  readonly job: FetchJob;
  readonly plan: TransferPlan;
  readonly range: RangePlan;
  readonly reader: ResponseReader;
  readonly copies: Copies;
  /** The last hop has accepted the connection: from here on, a failure may be due to the request. */
  isConnected: boolean;
}

/**
 * If two copies do not fit on the disk, the copy whose rest could not be fetched is deleted.
 * @throws CodedError DISK-FULL
 */
async function planWithin(space: SpaceWatch, copies: Copies, length: number): Promise<TransferPlan> {
  const missing = (plan: TransferPlan) =>
    plan.range.kind === 'whole' ? length : length - copies.continued(plan).facts().size;
  const plan = copies.plan();
  try {
    await space.ensure(missing(plan));
    return plan;
  } catch (thrown) {
    if (!(thrown instanceof CodedError) || thrown.code !== 'DISK-FULL' || !(await copies.giveUpKept())) throw thrown;
  }
  const alone = copies.plan();
  await space.ensure(missing(alone));
  return alone;
}

async function fill(ports: FetchPorts, attempt: FetchAttempt, signal: AbortSignal): Promise<void> {
  try {
    await followRedirects({
      start: attempt.job.url,
      context: { configured: ports.configured, allowedOrigins: ports.allowedOrigins },
      report: ports.report,
      led: (to) => ports.watch.led(to),
      visit: (url, credentials) => visit(ports, attempt, { url, credentials, signal }),
    });
  } catch (thrown) {
    const { aborted } = signal;
    const blamed = !aborted && isAboutRequest(attempt, asCoded(thrown));
    ports.watch.failed(await settle(attempt, { aborted, blamed }));
    throw thrown;
  }
}

/**
 * Whether the failure may be due to the request. Failures that need another user, password or disk are not, and neither
 * is an unreachable proxy.
 */
function isAboutRequest({ isConnected }: FetchAttempt, error: CodedError): boolean {
  return isConnected && !['auth', 'system', 'config'].includes(error.entry.class);
}

async function settle(
  { reader, copies, plan }: FetchAttempt,
  why: { readonly aborted: boolean; readonly blamed: boolean },
): Promise<Settled> {
  const { head, wroteFromZero: fromZero, written, bytesWorthKeeping: keep } = reader;
  const validator =
    head === null || !fromZero ? null : chooseValidator(head.header('etag'), head.header('last-modified'));
  return await copies.settle(plan, { written, fromZero, keep, validator, ...why });
}

interface Visit {
  readonly url: URL;
  readonly credentials: boolean;
  readonly signal: AbortSignal;
}

async function visit(ports: FetchPorts, attempt: FetchAttempt, hop: Visit): Promise<FollowStep<void>> {
  const route = ports.router.route(ports.purpose, hop.url);
  attempt.isConnected = false;
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
  const outcome = {
    size: transfer.size,
    ok,
    timedOut: measured.timedOut,
    firstByteMs: measured.firstByteMs,
    longestSilenceMs: measured.longestSilenceMs,
    totalMs: measured.totalMs,
    atMs: ports.clock.now(),
  };
  const shape = transfer.shape.end(ports.clock.monotonic(), { whole: ok, timedOut: measured.timedOut !== null });
  ports.timeoutSession.observe(transfer.key, outcome, shape);
}

function finished({ path, file }: Copies, job: FetchJob, reader: ResponseReader, prefix: Hash): Fetched {
  const { head, longestSilenceMs, keptBytes } = reader;
  const { length } = job;
  if (head === null) {
    return {
      path,
      file,
      sha256: prefix.digest('hex'),
      length,
      keptBytes,
      longestSilenceMs: null,
      via: null,
      from: null,
    };
  }
  if (!reader.complete) throw coded('BODY-SHORT', { received: reader.received, expected: length, hop: reader.from });
  return {
    path,
    file,
    sha256: reader.digest(),
    length,
    keptBytes,
    longestSilenceMs,
    via: head.via,
    from: keptBytes === 0 ? reader.from : null,
  };
}
