// The second and third step: downloads one package durably and verifies it, with up to `retry.attempts` attempts. An
// attempt that received bytes does not count. Neither does a failed resume that is followed by a request for the whole
// file.
//
// Guarantees: on success there is a staged file that passed every verifier, and its journal. On failure no file gets a
// final name, and bytes that can be resumed are kept. Bytes that failed a verifier are deleted, and the next attempt
// makes caches revalidate. A crash leaves the journal and the first part of the file.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, CodedError } from '#errors/coded-error.ts';
import { withRetries } from '#http/retry.ts';
import type { PathKind, TransferShape } from '#path/kind.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { wait } from '#system/clock.ts';
import { TimeoutSession } from '#timeout/timeout-session.ts';
import { fetchDurably } from '#transfer/fetch.ts';
import type { Fetched, FetchJob, FetchWatcher } from '#transfer/fetch-types.ts';
import { closeJournal } from '#transfer/journal.ts';
import { EXTENDED_BECAUSE } from '#transfer/late-farewell.ts';
import type { FeedReading, PackageUrl } from '#updates/feed/feed.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { reportRetry } from '#updates/report-retry.ts';
import { feedUrl, updatesHeaders } from '#updates/request.ts';
import type { JournalNote } from './journal-note.ts';
import type { PackageTurn } from './turn.ts';
import { FIRST_BYTES, type FileForm, verify, verifyDigests } from './verify.ts';
import { WrongBytes } from './wrong-bytes.ts';

/** Minimum interval between two attempts for a package, in milliseconds. */
const SOONEST_MS = 1_000;
const STARTS_OVER = 'the request for the rest failed. The bytes already here are kept until the new copy is longer';
/** Failures after which a cache may have sent something else than the package. */
const SPOILED: ReadonlySet<Code> = new Set<Code>(['DIGEST-MISMATCH', 'NOT-A-JAR', 'BODY-TOO-LONG']);

/** A verified package without its final name. */
export interface Downloaded {
  readonly fetched: Fetched;
  readonly url: URL;
  readonly elapsedMs: number;
  readonly note: JournalNote;
}

/** @throws CodedError of the last attempt; the signal's reason when it is aborted */
export async function download(
  ports: UpdatesPorts,
  wanted: {
    readonly item: FeedItem;
    readonly reading: FeedReading;
    readonly turn: PackageTurn;
    readonly form?: FileForm;
    /** Every digest that the file must have, by algorithm. Default: the SHA-256 of the item. */
    readonly digests?: ReadonlyMap<string, string>;
    readonly syncsLater?: boolean;
  },
  signal: AbortSignal,
): Promise<Downloaded> {
  const { item, reading, turn, form = 'jar', syncsLater = false } = wanted;
  const { digests = new Map([['sha256', item.sha256]]) } = wanted;
  const settings = ports.settings();
  const places = await reading.locate(item, signal);
  const note: JournalNote = {
    item,
    trust: reading.trust,
    feed: feedUrl(settings).href,
    feed_target: reading.listedIn?.(item),
    started_at: ports.clock.now(),
  };
  await reading.stage?.(item, note, signal);
  const timeoutSession = new TimeoutSession({ ...ports, timeouts: ports.spacedTimeouts ?? ports.timeouts }, item);
  const wrongBytes = new WrongBytes(ports);
  let fresh = false;
  const fetched = await withRetries(
    {
      attempts: settings.retry.attempts,
      maxDelaySeconds: settings.retry.max_delay_seconds,
      clock: ports.clock,
      random: ports.random,
      signal,
      soonestMs: SOONEST_MS,
      costOf: (error) => turn.costOf(error),
      onRetry: (error, attempt, delayMs) => {
        ports.report({ name: 'download-failed', id: item.id, error, hop: error.place });
        if (turn.startsOver) ports.report({ name: 'resume-impossible', id: item.id, reason: STARTS_OVER });
        reportRetry(ports, { attempt, delayMs, attempts: settings.retry.attempts });
      },
    },
    async () => {
      const { id: name, length } = item;
      const sha256 = digests.get('sha256') ?? null;
      const jobAt = ({ url }: PackageUrl): FetchJob => ({
        name,
        url,
        length,
        sha256,
        begins: FIRST_BYTES[form],
        // Without SHA-256, the bytes that are kept are identified by the note, which must then not contain the time.
        note: sha256 === null ? name : note,
        fresh,
        syncsLater,
      });
      try {
        return await firstThatHasIt(ports, { places, item, signal }, async (place) => ({
          ...(await downloadOverRoutes(
            ports,
            { job: jobAt(place), place, item, turn, timeoutSession, wrongBytes, form, digests },
            signal,
          )),
          url: place.url,
        }));
      } catch (thrown) {
        fresh ||= isContentFailure(thrown);
        throw thrown;
      }
    },
  );
  ports.report({ name: 'verified', id: item.id, sha256: fetched.sha256 });
  return { fetched, url: fetched.url, elapsedMs: turn.elapsedMs, note };
}

