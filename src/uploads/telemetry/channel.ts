// The state of sending metrics, or of sending log events: whether the collector accepts them, and when the next request
// may be sent.
//
// Guarantees: a failure is reported when it begins and when it ends, and not for each request. After a failure, the
// wait doubles from one minute to five, or is what Retry-After requests, up to an hour.

import type { CodedError } from '#errors/coded-error.ts';
import { nextDelay } from '#http/retry-delay.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Clock, Random } from '#system/clock.ts';
import type { NotAccepted, TelemetrySignal } from './otlp.ts';

const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_SECONDS = 300;
/** Longest wait that a collector may request. */
const MAX_RETRY_AFTER_MS = 3_600_000;
const SPREAD_MS = 10_000;

const WORDS: Readonly<Record<TelemetrySignal, string>> = { metrics: 'metrics', logs: 'log events' };

export interface ChannelPorts {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly random: Random;
  readonly report: ScopedReport;
}

export class Channel {
  readonly signal: TelemetrySignal;
  readonly #ports: ChannelPorts;
  #failures = 0;
  #isRejecting = false;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(signal: TelemetrySignal, ports: ChannelPorts) {
    this.signal = signal;
    this.#ports = ports;
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** No request is sent before this moment of the monotonic clock. */
  get pausedUntilMs(): number {
    return this.#pausedUntilMs;
  }

  /** New settings: what failed is tried again at once. */
  resume(): void {
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** Nothing more is sent of this signal, so its failures no longer apply. */
  reset(): void {
    this.#failures = 0;
    this.#isRejecting = false;
    this.resume();
  }

  /** `dropped` is the number of log events that were lost since the start. */
  accepted(except: NotAccepted | null, dropped: number): void {
    const { report } = this.#ports;
    const what = WORDS[this.signal];
    if (this.#failures > 0) report({ name: 'telemetry-recovered', what, failures: this.#failures, dropped });
    this.#failures = 0;
    this.resume();
    if (except !== null && !this.#isRejecting) report({ name: 'telemetry-rejected', what, ...except });
    if (except === null && this.#isRejecting) report({ name: 'telemetry-accepted', what });
    this.#isRejecting = except !== null;
  }

  failed(error: CodedError): void {
    const { clock, random, report } = this.#ports;
    this.#failures += 1;
    const asked = error.facts['retryAfterMs'];
    const isAsked = typeof asked === 'number' && asked > 0;
    // Spread, because the collector may have requested the same moment of all hosts.
    const askedMs = isAsked ? Math.min(asked, MAX_RETRY_AFTER_MS) + random() * SPREAD_MS : 0;
    const limits = { maxDelaySeconds: LONGEST_WAIT_SECONDS, soonestMs: FIRST_WAIT_MS, baseMs: FIRST_WAIT_MS };
    const waitMs = Math.max(nextDelay(error, this.#failures, { ...limits, random: random() }), askedMs);
    this.#pausedUntilMs = clock.monotonic() + waitMs;
    const what = WORDS[this.signal];
    if (this.#failures === 1) report({ name: 'telemetry-failed', what, hop: error.place, error });
    else report({ name: 'telemetry-failed-again', what, code: error.code, failures: this.#failures });
  }
}
