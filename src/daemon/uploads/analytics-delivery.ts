// Sends the batches of exposure analytics when they are due, until it is stopped.
//
// `spool-delivery.ts` says when it sends, retries and stops.

import { purposeRow } from '#config/purposes.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import { Session } from '#http/session/session.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Documents } from '#spool/segments/documents.ts';
import type { BatchRange } from '#spool/segments/range.ts';
import { BatchSender } from '#uploads/analytics/batch-sender.ts';
import type { PurposePorts } from './ports.ts';
import { SentSummary, viaWords } from './sent-summary.ts';
import { SpoolDelivery } from './spool-delivery.ts';

const PURPOSE = 'exposure_analytics';

export interface AnalyticsDeliveryPorts extends PurposePorts {
  readonly documents: Documents;
}

/** The delivery of one open store. */
export class AnalyticsDelivery {
  readonly #ports: AnalyticsDeliveryPorts;
  readonly #session: Session;
  readonly #sender: BatchSender;
  readonly #summary: SentSummary;
  readonly #delivery: SpoolDelivery<BatchRange>;
  #reroutes = 0;
  #startedMs = 0;

  constructor(ports: AnalyticsDeliveryPorts) {
    const { network, connectionClock, clock, documents, report, settings, agent, tokens } = ports;
    this.#ports = ports;
    this.#session = new Session({
      router: network,
      purpose: PURPOSE,
      clock: connectionClock,
      signerFor: (request) => ports.activation.signerFor(PURPOSE, request),
    });
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
    this.#delivery = new SpoolDelivery({
      ...ports,
      purpose: PURPOSE,
      spool: documents.batches,
      send: (sending) => {
        this.#startedMs = clock.monotonic();
        return this.#sender.send(sending);
      },
      rerouted: () => {
        this.#reroutes += 1;
        this.#session.close();
        this.#sender.forget();
      },
      ended: () => this.#summary.ended(),
    });
  }

  /** Whether a delivery is running now. */
  get isBusy(): boolean {
    return this.#delivery.isBusy;
  }

  start(): void {
    this.#ports.documents.onQueued(() => this.#delivery.plan());
    this.#delivery.start();
  }

  /** The settings have changed: sends what failed once more now. */
  async retryFailed(): Promise<void> {
    await this.#delivery.retryFailed();
  }

  /** An admin had batches retried. */
  forget(): void {
    this.#sender.forget();
  }

  /** Ends the running request for this reason. */
  async stop(reason: CodedError): Promise<void> {
    this.#ports.documents.onQueued(() => undefined);
    await this.#delivery.stop(reason);
    this.#summary.stop();
    this.#session.close();
  }
}
