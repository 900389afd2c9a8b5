// All metrics of this process as text: OpenMetrics, or the older text format of Prometheus.
//
// Guarantees: the metrics are read by one caller at a time. A result that is less than a second old is returned again,
// so no caller can keep the daemon busy. This file and prom-client are loaded only if metrics are enabled.

import { type OpenMetricsContentType, openMetricsContentType, Registry } from 'prom-client';
import type { MetricsFormat } from '#control/control.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import type { MetricFamily, ReadFamilies } from '#uploads/telemetry/families.ts';
import { EventMetrics } from './event-metrics.ts';
import { ProxyLabel } from './labels.ts';
import { type StateFacts, StateMetrics } from './state-metrics.ts';

/** A younger reading is given again. */
const SAME_READING_MS = 1_000;

export interface MetricsParts {
  readonly clock: Pick<Clock, 'monotonic' | 'now'>;
  /** The proxy profiles of the active settings. */
  profiles(): readonly { readonly name: string }[];
  facts(): Promise<StateFacts>;
}

export class Metrics {
  readonly #parts: MetricsParts;
  readonly #registry: Registry<OpenMetricsContentType>;
  readonly #events: EventMetrics;
  readonly #state: StateMetrics;
  readonly #turns = new Turns();
  /** Wall time at which the counting began, milliseconds since the epoch. */
  readonly #sinceMs: number;
  #latest: { readonly text: string; readonly atMs: number } | null = null;

  constructor(parts: MetricsParts) {
    this.#parts = parts;
    this.#sinceMs = parts.clock.now();
    this.#registry = new Registry<OpenMetricsContentType>();
    this.#registry.setContentType(openMetricsContentType);
    const proxies = new ProxyLabel(() => parts.profiles());
    this.#events = new EventMetrics({ registry: this.#registry, clock: parts.clock, proxies });
    this.#state = new StateMetrics(this.#registry, proxies);
  }

  update(event: SallyportEvent): void {
    this.#events.update(event);
  }

  async text(format: MetricsFormat): Promise<string> {
    const text = await this.#turns.run(() => this.#read());
    return format === 'openmetrics' ? text : plainText(text);
  }

  /** The metrics as values, for telemetry. */
  async families(): Promise<ReadFamilies> {
    return await this.#turns.run(async () => {
      this.#state.set(await this.#parts.facts());
      const read = await this.#registry.getMetricsAsJSON();
      const families = read.map(({ name, help, type, values }) => ({ name, help, type: typeOf(type), values }));
      return { families, sinceMs: this.#sinceMs };
    });
  }

  async #read(): Promise<string> {
    const { clock, facts } = this.#parts;
    if (this.#latest !== null && clock.monotonic() - this.#latest.atMs < SAME_READING_MS) return this.#latest.text;
    this.#state.set(await facts());
    const text = await this.#registry.metrics();
    this.#latest = { text, atMs: clock.monotonic() };
    return text;
  }
}

/** prom-client declares a number of an enumeration, and returns its name. */
function typeOf(type: unknown): MetricFamily['type'] {
  return type === 'counter' || type === 'histogram' ? type : 'gauge';
}

/** In the older format, the name of a counter has its ending in every line, and there is no end mark. */
export function plainText(openMetrics: string): string {
  const counters = new Set([...openMetrics.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name = '']) => name));
  return openMetrics
    .replaceAll(/^(# (?:HELP|TYPE) )(\S+)/gm, (whole, start: string, name: string) =>
      counters.has(name) ? `${start}${name}_total` : whole,
    )
    .replace(/# EOF\n$/, '');
}
