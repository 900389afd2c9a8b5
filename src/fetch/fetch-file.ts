// Fetches one file to its final name, with the retries and timeouts of packages.
//
// Guarantees: FILE appears only when all bytes have arrived and, if a digest is known, match it. Bytes that do not
// match are deleted. All other bytes stay in FILE.part, also after a crash, and the next command continues with them.
// Relies on `fetchDurably` for each attempt.

import type { Settings } from '#config/settings.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { showDuration } from '#errors/template.ts';
import { shownUrl } from '#http/check-url.ts';
import { type AttemptCost, withRetries } from '#http/retry.ts';
import type { Report } from '#logging/events.ts';
import type { Wait, WaitChange } from '#logging/wait-line.ts';
import type { PathHabits } from '#path/habits.ts';
import type { PathKind, TransferShape } from '#path/kind.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Router } from '#proxy/route.ts';
import type { Clock, Random } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { TimeoutMemory } from '#timeout/memory.ts';
import type { ResponseTimeoutModel } from '#timeout/model.ts';
import { TimeoutSession } from '#timeout/timeout-session.ts';
import type { Settled } from '#transfer/copies.ts';
import { fetchDurably } from '#transfer/fetch.ts';
import type { Fetched, FetchPorts } from '#transfer/fetch-types.ts';
import type { ProxyWitnesses } from '#transfer/hold-watch.ts';
import { EXTENDED_BECAUSE } from '#transfer/late-farewell.ts';
import { WrongBytes } from '#updates/package/wrong-bytes.ts';
import { PART_NAME, type PartFolder } from './target.ts';

/** Minimum interval between two attempts, in milliseconds. */
const SOONEST_MS = 1_000;
/** A file that changes during each attempt never becomes complete. */
const MAX_RESTARTS = 5;

/** What to fetch, and where to. */
export interface FileJob {
  readonly url: URL;
  /** The expected digest, and where it comes from; null if none is known. */
  readonly digest: { readonly sha256: string; readonly source: string } | null;
  readonly allowedOrigins: readonly string[];
  readonly force: boolean;
}

/** Receives what happens. */
interface FileWatch {
  note(text: string): void;
  attempt(number: number): void;
  waits(wait: Omit<Wait, 'id'>): void;
  /** The wait that is shown has changed. */
  waitChanged(change: WaitChange): void;
  received(bytes: number, length: number | null): void;
}

export interface FilePorts {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly router: Router;
  readonly settings: Settings;
  readonly model: ResponseTimeoutModel;
  readonly timeouts: TimeoutMemory;
  readonly habits: PathHabits;
  readonly witnesses: ProxyWitnesses;
  readonly report: Report;
  /** Request headers; credentials only to the origin of the URL. */
  headers(credentials: boolean): Readonly<Record<string, string>>;
  /** Changes with every start of the host. */
  readonly boot: string;
  readonly watch: FileWatch;
}

/** The published file. */
export interface FileFetched {
  readonly fetched: Fetched;
  readonly proxy: string | null;
}

/** @throws CodedError of the last attempt; the reason of the signal */
export async function fetchToFile(
  ports: FilePorts,
  given: { readonly job: FileJob; readonly part: PartFolder },
  signal: AbortSignal,
): Promise<FileFetched> {
  return await new FileFetch(ports, given, signal).run();
}

class FileFetch {
  readonly #ports: FilePorts;
  readonly #job: FileJob;
  readonly #part: PartFolder;
  readonly #signal: AbortSignal;
  readonly #session: TimeoutSession<TransferShape, PathKind>;
  readonly #wrongBytes: WrongBytes;
  #settled: Settled | null = null;
  #proxy: string | null = null;
  #length: number | null = null;
  #isFresh = false;
  #restarts = 0;

