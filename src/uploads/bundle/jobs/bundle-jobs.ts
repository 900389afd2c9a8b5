// Jobs of support logs. A job is one bundle, from the request for it to its receipt.
//
// Guarantees: an accepted job is on disk. After a crash, an unfinished bundle is built again, and a finished one is put
// into the spool again until its job is sent or has failed. Nothing is collected while uploads are not allowed. The
// schedule and the platform together start at most one job an hour; a request gets one job. Sent jobs are deleted after
// `support_logs.keep_sent_days`, failed or unapproved ones after 30 days. If a new job needs the space, sent and failed
// jobs are deleted earlier.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Spool } from '#spool/spool.ts';
import type { Clock } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import type { Requester } from '#uploads/sent-lines.ts';
import type { BundleBody } from './bundle-kind.ts';
import { failureFields } from './bundle-sender.ts';
import { type BuiltFile, isEnded, type Job } from './job-record.ts';
import { isOver, type Retention, refusalOf, toFreeSpace } from './job-retention.ts';
import type { JobStore } from './job-store.ts';

/** The shortest time between two jobs that no person at this host requested. */
const AUTOMATIC_EVERY_MS = 3_600_000;
/** A person joins a running job that is at most this old. */
const JOINED_WITHIN_MS = 600_000;

/** What is requested. */
export interface BundleOrder {
  readonly requestedBy: Requester;
  readonly case: string | null;
  readonly note: string | null;
  /** Nothing older is collected, in ms since the epoch. */
  readonly sinceMs: number | null;
  /** Stops before the upload. */
  readonly prepare: boolean;
}

export interface BundleJobsPorts {
  readonly store: JobStore;
  readonly spool: Pick<Spool<BundleBody>, 'accept' | 'find' | 'drop' | 'retry' | 'hold'>;
  readonly clock: Clock;
  readonly report: ScopedReport;
  retention(): Retention;
  /** Why nothing may be collected or sent now; null if it may. */
  refusal(): CodedError | null;
  /** Collects, redacts and packs into this folder. It can be repeated after a crash. */
  build(job: Job, work: string, signal: AbortSignal): Promise<BuiltFile>;
  /** Called when an entry has entered the spool, or is due now. */
  queued(): void;
  /** Called after each change of a job. */
  changed(job: Job): void;
}

/** The result of a request. */
export interface StartedJob {
  readonly job: Job;
  /** Whether the job was running already. */
  readonly joined: boolean;
}

