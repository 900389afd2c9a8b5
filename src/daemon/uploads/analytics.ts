// Exposure analytics in the daemon: opens the store of documents, and accepts and sends documents while the settings
// allow it.
//
// Guarantees: a change of the settings takes effect without a restart, even during a delivery. If the purpose is
// disabled, accepted documents are kept, and are sent when it is enabled again. A store that cannot be opened is
// reported and tried again every minute; other parts are not affected. `open` must be called before `start`.

import { purposeRow } from '#config/purposes.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Documents } from '#spool/segments/documents.ts';
import type { Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import { uploadsRefused } from '#uploads/upload-gate.ts';
import type { AnalyticsDelivery } from './analytics-delivery.ts';
import { hasWaitingDocuments, openStore } from './analytics-store.ts';
import { closeUnreadDirectories } from './drop-marker.ts';
import type { OpenKind } from './kinds.ts';
import type { PurposePorts } from './ports.ts';

const PURPOSE = 'exposure_analytics';
const AGAIN_MS = 60_000;

/** What runs while documents are accepted. */
interface Running {
  readonly delivery: AnalyticsDelivery;
  /** After it, nothing uses the store any more. */
  stop(reason: CodedError): Promise<void>;
}

/** The documents of this host. */
export class Analytics {
  readonly #ports: PurposePorts;
  readonly #turns = new Turns();
  #store: Documents | null = null;
  #running: Running | null = null;
  #failure: CodedError | null = null;
  #isStarted = false;
  #isStopped = false;
  #again: Timer | null = null;

  constructor(ports: PurposePorts) {
    this.#ports = ports;
  }

  /** Why no document is accepted; null if they are. */
  get refusal(): CodedError | null {
    return uploadsRefused(PURPOSE, this.#ports.settings()) ?? this.#failure;
  }

  /** The store; null if the purpose is not enabled and nothing waits. */
  get store(): Documents | null {
    return this.#store;
  }

  get kinds(): readonly OpenKind[] {
    return this.#store === null ? [] : [this.#kindOf(this.#store)];
  }

  get busyWith(): readonly string[] {
    return this.#running?.delivery.isBusy === true ? ['sending exposure analytics'] : [];
  }

  /** Opens the store if it is enabled, or if documents wait in it. */
  async open(): Promise<void> {
    await this.#turns.run(() => this.#openStore());
  }

  /** Accepts and sends from now on, as the settings say, and follows their changes. */
  async start(): Promise<void> {
    this.#isStarted = true;
    this.#ports.config.watch({ ended: (outcome) => outcome === 'applied' && void this.#follow() });
    await this.#turns.run(() => this.#apply());
    await this.#closeUnread();
    if (this.#running === null) this.#sayKept();
  }

  #closeUnread(): Promise<void> {
    const { files, settings } = this.#ports;
    return closeUnreadDirectories(files, settings()[PURPOSE].drop_dir, this.#running !== null);
  }

  /** Ends all work; documents that wait are kept. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#again?.cancel();
    await this.#turns.run(async () => {
      await this.#end(coded('INTERRUPTED', { reason: 'Sallyport is stopping' }));
      await this.#store?.close();
    });
  }

  /** After new settings: what failed before may succeed with them. */
  async #follow(): Promise<void> {
    await this.#turns.run(async () => {
      const was = this.#running;
      await this.#apply();
      if (this.#running !== null && this.#running === was) await was.delivery.retryFailed();
    });
  }

  /** Starts or stops accepting and sending, as the settings say. */
  async #apply(): Promise<void> {
    if (!this.#isStarted || this.#isStopped) return;
    await this.#openStore();
    const { refusal } = this;
    if (refusal === null && this.#store !== null) await this.#begin(this.#store);
    else if (refusal !== null && this.#running !== null) {
      await this.#end(refusal);
      await this.#closeUnread();
      this.#report({ name: 'analytics-off', error: refusal });
      this.#sayKept();
    }
  }

  async #openStore(): Promise<void> {
    if (this.#store !== null || this.#isStopped) return;
    const isEnabled = uploadsRefused(PURPOSE, this.#ports.settings()) === null;
    try {
      if (!isEnabled && !(await hasWaitingDocuments(this.#ports))) return;
      this.#store = await openStore(this.#ports);
      this.#failure = null;
    } catch (thrown) {
      this.#failure = asCoded(thrown);
      this.#report({ name: 'analytics-unusable', error: this.#failure });
      this.#again?.cancel();
      this.#again = this.#ports.clock.after(AGAIN_MS, () => void this.#turns.run(() => this.#apply()));
    }
  }

  async #begin(documents: Documents): Promise<void> {
    if (this.#running !== null) return;
    // Most hosts never send documents, so these modules are loaded when they are needed.
    const { startAnalytics } = await import('./analytics-running.ts');
    this.#running = await startAnalytics({ ...this.#ports, documents });
    const { url } = this.#ports.settings()[PURPOSE];
    if (url !== undefined) this.#report({ name: 'analytics-on', url: shownUrl(new URL(url)) });
  }

  async #end(reason: CodedError): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.stop(reason);
  }

  #sayKept(): void {
    const documents = this.#store?.waiting.documents ?? 0;
    if (documents > 0) this.#report({ name: 'documents-kept', documents });
  }

  #report(event: Parameters<ReturnType<typeof reportOf>>[0]): void {
    reportOf(PURPOSE, this.#ports.report)(event);
  }

  #kindOf(store: Documents): OpenKind {
    return {
      name: store.batches.kind.name,
      title: purposeRow(PURPOSE).title,
      purpose: PURPOSE,
      spool: store.batches,
      usage: () => {
        const { documents, bytes, oldestAtMs } = store.waiting;
        const { quota } = store;
        return { items: documents, bytes, limit: { items: quota.documents, bytes: quota.bytes }, oldestAtMs };
      },
      retried: () => this.#running?.delivery.forget(),
    };
  }
}
