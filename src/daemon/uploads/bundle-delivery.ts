// Sends the bundles of support logs when they are due, until it is stopped.
//
// `spool-delivery.ts` says when it sends, retries and stops.

import type { CodedError } from '#errors/coded-error.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import { Session } from '#http/session/session.ts';
import { routeIdentity } from '#proxy/choosing/changed-routes.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Sending, Verdict } from '#spool/delivery.ts';
import type { BundleBody } from '#uploads/bundle/jobs/bundle-kind.ts';
import { BundleSender } from '#uploads/bundle/jobs/bundle-sender.ts';
import type { OpenBundles } from './bundle-store.ts';
import type { PurposePorts } from './ports.ts';
import { SpoolDelivery } from './spool-delivery.ts';

const PURPOSE = 'support_logs';

export interface BundleDeliveryPorts extends PurposePorts {
  readonly open: OpenBundles;
  /** Bytes of a job that the server has confirmed. */
  progress(job: string, confirmed: number): void;
  /** An attempt to upload a job begins. */
  began(job: string): void;
  /** It has ended, or its entry has changed. */
  changed(job: string): void;
}

/** The delivery of the open spool of bundles. */
export class BundleDelivery {
  readonly #ports: BundleDeliveryPorts;
  readonly #session: Session;
  readonly #sender: BundleSender;
  readonly #delivery: SpoolDelivery<BundleBody>;
  #sending: string | null = null;

  constructor(ports: BundleDeliveryPorts) {
    const { network, connectionClock, clock, random, files, open, report, settings, agent, tokens, sent } = ports;
    this.#ports = ports;
    this.#session = new Session({
      router: network,
      purpose: PURPOSE,
      clock: connectionClock,
      signerFor: (request) => ports.activation.signerFor(PURPOSE, request),
    });
    const { paths, model, timeouts } = open;
    const headers = () => ({
      ...purposeHeaders(PURPOSE, settings(), { agent, tokens, credentials: true }),
      'sallyport-agent': agent.id,
    });
    const scoped = reportOf(PURPOSE, report);
    const upload = { session: this.#session, clock, random, report: scoped, paths, model, timeouts, settings, headers };
    const { store } = open;
    const routeKey = ({ origin }: URL) => `${routeIdentity(PURPOSE, settings())} ${origin}`;
    this.#sender = new BundleSender({ files, store, upload, sent, settings, routeKey, progress: ports.progress });
    this.#delivery = new SpoolDelivery({
      ...ports,
      purpose: PURPOSE,
      spool: open.spool,
      send: (sending) => this.#send(sending),
      rerouted: () => this.#session.close(),
      carriedOut: ({ job }) => ports.changed(job),
      ended: () => undefined,
    });
  }

  /** The job that is being uploaded now. */
  get sending(): string | null {
    return this.#sending;
  }

  start(): void {
    this.#delivery.start();
  }

  /** An entry has entered the spool. */
  plan(): void {
    this.#delivery.plan();
  }

  /** Sends what is due now, once: for a command without a daemon. Never rejects. */
  async now(): Promise<void> {
    await this.#delivery.run();
  }

  /** The settings have changed: sends what failed once more now. */
  async retryFailed(): Promise<void> {
    await this.#delivery.retryFailed();
  }

  /** Ends the running request for this reason. */
  async stop(reason: CodedError): Promise<void> {
    await this.#delivery.stop(reason);
    this.#session.close();
  }

  async #send(sending: Sending<BundleBody>): Promise<Verdict<BundleBody>> {
    const { job } = sending.entry.body;
    this.#sending = job;
    this.#ports.began(job);
    try {
      return await this.#sender.send(sending);
    } finally {
      this.#sending = null;
      this.#ports.changed(job);
    }
  }
}
