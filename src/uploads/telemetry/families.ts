// Metrics in the form of prom-client, and their conversion to the form of OpenTelemetry. Pure.
//
// Guarantees: names and labels are those that Prometheus gets (docs/monitoring.md), so that a dashboard works with
// either. Counters and histograms are totals since counting began, so they stay correct if a request is lost.

import type { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';

/** One value of a metric with its labels. A histogram has several for each set of labels. */
interface MetricSample {
  readonly value: number;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  /** The name with the ending `_bucket`, `_sum` or `_count`; only of a histogram. */
  readonly metricName?: string;
}

/** One metric with its values. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly values: readonly MetricSample[];
}

/** All metrics, and since when they are counted, in milliseconds since the epoch. */
export interface ReadFamilies {
  readonly families: readonly MetricFamily[];
  readonly sinceMs: number;
}

/** When the values were read, and since when they are counted, in milliseconds since the epoch. */
export interface ReadTimes {
  readonly sinceMs: number;
  readonly atMs: number;
}

export type ResourceMetrics = Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0];
type MetricData = ResourceMetrics['scopeMetrics'][number]['metrics'][number];
type HrTime = [seconds: number, nanoseconds: number];

/** The values of `DataPointType` and `AggregationTemporality` of the SDK, which is not loaded for them. */
const HISTOGRAM = 0;
const GAUGE = 2;
const SUM = 3;
const CUMULATIVE = 1;
const DOUBLE = 1;

/** Milliseconds since the epoch in the form of OpenTelemetry. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.floor((ms - seconds * 1_000) * 1_000_000)];
}

/** The metrics for a request. A family without values is left out. */
export function metricDataOf(families: readonly MetricFamily[], times: ReadTimes): MetricData[] {
  return families.filter(({ values }) => values.length > 0).map((family) => metricData(family, times));
}

function metricData({ name, help, type, values }: MetricFamily, { sinceMs, atMs }: ReadTimes): MetricData {
  const descriptor = { name, description: help, unit: unitOf(name), valueType: DOUBLE };
  const shared = { descriptor, aggregationTemporality: CUMULATIVE } as const;
  const [startTime, endTime] = [hrTime(sinceMs), hrTime(atMs)];
  if (type === 'histogram') {
    const dataPoints = histogramsOf(values).map(({ labels, value }) => ({
      startTime,
      endTime,
      attributes: attributesOf(labels),
      value,
    }));
    return { ...shared, dataPointType: HISTOGRAM, dataPoints };
  }
  const dataPoints = values.map(({ labels, value }) => ({
    startTime,
    endTime,
    attributes: attributesOf(labels),
    value,
  }));
  return type === 'counter'
    ? { ...shared, dataPointType: SUM, isMonotonic: true, dataPoints }
    : { ...shared, dataPointType: GAUGE, dataPoints };
}

/** UCUM, as OpenTelemetry writes units. */
function unitOf(name: string): string {
  const [, unit] = /_(seconds|bytes)(?:_total)?$/.exec(name) ?? [];
  if (unit === undefined) return '';
  return unit === 'seconds' ? 's' : 'By';
}

function attributesOf(labels: MetricSample['labels']): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}

interface Histogram {
  readonly labels: MetricSample['labels'];
  readonly value: {
    readonly buckets: { readonly boundaries: number[]; readonly counts: number[] };
    readonly sum: number;
    readonly count: number;
  };
}

/** Prometheus counts in a bucket everything below its limit; OpenTelemetry only what is not in an earlier one. */
function histogramsOf(values: readonly MetricSample[]): Histogram[] {
  const found = new Map<
    string,
    { labels: MetricSample['labels']; limits: [number, number][]; sum: number; count: number }
  >();
  for (const { labels: all, value, metricName = '' } of values) {
    const { le, ...labels } = all;
    const key = JSON.stringify(Object.entries(labels).toSorted());
    const one = found.get(key) ?? { labels, limits: [], sum: 0, count: 0 };
    found.set(key, one);
    if (metricName.endsWith('_sum')) one.sum = value;
    else if (metricName.endsWith('_count')) one.count = value;
    else if (le !== undefined && Number.isFinite(Number(le))) one.limits.push([Number(le), value]);
  }
  return [...found.values()].map(({ labels, limits, sum, count }) => {
    const ordered = limits.toSorted(([a], [b]) => a - b);
    const below = [0, ...ordered.map(([, upTo]) => upTo)];
    const counts = [...below.slice(1), count].map((upTo, index) => upTo - (below[index] ?? 0));
    return { labels, value: { buckets: { boundaries: ordered.map(([limit]) => limit), counts }, sum, count } };
  });
}
