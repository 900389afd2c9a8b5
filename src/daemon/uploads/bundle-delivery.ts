// Sends the bundles of support logs when they are due, until it is stopped.
//
// Guarantees: only one bundle is sent at a time. A stop ends the running request, keeps its bundle, and does not count
// as an attempt. After a failure, the first retry is at a random time within ten minutes, so that not all hosts retry
// at once after an outage. When the route changes, held bundles are sent again, because another proxy may accept them.

import { toFailure } from '#daemon/failure.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import { Session } from '#http/session/session.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import { deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { DeliveryTimer } from '#spool/delivery-timer.ts';
import { onAbort } from '#system/abort.ts';
import type { BundleBody } from '#uploads/bundle/jobs/bundle-kind.ts';
import { BundleSender } from '#uploads/bundle/jobs/bundle-sender.ts';
import type { OpenBundles } from './bundle-store.ts';
import type { PurposePorts } from './ports.ts';

const PURPOSE = 'support_logs';
const FIRST_RETRY_MS = 600_000;
const BLOCKED = 'CONTENT-BLOCKED';

export interface BundleDeliveryPorts extends PurposePorts {
  readonly open: OpenBundles;
  /** Bytes of a job that the server has confirmed. */
  progress(job: string, confirmed: number): void;
  /** An upload has started or ended. */
  changed(job: string): void;
}

/** The delivery of the open spool of bundles. */
export class BundleDelivery {
  readonly #ports: BundleDeliveryPorts;
  readonly #session: Session;
  readonly #sender: BundleSender;
  readonly #ending = new AbortController();
  readonly #timer: DeliveryTimer;
  #running: Promise<void> | null = null;
  #sending: string | null = null;
  #outcome: CodedError | 'sent' | null = null;
  #stopListening: () => void = () => undefined;

  constructor(ports: BundleDeliveryPorts) {
    const { network, connectionClock, clock, random, files, open, report, settings, agent, tokens, sent } = ports;
    this.#ports = ports;
    this.#session = new Session({ router: network, purpose: PURPOSE, clock: connectionClock });
    const { paths, model, timeouts } = open;
    const headers = () => ({
      ...purposeHeaders(PURPOSE, settings(), { agent, tokens, credentials: true }),
      'sallyport-agent': agent.id,
    });
    const scoped = reportOf(PURPOSE, report);
    const upload = { session: this.#session, clock, random, report: scoped, paths, model, timeouts, settings, headers };
    const { store } = open;
    const routeKey = ({ origin }: URL) => `${settings().use_proxy_for[PURPOSE]} ${origin}`;
    this.#sender = new BundleSender({ files, store, upload, sent, settings, routeKey, progress: ports.progress });
    this.#timer = new DeliveryTimer({ spool: open.spool, clock, run: () => this.#run() });
  }

  /** The job that is being uploaded now. */
  get sending(): string | null {
    return this.#sending;
  }

  start(): void {
    this.#listenForRoutes();
    this.#timer.plan();
  }

  /** An entry has entered the spool. */
  plan(): void {
    this.#timer.plan();
  }

  /** Sends what is due now, once: for a command without a daemon. Never rejects. */
  async now(): Promise<void> {
    await this.#run();
  }

  /** Sends what failed once more now, and with `blocked` also what a scanner blocked. */
  async retryNow({ blocked }: { readonly blocked: boolean }): Promise<void> {
    const { spool } = this.#ports.open;
    spool.hold(0);
    for (const { head } of spool.list()) {
      const { postponed } = head;
      if (postponed === null || (head.held && postponed.error !== BLOCKED)) continue;
      if (postponed.error !== BLOCKED || blocked) await spool.retry(head).catch(asCoded);
    }
  }

  /** Ends the running request for this reason. */
  async stop(reason: CodedError): Promise<void> {
    this.#timer.stop();
    this.#stopListening();
    this.#ending.abort(reason);
    await this.#running;
    this.#session.close();
  }

  #listenForRoutes(): void {
    this.#stopListening = onAbort(this.#ports.network.rerouted(PURPOSE), () => {
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
    const { open, clock, random, report, settings } = this.#ports;
    const { signal } = this.#ending;
    const retry = () => ({ maxDelaySeconds: settings().retry.max_delay_seconds, baseMs: FIRST_RETRY_MS });
    const policy = (sending: Sending<BundleBody>) => this.#send(sending);
    this.#outcome = null;
    try {
      await deliver({ spool: open.spool, clock, random, report, policy, retry }, signal);
    } catch (thrown) {
      if (!signal.aborted) report({ name: 'fault', error: asCoded(thrown) });
    }
    this.#noteOutcome();
  }

  async #send(sending: Sending<BundleBody>): Promise<Verdict<BundleBody>> {
    const { job } = sending.entry.body;
    this.#sending = job;
    this.#ports.changed(job);
    try {
      const verdict = await this.#sender.send(sending);
      if (verdict.does === 'settle') this.#outcome = 'sent';
      else if (verdict.does !== 'split') this.#outcome = verdict.failure;
      return verdict;
    } finally {
      this.#sending = null;
      this.#ports.changed(job);
    }
  }

  /** Not awaited: it only informs. */
  #noteOutcome(): void {
    const { clock, outcomes, redactor } = this.#ports;
    if (this.#outcome === null) return;
    const failure = this.#outcome === 'sent' ? null : toFailure(this.#outcome, redactor);
    void outcomes.note(PURPOSE, { at: clock.now(), failure });
  }
}
