// The interface of a durable download: its inputs, what it needs from the program, and its result. Types only.

import type { Purpose } from '#config/purposes.ts';
import type { Hop } from '#errors/hop.ts';
import type { Deadlines } from '#http/deadlines.ts';
import type { Throttle } from '#http/exchange.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { PathAdvice } from '#path/advice.ts';
import type { TransferShape } from '#path/kind.ts';
import type { LimitObservation } from '#path/limits.ts';
import type { KeptConnections } from '#proxy/kept-connections.ts';
import type { Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { FileIdentity, Files } from '#system/files.ts';
import type { AttemptOutcome, PlannedRoute, PreviousAttempt, RouteKey, TimeoutPlan } from '#timeout/model.ts';
import type { Settled } from './copies.ts';
import type { Reserve } from './disk-space.ts';
import type { ProxyWitnesses } from './hold-watch.ts';
import type { RunningTransfers } from './running-transfers.ts';

/**
 * Why a transfer is worth a longer wait. `reached`: the server answers through the proxy. `unreached`: the proxy lives, but
 * the server does not answer. `alone`: the proxy answers no second connection, so nothing can be asked. `no`: it is not.
 */
export type Worth = 'reached' | 'unreached' | 'alone' | 'no';

/** What to fetch. A feed promises length and digest. */
export interface FetchJob {
  readonly name: string;
  readonly url: URL;
  /** Null if nothing promises it. Then the first response shows it. */
  readonly length: number | null;
  /**
   * Null if nothing promises it. Then bytes on disk are resumed only under a strong validator that the response repeats
   * (RFC 9110, 13.1.5 and 15.3.7.3).
   */
  readonly sha256: string | null;
  /** The first bytes of every file of this kind. A body that begins differently is refused before it is written. */
  readonly begins?: Uint8Array;
  /** Stored in the journal for the caller's recovery. Without a digest, only bytes under an equal note are resumed. */
  readonly note: unknown;
  /**
   * After bytes were wrong: caches must revalidate, and a file that is requested from its first byte is requested as a
   * whole, if the path lets it through.
   */
  readonly fresh: boolean;
  /**
   * The caller makes the complete file and its journal durable (`syncStaged`). After a power cut before that, the file is
   * fetched again, so this suits small files.
   */
  readonly syncsLater?: boolean;
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
  /** What is known of the path, and the place for what this fetch observes. */
  readonly paths: FetchPaths;
  /** Free space that a download leaves on the disk. */
  readonly reserve: Reserve;
  /** Limits how fast the body is read. */
  readonly throttle?: Throttle | undefined;
  /** Finds out that a proxy is dead. If absent, only the timeouts end a wait. */
  readonly witnesses?: Pick<ProxyWitnesses, 'watch'> | undefined;
  /** The downloads that run at the same time. If absent, this one runs alone. */
  readonly running?: RunningTransfers | undefined;
  /** Connections of earlier fetches, which are used again. If absent, each request has its own. */
  readonly connections?: KeptConnections | undefined;
  readonly report: ScopedReport;
  readonly watch: FetchWatcher;
}

/** Plans the timeouts and records the outcome. */
interface FetchTimeouts {
  /** The deadlines for one request over this route. `previous` is an earlier request of the same attempt. */
  plan(route: PlannedRoute, size: number, previous?: PreviousAttempt): TimeoutPlan;
  /** The words that a failure by one of these deadlines uses. */
  words(route: RouteKey, plan: TimeoutPlan): Pick<Deadlines, 'key' | 'words'>;
  /** Called at the total deadline: returns a later one, or 0. `plan.size` is what this attempt has to bring. */
  extend(plan: TimeoutPlan, elapsedMs: number, bytes: number): number;
  /** Records what the attempt showed. Whether its bytes are right is not known yet. */
  observe(route: RouteKey, outcome: AttemptOutcome, shape: TransferShape): void;
}

/** Knows the limits of each path. `PathHabits` is one. */
interface FetchPaths {
  adviceFor(route: RouteKey): PathAdvice;
  observeLimit(route: RouteKey, observed: LimitObservation): void;
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
  /** The file is requested in parts of at most this many bytes, because of what the path was observed to do. */
  inParts(bytes: number, evidence: string): void;
  /** What probes of the proxy showed while it was silent: an answer and how long it took, or unanswered ones. */
  probed?(
    at: { readonly proxy: string | null; readonly scans: boolean },
    shown: { readonly tookMs: number } | { readonly unanswered: number; readonly forMs: number },
  ): void;
  /**
   * The wait was extended to this time in all. `why` says what is known of the proxy and the server. `again` is true if a
   * second request has begun.
   */
  extended?(wait: {
    readonly proxy: string | null;
    readonly limitMs: number;
    readonly why: Exclude<Worth, 'no'>;
    readonly again: boolean;
  }): void;
  /** The first response showed the length of a file whose length nothing promised; null if it announces none. */
  announced?(length: number | null): void;
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

/** The complete file, not verified. */
export interface Fetched {
  /** The file and its journal are durable. */
  readonly isSynced: boolean;
  readonly path: string;
  /** The file that the bytes were written to and hashed in, even if another file has its name later. */
  readonly file: FileIdentity;
  /** Digest of the bytes on disk, hex. */
  readonly sha256: string;
  readonly length: number;
  /** Bytes that earlier attempts had left. */
  readonly keptBytes: number;
  /** Digest of those bytes as they were on disk, hex; null without any. */
  readonly keptSha256: string | null;
  /** Some bytes came in answer to a range request, now or in an earlier attempt. */
  readonly usedRanges: boolean;
  /**
   * The longest wait without a byte in this attempt, including the wait for the first one; null when nothing was
   * fetched.
   */
  readonly longestSilenceMs: number | null;
  /** Via of the response that brought the bytes. */
  readonly via: string | null;
  /** The hop that the bytes came from; null if some came in an earlier attempt, whose hop is not recorded. */
  readonly from: Hop | null;
  /** The route that the last bytes came over, and whether a cache sent them; null when nothing was fetched. */
  readonly source: { readonly route: RouteKey; readonly cached: boolean } | null;
}