export class BundleJobs {
  readonly #ports: BundleJobsPorts;
  /** Requests, one at a time: two at once must not start two automatic jobs. */
  readonly #requests = new Turns();
  readonly #builds = new Turns();
  readonly #building = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(ports: BundleJobsPorts) {
    this.#ports = ports;
  }

  /** Jobs that are being built now. */
  get building(): readonly string[] {
    return [...this.#building.keys()];
  }

  /** Continues what a crash or a stop interrupted. */
  async resume(): Promise<void> {
    await this.prune();
    for (const job of this.#ports.store.all) {
      if (job.state === 'building' && job.origin === 'collected') this.#startBuilding(job);
      // The command that handed in its bytes has ended.
      else if (job.state === 'building') await this.#remove(job);
      else if (job.state === 'queued' || job.state === 'held') await this.#enqueue(job).catch(this.#tolerate);
    }
  }

  /**
   * Starts a job, or joins a running one. The job is on disk on return.
   * @throws CodedError POLICY-UPLOADS, UPLOADS-OFF, JOBS-FULL, JOB-TOO-SOON, DISK-FULL, FILE-*
   */
  request(order: BundleOrder): Promise<StartedJob> {
    return this.#requests.run(async () => {
      this.#stopping.signal.throwIfAborted();
      const { refusal, store } = this.#ports;
      const refused = refusal();
      if (refused !== null) throw refused;
      const running = this.#runningFor(order);
      if (running !== null) {
        if (order.requestedBy.how === 'command') await this.#sendNow(running);
        return { job: running, joined: true };
      }
      if (order.requestedBy.how !== 'command') this.#requirePause();
      await this.#freeSpace();
      const { requestedBy, sinceMs, ...fields } = order;
      const given = { ...fields, requested_by: requestedBy, since: sinceMs, origin: 'collected' } as const;
      const job = await store.create(given, requestedBy.request);
      this.#ports.report({ name: 'bundle-requested', job: job.id, by: requesterWords(requestedBy) });
      this.#startBuilding(job);
      return { job, joined: false };
    });
  }

  /**
   * Makes a job for a bundle whose bytes the caller writes into its folder, then passes to `imported`.
   * @throws CodedError POLICY-UPLOADS, UPLOADS-OFF, JOBS-FULL, DISK-FULL, FILE-*
   */
  importFrom(requestedBy: Requester, order: Pick<BundleOrder, 'case' | 'note'>): Promise<Job> {
    return this.#requests.run(async () => {
      const refused = this.#ports.refusal();
      if (refused !== null) throw refused;
      await this.#freeSpace();
      const fields = { case: order.case, note: order.note, since: null, prepare: false };
      return await this.#ports.store.create({ ...fields, requested_by: requestedBy, origin: 'imported' });
    });
  }

  /** Sends an imported bundle. */
  async imported(id: string, built: BuiltFile): Promise<Job> {
    const { store, report } = this.#ports;
    const job = await this.#change(id, { built, state: 'queued' });
    report({ name: 'bundle-requested', job: id, by: requesterWords(job.requested_by) });
    await this.#enqueue(job);
    return store.known(id);
  }

  /**
   * Sends a prepared bundle, exactly as it was shown.
   * @throws CodedError JOB-UNKNOWN, JOB-STATE, JOB-DIGEST, POLICY-UPLOADS, UPLOADS-OFF, DISK-FULL, FILE-*
   */
  approve(id: string, given: { readonly sha256: string | null; readonly by: string }): Promise<Job> {
    return this.#requests.run(async () => {
      const { store, refusal, report } = this.#ports;
      const { state, built } = store.known(id);
      const refused = refusal();
      if (refused !== null) throw refused;
      if (state !== 'prepared' || built === null) throw coded('JOB-STATE', { job: id, state, wanted: 'prepared' });
      if (given.sha256 !== null && given.sha256.toLowerCase() !== built.sha256) {
        throw coded('JOB-DIGEST', { job: id, sha256: built.sha256 });
      }
      const job = await this.#change(id, { approved_by: given.by, state: 'queued' });
      report({ name: 'bundle-approved', job: id, by: given.by, sha256: built.sha256 });
      await this.#enqueue(job);
      return store.known(id);
    });
  }

  /** Deletes a job that is not being built or sent. @throws CodedError JOB-UNKNOWN, JOB-STATE, FILE-* */
  async discard(id: string): Promise<void> {
    const job = this.#ports.store.known(id);
    if (job.state !== 'prepared' && !isEnded(job)) {
      throw coded('JOB-STATE', { job: id, state: job.state, wanted: 'prepared, sent or failed' });
    }
    await this.#remove(job);
  }

  /** An entry has left the spool: sent, refused, or dropped by an admin. */
  async left(id: string, how: 'ended' | 'set-aside'): Promise<void> {
    const job = this.#ports.store.get(id);
    if (job === null) return;
    const { keepSentDays } = this.#ports.retention();
    if (how === 'set-aside') {
      await this.#change(id, { state: 'failed', failure: failureFields(coded('BUNDLE-CHANGED', { job: id })) });
    } else if (!isEnded(job)) await this.#remove(job);
    else await this.#ports.store.clearWork(id, { keepsFile: job.state === 'sent' && keepSentDays > 0 });
    await this.prune();
  }

  /** Deletes jobs whose time is over. Expected failures are left to the next call. */
  async prune(): Promise<void> {
    const { store, clock, retention } = this.#ports;
    for (const job of store.all) {
      if (!isOver(job, retention(), clock.now()) || this.#building.has(job.id)) continue;
      await this.#remove(job).catch(this.#tolerate);
    }
  }

  /** Resolves when this job is not being built. */
  async built(id: string): Promise<void> {
    await this.#building.get(id);
  }

  /** Ends building; it is repeated at the next start. */
  async stop(reason: CodedError): Promise<void> {
    this.#stopping.abort(reason);
    await Promise.all(this.#building.values());
  }

  /** A job that a person may join, or the job of the same request of the platform. */
  #runningFor({ requestedBy, prepare, sinceMs, ...wanted }: BundleOrder): Job | null {
    const { store, clock } = this.#ports;
    if (requestedBy.how === 'platform') {
      return store.all.find((job) => job.requested_by.request === requestedBy.request) ?? null;
    }
    if (requestedBy.how !== 'command') return null;
    const isSame = (job: Job) =>
      (job.state === 'building' || job.state === 'queued') &&
      job.origin === 'collected' &&
      Math.abs(clock.now() - job.created_at) <= JOINED_WITHIN_MS &&
      job.prepare === prepare &&
      job.since === sinceMs &&
      (wanted.case === null || job.case === wanted.case) &&
      (wanted.note === null || job.note === wanted.note);
    return store.all.findLast(isSame) ?? null;
  }

  /** @throws CodedError JOB-TOO-SOON */
  #requirePause(): void {
    const { store, clock } = this.#ports;
    const now = clock.now();
    for (const { requested_by: by, created_at: at } of store.all) {
      // A job in the future comes from a clock that was wrong.
      if (by.how !== 'command' && at <= now && now - at < AUTOMATIC_EVERY_MS) {
        throw coded('JOB-TOO-SOON', { wait: AUTOMATIC_EVERY_MS - (now - at) });
      }
    }
  }

  /** @throws CodedError JOBS-FULL, FILE-* */
  async #freeSpace(): Promise<void> {
    const { store, retention } = this.#ports;
    const full = refusalOf(store.all, retention());
    if (full !== null) throw full;
    for (const job of toFreeSpace(store.all, retention())) await this.#remove(job);
  }

  #startBuilding(job: Job): void {
    if (this.#building.has(job.id)) return;
    const work = this.#builds.run(() => this.#build(job.id)).finally(() => this.#building.delete(job.id));
    this.#building.set(job.id, work);
  }

  /** Never rejects. */
  async #build(id: string): Promise<void> {
    const { signal } = this.#stopping;
    try {
      signal.throwIfAborted();
      await this.#buildOne(id, signal);
    } catch (thrown) {
      // A stop is not a failure: the next start builds it again.
      if (signal.aborted) return;
      await this.#failed(id, asCoded(thrown));
    }
  }

  async #buildOne(id: string, signal: AbortSignal): Promise<void> {
    const { store, build, refusal, report } = this.#ports;
    const job = store.known(id);
    const refused = refusal();
    if (refused !== null) throw refused;
    const built = await build(job, store.workOf(id), signal);
    const { prepare } = job;
    const saved = await this.#change(id, { built, state: prepare ? 'prepared' : 'queued', failure: null });
    const facts = { job: id, length: built.length, files: built.files.length, leftOut: built.left_out.length };
    report({ name: prepare ? 'bundle-prepared' : 'bundle-built', ...facts });
    if (!prepare) await this.#enqueue(saved);
  }

  async #failed(id: string, error: CodedError): Promise<void> {
    this.#ports.report({ name: 'bundle-failed', job: id, error });
    const { store } = this.#ports;
    await this.#change(id, { state: 'failed', failure: failureFields(error) }).catch(this.#tolerate);
    await store.clearWork(id, { keepsFile: false }).catch(this.#tolerate);
  }

  async #enqueue({ id, built }: Job): Promise<void> {
    if (built === null) return;
    const { spool, queued } = this.#ports;
    await spool.accept({ key: id, body: { job: id, length: built.length, sha256: built.sha256 }, isOwed: true });
    queued();
  }

  /** A person who requests it again does not wait for the next try. */
  async #sendNow({ id }: Job): Promise<void> {
    const { spool, queued } = this.#ports;
    const head = spool.find(id);
    if (head === null || head.postponed === null || head.held) return;
    spool.hold(0);
    await spool.retry(head);
    queued();
  }

  async #change(id: string, fields: Partial<Job>): Promise<Job> {
    const job = await this.#ports.store.update(id, () => fields);
    this.#ports.changed(job);
    return job;
  }

  async #remove(job: Job): Promise<void> {
    await this.#ports.store.remove(job.id);
    this.#ports.changed(job);
  }

  /** An expected failure of a cleanup is repeated at the next start; any other is a bug, and reported as one. */
  readonly #tolerate = (thrown: unknown): void => {
    const error = asCoded(thrown);
    if (error.entry.class === 'internal') this.#ports.report({ name: 'fault', error });
  };
}

/** Who requested a job, in words. */
export function requesterWords({ how, user, request }: Requester): string {
  if (how === 'schedule') return 'the schedule';
  if (how === 'command') return user ?? 'an unknown user';
  return `the platform (request ${request ?? '-'})`;
}