/**
 * Tries the places of a package in their order, and keeps what each one brings. A server that lacks the file is asked
 * for its other names; after any other failure the next server follows. A failure that no other place can resolve ends
 * the search: rejected credentials, a full disk. A missing file is reported only if nothing else went wrong.
 */
async function firstThatHasIt<T>(
  ports: UpdatesPorts,
  wanted: { readonly places: readonly PackageUrl[]; readonly item: FeedItem; readonly signal: AbortSignal },
  fetchAt: (place: PackageUrl) => Promise<T>,
): Promise<T> {
  const [first, ...rest] = wanted.places as [PackageUrl, ...PackageUrl[]];
  try {
    return await fetchAt(first);
  } catch (thrown) {
    wanted.signal.throwIfAborted();
    const error = asCoded(thrown);
    const places = isMissing(error) ? rest : rest.filter((one) => one.configured.href !== first.configured.href);
    if (places.length === 0 || ['auth', 'system', 'config'].includes(error.entry.class)) throw thrown;
    ports.report({ name: 'download-failed', id: wanted.item.id, error, hop: error.place });
    return await firstThatHasIt(ports, { ...wanted, places }, fetchAt).catch((last: unknown) => {
      throw isMissing(asCoded(last)) && !isMissing(error) ? error : last;
    });
  }
}

function isMissing({ code }: CodedError): boolean {
  return code === 'ORIGIN-REFUSED';
}

interface DownloadAttempt {
  readonly job: FetchJob;
  readonly place: PackageUrl;
  readonly item: FeedItem;
  readonly turn: PackageTurn;
  readonly timeoutSession: TimeoutSession<TransferShape, PathKind>;
  readonly wrongBytes: WrongBytes;
  readonly form: FileForm;
  readonly digests: ReadonlyMap<string, string>;
}

/**
 * Continues at once if the route changed meanwhile: the attempt itself did not fail. A proxy that limits the connections
 * of a client (Squid: `maxconn`) refuses the one for the package while that of the feed is open. That one is then
 * closed, and the request is repeated once.
 */
async function downloadOverRoutes(
  ports: UpdatesPorts,
  attempt: DownloadAttempt,
  signal: AbortSignal,
): Promise<Fetched> {
  for (;;) {
    const rerouted = ports.rerouted();
    try {
      return await fetchAndVerify(ports, attempt, AbortSignal.any([signal, rerouted]));
    } catch (thrown) {
      if (!signal.aborted && isDenied(thrown) && ports.session.unused > 0) {
        ports.session.close();
        // The proxy must learn of it first.
        await wait(ports.clock, SOONEST_MS, signal);
        continue;
      }
      if (signal.aborted || thrown !== rerouted.reason) throw thrown;
      ports.report({ name: 'rerouted', id: attempt.item.id, error: asCoded(thrown) });
    }
  }
}

async function fetchAndVerify(ports: UpdatesPorts, attempt: DownloadAttempt, signal: AbortSignal): Promise<Fetched> {
  const { item, timeoutSession, wrongBytes, form, digests } = attempt;
  let fetched: Fetched;
  try {
    fetched = await fetchDurably(fetchPorts(ports, attempt), attempt.job, signal);
  } catch (thrown) {
    await timeoutSession.settle({ verified: false, whole: false });
    await keepLimits(ports);
    throw thrown;
  }
  const whole = fetched.keptBytes === 0;
  let kind: PathKind | null = null;
  try {
    await discardingSpoiled(ports, item, () =>
      form === 'jar' ? verify(ports.files, fetched, item) : verifyDigests(ports.files, fetched, { digests, signal }),
    );
    kind = await timeoutSession.settle({ verified: true, whole });
  } catch (thrown) {
    await timeoutSession.settle({ verified: false, whole });
    if (!isContentFailure(thrown)) throw thrown;
    wrongBytes.found(fetched);
    // The kept bytes may be wrong after a power failure, and a range may have the bytes of another file. So one attempt
    // from the start follows, past all caches.
    if (!fetched.usedRanges || attempt.job.fresh) throw thrown;
    ports.report({
      name: 'resume-impossible',
      id: item.id,
      reason: 'the package was not correct after the download was resumed',
    });
    return await fetchAndVerify(ports, { ...attempt, job: { ...attempt.job, fresh: true } }, signal);
  }
  await wrongBytes.resolved(fetched, signal);
  await keepLimits(ports);
  if (fetched.longestSilenceMs !== null) {
    const { longestSilenceMs: silence } = fetched;
    ports.report({
      name: 'downloaded',
      id: item.id,
      length: item.length,
      elapsed: attempt.turn.elapsedMs,
      silence,
      kind,
    });
  }
  return fetched;
}

