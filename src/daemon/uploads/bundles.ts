// Support logs in the daemon: runs jobs, and sends their bundles while the settings allow it.
//
// Guarantees: a change of the settings takes effect without a restart, even during an upload. While the purpose is
// disabled, nothing is collected, created on disk or connected, and waiting bundles are kept. A store that cannot be
// opened is reported and tried again every minute; other parts are not affected. `open` must be called before `start`,
// and `attach` before the first job.

import { progressed, type TransferProgress } from '#daemon/transfer-progress.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Spool } from '#spool/spool.ts';
import type { Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import { timeoutSettings } from '#timeout/settings.ts';
import type { BundleJobs } from '#uploads/bundle/jobs/bundle-jobs.ts';
import type { BundleBody } from '#uploads/bundle/jobs/bundle-kind.ts';
import type { Job } from '#uploads/bundle/jobs/job-record.ts';
import { limitBytes, MAX_OPEN_JOBS } from '#uploads/bundle/jobs/job-retention.ts';
import { PlatformRequests } from '#uploads/platform-requests.ts';
import { uploadsRefused } from '#uploads/upload-gate.ts';
import type { BundleContents } from './bundle-contents.ts';
import type { BundleDelivery } from './bundle-delivery.ts';
import type { OpenBundles } from './bundle-store.ts';
import type { OpenKind } from './kinds.ts';
import type { PurposePorts } from './ports.ts';

const PURPOSE = 'support_logs';
const AGAIN_MS = 60_000;
const PRUNE_EVERY_MS = 3_600_000;
/** In sentences. */
const TITLE = 'support logs';

/** What is open: the jobs, and the delivery while uploads are allowed. */
interface Opened extends OpenBundles {
  readonly jobs: BundleJobs;
}

/** The support logs of this host. */
export class SupportBundles {
  readonly #ports: PurposePorts;
  readonly #report: ScopedReport;
  readonly #turns = new Turns();
  readonly #listeners = new Set<(job: string) => void>();
  #progress: TransferProgress | null = null;
  #requests: Promise<PlatformRequests> | null = null;
  #load: (() => Promise<BundleContents>) | null = null;
  #contents: Promise<BundleContents> | null = null;
  #opened: Opened | null = null;
  #delivery: BundleDelivery | null = null;
  #failure: CodedError | null = null;
  #isStarted = false;
  #isStopped = false;
  #isResumed = false;
  #again: Timer | null = null;
  #pruning: Timer | null = null;

  constructor(ports: PurposePorts) {
    this.#ports = ports;
    this.#report = reportOf(PURPOSE, ports.report);
  }

  /** Why nothing may be collected or sent; null if it may. */
  get refusal(): CodedError | null {
    return uploadsRefused(PURPOSE, this.#ports.settings()) ?? this.#failure;
  }

  /** What is open; null if the purpose is not enabled and there are no jobs. */
  get opened(): Opened | null {
    return this.#opened;
  }

  get kinds(): readonly OpenKind[] {
    if (this.#opened === null) return [];
    const { max_bytes: maxBytes } = this.#ports.settings()[PURPOSE];
    return [kindOf(this.#opened.spool, limitBytes({ maxBytes }))];
  }

  get busyWith(): readonly string[] {
    const building = (this.#opened?.jobs.building ?? []).map((job) => `making bundle ${job} of support logs`);
    const sending = this.#delivery?.sending ?? null;
    return sending === null ? building : [...building, `uploading bundle ${sending} of support logs`];
  }

  /** The job that is being uploaded now. The bytes received are those that the server has confirmed. */
  get uploading(): TransferProgress | null {
    const job = this.#delivery?.sending ?? null;
    return this.#progress?.id === job ? this.#progress : null;
  }

  /** What makes the contents of bundles. */
  async contents(): Promise<BundleContents> {
    if (this.#load === null) throw coded('INTERNAL', { reason: 'nothing makes the contents of bundles' });
    this.#contents ??= this.#load();
    return await this.#contents;
  }

  /** Sets what makes the contents of bundles; loaded when it is needed. */
  attach(load: () => Promise<BundleContents>): void {
    this.#load = load;
  }

  /** Calls back after each change of a job, until the returned function is called. */
  watch(listener: (job: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The requests of the platform; opened when they are needed. @throws CodedError STATE-UNREADABLE */
  async requests(): Promise<PlatformRequests> {
    // One for all callers, because each saves the whole file. After a failure, the next caller tries again.
    this.#requests ??= this.#openRequests();
    const opening = this.#requests;
    try {
      return await opening;
    } catch (thrown) {
      if (this.#requests === opening) this.#requests = null;
      throw thrown;
    }
  }

  /** What is open, for a request. @throws CodedError POLICY-UPLOADS, UPLOADS-OFF, FOLDER-UNSAFE, FILE-* */
  async require(): Promise<Opened> {
    await this.#turns.run(() => this.#open());
    if (this.#opened !== null) return this.#opened;
    throw this.refusal ?? coded('INTERNAL', { reason: 'the jobs are not open' });
  }

  #openRequests(): Promise<PlatformRequests> {
    return PlatformRequests.open({
      ...this.#ports,
      report: this.#report,
      start: async ({ id, case: number }) => {
        const requestedBy = { how: 'platform', user: null, request: id } as const;
        const { jobs } = await this.require();
        const order = { requestedBy, case: number, note: null, sinceMs: null, prepare: false };
        return (await jobs.request(order)).job.id;
      },
    });
  }

  /** Opens the jobs if they are enabled, or if there are some. */
  async open(): Promise<void> {
    await this.#turns.run(() => this.#open());
  }

  /** Continues jobs and sends from now on, as the settings say, and follows their changes. */
  async start(): Promise<void> {
    this.#isStarted = true;
    this.#ports.config.watch({ ended: (outcome) => outcome === 'applied' && void this.#follow() });
    await this.#turns.run(() => this.#apply());
    this.#planPruning();
  }

  /** Sends one job now, without a daemon that would send it later. */
  async sendNow(job: string): Promise<void> {
    await this.#opened?.jobs.built(job);
    await this.#turns.run(() => this.#begin());
    await this.#delivery?.now();
  }

  /** Ends all work; bundles that wait are kept. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#again?.cancel();
    this.#pruning?.cancel();
    const reason = coded('INTERRUPTED', { reason: 'Sallyport is stopping' });
    await this.#turns.run(async () => {
      await Promise.all([this.#opened?.jobs.stop(reason), this.#end(reason)]);
    });
  }

  /** After new settings: what failed before may succeed with them. */
  async #follow(): Promise<void> {
    await this.#turns.run(async () => {
      this.#opened?.model.configure(timeoutSettings(this.#ports.settings()));
      const was = this.#delivery;
      await this.#apply();
      if (was !== null && this.#delivery === was) await was.retryFailed();
    });
  }

  /** Starts or stops jobs and uploads, as the settings say. */
  async #apply(): Promise<void> {
    if (!this.#isStarted || this.#isStopped) return;
    await this.#open();
    const { refusal } = this;
    if (refusal !== null) {
      if (this.#delivery === null) return;
      await this.#end(refusal);
      this.#report({ name: 'support-logs-off', error: refusal });
      return;
    }
    if (this.#opened === null || this.#delivery !== null) return;
    await this.#begin();
    const { url } = this.#ports.settings()[PURPOSE];
    if (url !== undefined) this.#report({ name: 'support-logs-on', url: shownUrl(new URL(url)) });
    if (!this.#isResumed) await this.#resume();
  }

  async #resume(): Promise<void> {
    this.#isResumed = true;
    await this.#opened?.jobs.resume();
  }

  async #open(): Promise<void> {
    if (this.#opened !== null || this.#isStopped) return;
    const { settings, clock } = this.#ports;
    try {
      const { JobStore } = await import('#uploads/bundle/jobs/job-store.ts');
      const isEnabled = uploadsRefused(PURPOSE, settings()) === null;
      if (!isEnabled && !(await JobStore.exists(this.#ports))) return;
      this.#opened = await this.#openJobs();
      this.#failure = null;
    } catch (thrown) {
      this.#failure = asCoded(thrown);
      this.#report({ name: 'support-logs-unusable', error: this.#failure });
      this.#again?.cancel();
      this.#again = clock.after(AGAIN_MS, () => void this.#turns.run(() => this.#apply()));
    }
  }

  /** Most hosts never send support logs, so these modules are loaded when they are needed. */
  async #openJobs(): Promise<Opened> {
    const { openBundles } = await import('./bundle-store.ts');
    const { BundleJobs: Jobs } = await import('#uploads/bundle/jobs/bundle-jobs.ts');
    const { settings, clock } = this.#ports;
    const open = await openBundles(this.#ports, async (job, how) => await jobs.left(job, how));
    const jobs: BundleJobs = new Jobs({
      ...open,
      clock,
      report: this.#report,
      retention: () => {
        const { keep_sent_days: keepSentDays, max_bytes: maxBytes } = settings()[PURPOSE];
        return { keepSentDays, maxBytes };
      },
      refusal: () => uploadsRefused(PURPOSE, settings()),
      build: async (job, work, signal) => await (await this.contents()).build(job, work, signal),
      queued: () => this.#delivery?.plan(),
      changed: ({ id }: Job) => this.#changed(id),
    });
    return { ...open, jobs };
  }

  async #begin(): Promise<void> {
    if (this.#delivery !== null || this.#opened === null) return;
    const { BundleDelivery: Delivery } = await import('./bundle-delivery.ts');
    const delivery = new Delivery({
      ...this.#ports,
      open: this.#opened,
      began: (job) => {
        const confirmed = this.#progress?.id === job ? this.#progress.received : 0;
        this.#progress = null;
        this.#confirm(job, confirmed);
      },
      progress: (job, confirmed) => this.#confirm(job, confirmed),
      changed: (job) => this.#changed(job),
    });
    this.#delivery = delivery;
    if (this.#isStarted) delivery.start();
  }

  async #end(reason: CodedError): Promise<void> {
    const delivery = this.#delivery;
    this.#delivery = null;
    await delivery?.stop(reason);
  }

  #confirm(job: string, received: number): void {
    const length = this.#opened?.store.get(job)?.built?.length ?? 0;
    this.#progress = progressed(this.#progress, { id: job, received, length }, this.#ports.clock.monotonic());
    this.#changed(job);
  }

  #changed(job: string): void {
    for (const listener of this.#listeners) listener(job);
  }

  #planPruning(): void {
    if (this.#isStopped) return;
    this.#pruning = this.#ports.clock.after(PRUNE_EVERY_MS, () => {
      void this.#opened?.jobs.prune();
      this.#planPruning();
    });
  }
}

function kindOf(spool: Spool<BundleBody>, bytes: number): OpenKind {
  return {
    name: spool.kind.name,
    title: TITLE,
    purpose: PURPOSE,
    spool,
    usage: () => ({
      items: spool.size,
      bytes: spool.content.bytes,
      limit: { items: MAX_OPEN_JOBS, bytes },
      oldestAtMs: spool.oldestAt(),
    }),
    retried: () => undefined,
  };
}
