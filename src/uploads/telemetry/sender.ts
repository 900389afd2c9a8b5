// Sends metrics every minute, and log events soon after they were reported, to `telemetry.url`.
//
// Guarantees: nothing waits for this: events are only queued, and one request runs at a time in the background. Memory
// is bounded by the queue and by one request. Metrics are read for each request, so none wait. Log events stay
// queued until the collector has accepted or refused them; those that wait when the program stops are lost.

import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { Clock, Random, Timer } from '#system/clock.ts';
import { Channel, type ChannelPorts } from './channel.ts';
import type { MetricFamily, ReadFamilies } from './families.ts';
import { LogQueue, type QueuedEvent } from './log-queue.ts';
import { logsBody, metricsBody, type NotAccepted, type TelemetrySource } from './otlp.ts';
import { type Posted, type PostPorts, post, signalUrl } from './post.ts';

/** Time between two requests with metrics. */
const METRICS_EVERY_MS = 60_000;
/** The first metrics come soon, at a random moment, because many hosts may start together. */
const FIRST_METRICS_MS = 10_000;
/** Log events wait for others at most this long. */
const LOGS_WITHIN_MS = 10_000;
/** Most log events of one request. */
const BATCH_EVENTS = 512;
/** Most requests with log events in a row. */
const BATCHES = 8;
const DROPPED: Omit<MetricFamily, 'values'> = {
  name: 'sallyport_telemetry_dropped_log_events_total',
  help: 'Log events that were not sent, because the queue was full or the collector refused them.',
  type: 'counter',
};

export interface TelemetryPorts extends PostPorts, ChannelPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly source: TelemetrySource;
  /** `telemetry.url`. */
  url(): string;
  /** The metrics as they are now. */
  families(): Promise<ReadFamilies>;
  /** The messages with everything masked that must not leave this host, in the same order. */
  redacted(messages: readonly string[]): Promise<readonly string[]>;
  /** The result of the last request: null for a success. */
  noteResult(failure: CodedError | null): void;
}

export class TelemetrySender {
  readonly #ports: TelemetryPorts;
  readonly #queue = new LogQueue();
  readonly #metrics: Channel;
  readonly #logs: Channel;
  readonly #ending = new AbortController();
  #attempt = new AbortController();
  #metricsDueMs: number;
  #logsDueMs = Number.POSITIVE_INFINITY;
  #timer: Timer | null = null;
  #running: Promise<void> | null = null;

  constructor(ports: TelemetryPorts) {
    this.#ports = ports;
    this.#metrics = new Channel('metrics', ports);
    this.#logs = new Channel('logs', ports);
    this.#metricsDueMs = ports.clock.monotonic() + ports.random() * FIRST_METRICS_MS;
  }

  get isBusy(): boolean {
    return this.#running !== null;
  }

  start(): void {
    this.#plan();
  }

  /** Queues a log event. */
  add(event: QueuedEvent): void {
    this.#queue.add(event);
    const now = this.#ports.clock.monotonic();
    const dueMs = this.#queue.length >= BATCH_EVENTS ? now : now + LOGS_WITHIN_MS;
    if (dueMs >= this.#logsDueMs) return;
    this.#logsDueMs = dueMs;
    this.#plan();
  }

  /** Log events are not to be sent any more: forgets those that wait, and that sending them failed. */
  clearLogs(): void {
    this.#queue.clear();
    this.#logs.reset();
    this.#logsDueMs = Number.POSITIVE_INFINITY;
  }

  /** The settings have changed: ends the running request, whose data are sent again over the new route. */
  settingsChanged(): void {
    this.#attempt.abort();
    this.#metrics.resume();
    this.#logs.resume();
    this.#metricsDueMs = Math.min(this.#metricsDueMs, this.#ports.clock.monotonic() + FIRST_METRICS_MS);
    this.#plan();
  }

  /** Ends the running request. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#attempt.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  #plan(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#running !== null || this.#ending.signal.aborted) return;
    const { clock } = this.#ports;
    const atMs = Math.min(this.#dueOf(this.#metrics, this.#metricsDueMs), this.#dueOf(this.#logs, this.#logsDueMs));
    this.#timer = clock.after(Math.max(0, atMs - clock.monotonic()), () => this.#begin());
  }

  #dueOf({ pausedUntilMs }: Channel, dueMs: number): number {
    return Math.max(pausedUntilMs, dueMs);
  }

  #begin(): void {
    this.#timer = null;
    this.#attempt = new AbortController();
    this.#running = this.#sendDue().finally(() => {
      this.#running = null;
      this.#plan();
    });
  }

  /** Never rejects. */
  async #sendDue(): Promise<void> {
    const now = this.#ports.clock.monotonic();
    if (this.#dueOf(this.#metrics, this.#metricsDueMs) <= now) {
      this.#metricsDueMs = now + METRICS_EVERY_MS;
      await this.#withFailures(this.#metrics, () => this.#sendMetrics());
    }
    if (this.#dueOf(this.#logs, this.#logsDueMs) <= now) {
      this.#logsDueMs = now + LOGS_WITHIN_MS;
      await this.#withFailures(this.#logs, () => this.#sendLogs());
    }
    if (this.#queue.length === 0) this.#logsDueMs = Number.POSITIVE_INFINITY;
  }

  /** A fault of this host pauses the signal like a failure of the collector, and is reported as rarely. */
  async #withFailures(channel: Channel, send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (thrown) {
      if (!this.#attempt.signal.aborted) this.#failed(channel, asCoded(thrown));
    }
  }

  async #sendMetrics(): Promise<void> {
    const { families: read, clock, source } = this.#ports;
    const { families, sinceMs } = await read();
    const lost: MetricFamily = { ...DROPPED, values: [{ value: this.#queue.dropped, labels: {} }] };
    const body = metricsBody([...families, lost], { sinceMs, atMs: clock.now() }, source);
    const posted = await this.#post(this.#metrics, body);
    if (posted.was === 'accepted') this.#accepted(this.#metrics, posted.except);
    else this.#failed(this.#metrics, posted.error);
  }

  /** Sends what is queued, oldest first, until a request fails. */
  async #sendLogs(): Promise<void> {
    const { source, redacted } = this.#ports;
    for (let sent = 0; sent < BATCHES && this.#queue.length > 0; sent += 1) {
      const batch = this.#queue.first(BATCH_EVENTS);
      const messages = await redacted(batch.map(({ message }) => message));
      const events = batch.map((event, index) => ({ ...event, message: messages[index] ?? '' }));
      const posted = await this.#post(this.#logs, logsBody(events, source));
      if (posted.was === 'refused') {
        if (!posted.mayRetry) this.#queue.drop(batch);
        return this.#failed(this.#logs, posted.error);
      }
      this.#queue.remove(batch);
      this.#queue.countRejected(posted.except?.rejected ?? 0);
      this.#accepted(this.#logs, posted.except);
    }
  }

  #accepted(channel: Channel, except: NotAccepted | null): void {
    channel.accepted(except, this.#queue.dropped);
    if (!this.#metrics.isFailing && !this.#logs.isFailing) this.#ports.noteResult(null);
  }

  #failed(channel: Channel, error: CodedError): void {
    channel.failed(error);
    this.#ports.noteResult(error);
  }

  async #post({ signal: kind }: Channel, body: Uint8Array): Promise<Posted> {
    const url = signalUrl(this.#ports.url(), kind);
    return await post({ url, body, kind }, this.#ports, this.#attempt.signal);
  }
}
