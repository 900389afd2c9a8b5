// Sends the batches of exposure analytics when they are due, until it is stopped.
//
// Guarantees: only one batch is sent at a time. A stop ends the running request, keeps its batch, and does not count
// as an attempt. After a failure, the first retry is at a random time within ten minutes, so that not all hosts retry
// at once after an outage. When the route changes, blocked batches are sent again, because another proxy may accept
// them.

import { purposeRow } from '#config/purposes.ts';
import { toFailure } from '#daemon/failure.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import { Session } from '#http/session/session.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { DeliveryTimer } from '#spool/delivery-timer.ts';
import type { Documents } from '#spool/segments/documents.ts';
import type { BatchRange } from '#spool/segments/range.ts';
import { onAbort } from '#system/abort.ts';
import { BatchSender } from '#uploads/analytics/batch-sender.ts';
import type { PurposePorts } from './ports.ts';
import { SentSummary, viaWords } from './sent-summary.ts';

const PURPOSE = 'exposure_analytics';
const FIRST_RETRY_MS = 600_000;
const BLOCKED = 'CONTENT-BLOCKED';

export interface AnalyticsDeliveryPorts extends PurposePorts {
  readonly documents: Documents;
}

/** The delivery of one open store. */
export class AnalyticsDelivery {
  readonly #ports: AnalyticsDeliveryPorts;
  readonly #session: Session;
  readonly #sender: BatchSender;
  readonly #summary: SentSummary;
  readonly #ending = new AbortController();
  readonly #timer: DeliveryTimer;
  #running: Promise<void> | null = null;
  #reroutes = 0;
  #startedMs = 0;
  #outcome: CodedError | 'sent' | null = null;
  #stopListening: () => void = () => undefined;

  constructor(ports: AnalyticsDeliveryPorts) {
    const { network, connectionClock, clock, documents, report, settings, agent, tokens } = ports;
    this.#ports = ports;
    this.#session = new Session({ router: network, purpose: PURPOSE, clock: connectionClock });
    this.#summary = new SentSummary(clock, reportOf(PURPOSE, report));
    this.#sender = new BatchSender({
      documents,
      session: this.#session,
      clock,
      scope: { purpose: PURPOSE, thread: purposeRow(PURPOSE).thread },
      settings,
      routeKey: ({ origin }) => `${this.#reroutes} ${origin}`,
      headers: () => ({
        ...purposeHeaders(PURPOSE, settings(), { agent, tokens, credentials: true }),
        'sallyport-agent': agent.id,
      }),
      record: async (facts) => {
        await ports.sent.batch({ ...facts, via: viaWords(facts.proxy) });
        this.#summary.add(facts, clock.monotonic() - this.#startedMs);
      },
    });
    this.#timer = new DeliveryTimer({ spool: documents.batches, clock, run: () => this.#run() });
  }

  /** Whether a delivery is running now. */
  get isBusy(): boolean {
    return this.#running !== null;
  }

  start(): void {
    this.#ports.documents.onQueued(() => this.#timer.plan());
    this.#listenForRoutes();
    this.#timer.plan();
  }

  /** Sends what failed once more now, and with `blocked` also what a scanner blocked. */
  async retryNow({ blocked }: { readonly blocked: boolean }): Promise<void> {
    const { batches } = this.#ports.documents;
    if (blocked) this.#sender.forget();
    batches.hold(0);
    for (const { head } of batches.list()) {
      const { postponed } = head;
      if (postponed === null || (head.held && postponed.error !== BLOCKED)) continue;
      if (postponed.error !== BLOCKED || blocked) await batches.retry(head).catch(asCoded);
    }
  }

  /** An admin had batches retried. */
  forget(): void {
    this.#sender.forget();
  }

  /** Ends the running request for this reason. */
  async stop(reason: CodedError): Promise<void> {
    this.#timer.stop();
    this.#stopListening();
    this.#ports.documents.onQueued(() => undefined);
    this.#ending.abort(reason);
    await this.#running;
    this.#summary.stop();
    this.#session.close();
  }

  #listenForRoutes(): void {
    this.#stopListening = onAbort(this.#ports.network.rerouted(PURPOSE), () => {
      this.#reroutes += 1;
      this.#session.close();
      // The next change of the route has another signal.
      queueMicrotask(() => {
        if (!this.#ending.signal.aborted) this.#listenForRoutes();
      });
      void this.retryNow({ blocked: true });
    });
  }

  /** Never rejects, as the timer wants it. */
  #run(): Promise<void> {
    this.#running = this.#deliver().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #deliver(): Promise<void> {
    const { documents, clock, random, report, settings } = this.#ports;
    const { signal } = this.#ending;
    const retry = () => ({ maxDelaySeconds: settings().retry.max_delay_seconds, baseMs: FIRST_RETRY_MS });
    const policy = (sending: Sending<BatchRange>) => this.#send(sending);
    this.#outcome = null;
    try {
      await deliver({ spool: documents.batches, clock, random, report, policy, retry }, signal);
    } catch (thrown) {
      if (!signal.aborted) report({ name: 'fault', error: asCoded(thrown) });
    }
    this.#summary.ended();
    this.#noteOutcome();
  }

  async #send(sending: Sending<BatchRange>): Promise<Verdict<BatchRange>> {
    this.#startedMs = this.#ports.clock.monotonic();
    const verdict = await this.#sender.send(sending);
    if (verdict.does === 'settle') this.#outcome = 'sent';
    else if (verdict.does !== 'split') this.#outcome = verdict.failure;
    return verdict;
  }

  /** Not awaited: it only informs. */
  #noteOutcome(): void {
    const { clock, outcomes, redactor } = this.#ports;
    if (this.#outcome === null) return;
    const failure = this.#outcome === 'sent' ? null : toFailure(this.#outcome, redactor);
    void outcomes.note(PURPOSE, { at: clock.now(), failure });
  }
}
