// Delivers one spool of uploads when its entries are due, until it is stopped.
//
// Guarantees: only one delivery runs at a time. A stop ends the running request, keeps its entry, and does not count as
// an attempt. After a failure, the first retry is at a random time within ten minutes, so that not all hosts retry at
// once after an outage. If the path to the server has changed (`path-mark.ts`), even while the program was not running,
// blocked content is sent again, because another proxy may accept it.

import { toFailure } from '#daemon/failure.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { deliver, type Sending, type Verdict } from '#spool/delivery.ts';
import { DeliveryTimer } from '#spool/delivery-timer.ts';
import type { Spool } from '#spool/spool.ts';
import { onAbort } from '#system/abort.ts';
import type { UploadPurpose } from '#uploads/upload-gate.ts';
import { isMarkOf, pathMark } from './path-mark.ts';
import type { PurposePorts } from './ports.ts';

const FIRST_RETRY_MS = 600_000;
const BLOCKED = 'CONTENT-BLOCKED';

export interface SpoolDeliveryPorts<Body>
  extends Pick<PurposePorts, 'network' | 'clock' | 'random' | 'report' | 'settings' | 'outcomes' | 'redactor'> {
  readonly purpose: UploadPurpose;
  readonly spool: Spool<Body>;
  /** The policy. It throws only for faults of this host. */
  send(sending: Sending<Body>): Promise<Verdict<Body>>;
  /** The route or the server has changed: called before what failed is sent again. */
  rerouted(): void;
  /** The verdict on an entry is on disk. */
  carriedOut?(body: Body): void;
  /** A delivery has ended. */
  ended(): void;
}

/** The delivery of one open spool. */
export class SpoolDelivery<Body> {
  readonly #ports: SpoolDeliveryPorts<Body>;
  readonly #ending = new AbortController();
  readonly #timer: DeliveryTimer;
  #running: Promise<void> | null = null;
  #outcome: CodedError | 'sent' | null = null;
  #stopListening: () => void = () => undefined;

  constructor(ports: SpoolDeliveryPorts<Body>) {
    this.#ports = ports;
    this.#timer = new DeliveryTimer({ spool: ports.spool, clock: ports.clock, run: () => this.run() });
  }

  /** Whether a delivery is running now. */
  get isBusy(): boolean {
    return this.#running !== null;
  }

  start(): void {
    this.#listenForRoutes();
    void this.#notePath();
    this.plan();
  }

  /** An entry has entered the spool. */
  plan(): void {
    this.#timer.plan();
  }

  /** Sends what failed once more now, and with `blocked` also what a scanner blocked. */
  async retryNow({ blocked }: { readonly blocked: boolean }): Promise<void> {
    const { spool } = this.#ports;
    spool.hold(0);
    for (const { head } of spool.list()) {
      const { postponed } = head;
      if (postponed === null || (head.held && postponed.error !== BLOCKED)) continue;
      if (postponed.error !== BLOCKED || blocked) await spool.retry(head).catch(asCoded);
    }
  }

  /** The settings have changed: sends what failed once more now. */
  async retryFailed(): Promise<void> {
    await this.#notePath();
    await this.retryNow({ blocked: false });
  }

  /** Sends what is due. Never rejects, as the timer requires. */
  run(): Promise<void> {
    this.#running = this.#deliver().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Ends the running request for this reason. */
  async stop(reason: CodedError): Promise<void> {
    this.#timer.stop();
    this.#stopListening();
    this.#ending.abort(reason);
    await this.#running;
  }

  #listenForRoutes(): void {
    const { network, purpose, rerouted } = this.#ports;
    this.#stopListening = onAbort(network.rerouted(purpose), () => {
      rerouted();
      // The next change of the route has another signal.
      queueMicrotask(() => {
        if (!this.#ending.signal.aborted) this.#listenForRoutes();
      });
      void this.retryNow({ blocked: true });
    });
  }

  /** Releases what a scanner blocked if the path to the server has changed, also while nothing was running. */
  async #notePath(): Promise<void> {
    const { outcomes, purpose, settings, rerouted } = this.#ports;
    const before = outcomes.of(purpose).route;
    if (before !== null && (await isMarkOf(before, purpose, settings()))) return;
    const now = await pathMark(purpose, settings());
    if (before !== null) {
      rerouted();
      await this.retryNow({ blocked: true });
    }
    // A crash before this releases it once more.
    await outcomes.noteRoute(purpose, now);
  }

  async #deliver(): Promise<void> {
    const { spool, clock, random, report, settings, ended } = this.#ports;
    const { signal } = this.#ending;
    const retry = () => ({ maxDelaySeconds: settings().retry.max_delay_seconds, baseMs: FIRST_RETRY_MS });
    const policy = (sending: Sending<Body>) => this.#send(sending);
    this.#outcome = null;
    await this.#notePath();
    try {
      const carriedOut = ({ body }: { readonly body: Body }) => this.#ports.carriedOut?.(body);
      await deliver({ spool, clock, random, report, policy, carriedOut, retry }, signal);
    } catch (thrown) {
      if (!signal.aborted) report({ name: 'fault', error: asCoded(thrown) });
    }
    ended();
    this.#noteOutcome();
  }

  async #send(sending: Sending<Body>): Promise<Verdict<Body>> {
    const verdict = await this.#ports.send(sending);
    if (verdict.does === 'settle') this.#outcome = 'sent';
    else if (verdict.does !== 'split') this.#outcome = verdict.failure;
    return verdict;
  }

  /** Not awaited: it only informs. */
  #noteOutcome(): void {
    const { clock, outcomes, redactor, purpose } = this.#ports;
    if (this.#outcome === null) return;
    const failure = this.#outcome === 'sent' ? null : toFailure(this.#outcome, redactor);
    void outcomes.note(purpose, { at: clock.now(), failure });
  }
}