/** What was observed of the path is on disk before the next attempt, so that a process that is killed uses it again. */
async function keepLimits({ habits, report }: UpdatesPorts): Promise<void> {
  await habits.saveLimits().catch((thrown: unknown) => {
    const error = asCoded(thrown);
    if (error.code !== 'DISK-FULL') report({ name: 'fault', error });
  });
}

/** Deletes complete files that failed verification, the journal last. */
async function discardingSpoiled<T>(ports: UpdatesPorts, item: FeedItem, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (isContentFailure(thrown)) await closeJournal(ports.files, ports.store.stagingDir, item.id);
    throw thrown;
  }
}

function fetchPorts(ports: UpdatesPorts, attempt: DownloadAttempt): Parameters<typeof fetchDurably>[0] {
  const settings = ports.settings();
  const { timeoutSession, place } = attempt;
  return {
    files: ports.files,
    stagingDir: ports.store.stagingDir,
    clock: ports.clock,
    router: ports.router,
    purpose: 'updates',
    configured: place.configured,
    allowedOrigins: settings.updates.allowed_origins,
    headers: (credentials) => updatesHeaders(settings, ports, credentials && place.credentials),
    timeoutSession,
    paths: ports.habits,
    witnesses: ports.witnesses,
    reserve: { bytes: settings.updates.reserve_bytes, key: 'updates.reserve_bytes' },
    throttle: ports.throttle,
    running: ports.running,
    connections: ports.connections,
    report: reportOf('updates', ports.report),
    watch: watcher(ports, attempt),
  };
}

function watcher(
  ports: UpdatesPorts,
  { item: { id, length }, turn, timeoutSession }: Pick<DownloadAttempt, 'item' | 'turn' | 'timeoutSession'>,
): FetchWatcher {
  const { report, habits } = ports;
  return {
    began(offset) {
      if (offset === 0) report({ name: 'downloading', id });
      else report({ name: 'resuming', id, offset, length });
    },
    startedOver(reason) {
      report({ name: 'resume-impossible', id, reason });
      report({ name: 'downloading', id });
    },
    planned({ firstByteMs: limit, explanation }, { route, proxy, scans }) {
      const held = timeoutSession.held(route, length);
      report({ name: 'waiting', id, limit, size: length, explanation, proxy, scans, ...held });
    },
    inParts: (bytes, evidence) => report({ name: 'in-parts', id, size: bytes, evidence }),
    probed({ proxy, scans }, shown) {
      const who = scans ? 'it is holding' : 'the server behind it is silent about';
      if ('tookMs' in shown) report({ name: 'proxy-holds', id, proxy, latency: shown.tookMs, who });
      else report({ name: 'proxy-silent', id, proxy, count: shown.unanswered, elapsed: shown.forMs });
    },
    extended: ({ proxy, limitMs: limit, why, again }) => {
      const second = again ? ', and it is requested a second time' : '';
      report({ name: 'wait-extended', id, proxy, limit, why: EXTENDED_BECAUSE[why], again: second });
    },
    progress: (received) => report({ name: 'progress', id, received, length }),
    responded: (observation) => habits.observe(observation),
    failed: (settled) => turn.attemptFailed(settled),
    led: (to) => habits.ledTo({ purpose: 'updates', by: 'redirect', urls: [to] }),
  };
}

function isDenied(thrown: unknown): boolean {
  return thrown instanceof CodedError && thrown.code === 'POLICY-DENIED';
}

function isContentFailure(thrown: unknown): boolean {
  return thrown instanceof CodedError && SPOILED.has(thrown.code);
}