  constructor(ports: FilePorts, given: { readonly job: FileJob; readonly part: PartFolder }, signal: AbortSignal) {
    this.#ports = ports;
    this.#job = given.job;
    this.#part = given.part;
    this.#signal = signal;
    const sha256 = given.job.digest?.sha256 ?? 'unknown';
    const { settings, ...timed } = ports;
    this.#session = new TimeoutSession(
      { ...timed, settings: () => settings, what: 'files' },
      { id: shownUrl(given.job.url), sha256 },
    );
    this.#wrongBytes = new WrongBytes(ports);
  }

  async run(): Promise<FileFetched> {
    const { clock, random, settings, watch } = this.#ports;
    const { attempts, max_delay_seconds: maxDelaySeconds } = settings.retry;
    let number = 0;
    const fetched = await withRetries(
      {
        ...{ attempts, maxDelaySeconds, clock, random, signal: this.#signal, soonestMs: SOONEST_MS },
        costOf: (error) => this.#costOf(error),
        onRetry: (error, spent, delayMs) => {
          watch.note(error.message);
          const count = spent === 0 ? '' : ` (attempt ${spent} of ${attempts} without progress)`;
          watch.note(`Trying again in ${Math.ceil(delayMs / 1_000)} s${count}.`);
        },
      },
      async () => {
        number += 1;
        watch.attempt(number);
        return await this.#attempt();
      },
    );
    await this.#part.publish(fetched, this.#job.force);
    await this.#part.discard();
    return { fetched, proxy: this.#proxy };
  }

  #costOf(error: CodedError): AttemptCost {
    const settled = this.#settled;
    this.#settled = null;
    if (error.code === 'FETCH-DIGEST') return this.#isFresh ? 'over' : this.#startFresh();
    if (settled?.nextRequestsWhole === true) {
      this.#restarts += 1;
      return this.#restarts > MAX_RESTARTS ? 'over' : 'none';
    }
    return settled?.madeProgress === true ? 'reset' : 'one';
  }

  /** One attempt from the start follows, past all caches. */
  #startFresh(): AttemptCost {
    this.#isFresh = true;
    return 'none';
  }

  async #attempt(): Promise<Fetched> {
    let fetched: Fetched;
    try {
      const { url, digest } = this.#job;
      const sha256 = digest?.sha256 ?? null;
      const job = {
        name: PART_NAME,
        url,
        length: null,
        sha256,
        note: { boot: this.#ports.boot },
        fresh: this.#isFresh,
      };
      fetched = await fetchDurably(this.#fetchPorts(), job, this.#signal);
    } catch (thrown) {
      await this.#settle({ verified: false, whole: false });
      throw thrown;
    }
    const whole = fetched.keptBytes === 0;
    const error = this.#check(fetched);
    await this.#settle({ verified: error === null, whole });
    if (error === null) {
      await this.#wrongBytes.resolved(fetched, this.#signal);
      return fetched;
    }
    this.#wrongBytes.found(fetched);
    await this.#part.discard();
    // Without a resume and a cache, the same request would bring the same bytes.
    if (!fetched.usedRanges && fetched.source?.cached !== true) this.#isFresh = true;
    throw error;
  }

  #check({ sha256, from }: Fetched): CodedError | null {
    const { digest, url } = this.#job;
    if (digest === null || digest.sha256 === sha256) return null;
    const facts = { url: shownUrl(url), found: sha256, expected: digest.sha256, source: digest.source };
    return coded('FETCH-DIGEST', facts).at(from);
  }

  async #settle(ended: { readonly verified: boolean; readonly whole: boolean }): Promise<void> {
    await this.#session.settle(ended);
    // What is not remembered makes the next command slower, not wrong.
    await this.#ports.habits.saveLimits().catch(() => undefined);
  }

  #fetchPorts(): FetchPorts {
    const { files, clock, router, habits, report } = this.#ports;
    const { watch } = this.#ports;
    return {
      ...{ files, clock, router, purpose: 'updates' as const },
      stagingDir: this.#part.path,
      configured: this.#job.url,
      allowedOrigins: this.#job.allowedOrigins,
      headers: (credentials) => this.#ports.headers(credentials),
      timeoutSession: this.#session,
      paths: habits,
      witnesses: this.#ports.witnesses,
      // The user chose the disk of this file. The reserve protects the disk of the daemon's packages.
      reserve: { bytes: 0, key: 'updates.reserve_bytes' },
      report: reportOf('updates', report),
      watch: {
        began: (offset) => {
          if (offset > 0) watch.note(`Resuming from byte ${offset}.`);
        },
        startedOver: (reason) => watch.note(`Starting over: ${reason}.`),
        planned: ({ firstByteMs: limitMs, size }, { route, proxy, scans }) => {
          this.#proxy = proxy;
          const { held: heldMs, held_size: heldSize } = this.#session.held(route, size);
          watch.waits({ limitMs, proxy, scans, heldMs, heldSize });
        },
        inParts: (bytes, evidence) => watch.note(`Requesting parts of ${bytes} bytes, because ${evidence}.`),
        probed: ({ proxy }, shown) => {
          const name = proxy ?? 'the proxy';
          watch.waitChanged({
            probed: 'tookMs' in shown ? { answeredMs: shown.tookMs } : { silentMs: shown.forMs },
          });
          if ('tookMs' in shown)
            watch.note(`Proxy ${name} answers in ${Math.round(shown.tookMs)} ms and holds this file.`);
          else
            watch.note(
              `Proxy ${name} has not answered ${shown.unanswered} probes for ${Math.round(shown.forMs / 1_000)} s.`,
            );
        },
        extended: ({ proxy, limitMs, why, again }) => {
          watch.waitChanged({ limitMs });
          const second = again ? ', and the file is requested a second time' : '';
          watch.note(
            `Proxy ${proxy ?? ''} ${EXTENDED_BECAUSE[why]}, so the response timeout is extended to ${showDuration(limitMs)}${second}.`,
          );
        },
        announced: (length) => {
          this.#length = length;
        },
        progress: (received) => watch.received(received, this.#length),
        responded: (observation) => habits.observe(observation),
        failed: (settled) => {
          this.#settled = settled;
        },
        led: () => undefined,
      },
    };
  }
}
