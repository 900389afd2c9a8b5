import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { decodeOtlp, LOGS_REQUEST, METRICS_REQUEST, partialSuccess } from '#test/support/collector.ts';
import type { MetricFamily } from '#uploads/telemetry/families.ts';
import { logsBody, metricsBody, readNotAccepted } from '#uploads/telemetry/otlp.ts';

const SOURCE = { version: '0.2.0', id: 'agent-1', host: 'host.example' };
const TIMES = { sinceMs: Date.UTC(2026, 10, 20), atMs: Date.UTC(2026, 10, 20, 0, 1, 0, 250) };

async function decodedMetrics(registry: Registry): Promise<Record<string, unknown>> {
  const families = (await registry.getMetricsAsJSON()) as unknown as MetricFamily[];
  return decodeOtlp(METRICS_REQUEST, metricsBody(families, TIMES, SOURCE));
}

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const RESOURCE = {
  attributes: [
    text('service.name', 'sallyport'),
    text('service.version', '0.2.0'),
    text('service.instance.id', 'agent-1'),
    text('host.name', 'host.example'),
  ],
};
const TIME = { startTimeUnixNano: '1795132800000000000', timeUnixNano: '1795132860250000000' };

describe('OTLP', () => {
  it('OTLP: a counter and a gauge are read with the official definitions', async () => {
    const registry = new Registry();
    const registers = [registry];
    new Counter({ name: 'sallyport_checks_total', help: 'Checks.', labelNames: ['result'], registers }).inc(
      { result: 'success' },
      3,
    );
    new Gauge({ name: 'sallyport_resident_memory_bytes', help: 'Memory.', registers }).set(0.5);

    expect(await decodedMetrics(registry)).toEqual({
      resourceMetrics: [
        {
          resource: RESOURCE,
          scopeMetrics: [
            {
              scope: { name: 'sallyport', version: '0.2.0' },
              metrics: [
                {
                  name: 'sallyport_checks_total',
                  description: 'Checks.',
                  sum: {
                    dataPoints: [{ attributes: [text('result', 'success')], ...TIME, asDouble: 3 }],
                    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
                    isMonotonic: true,
                  },
                },
                {
                  name: 'sallyport_resident_memory_bytes',
                  description: 'Memory.',
                  unit: 'By',
                  gauge: { dataPoints: [{ ...TIME, asDouble: 0.5 }] },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('OTLP: a bucket of a histogram counts only what no smaller bucket has', async () => {
    const registry = new Registry();
    const histogram = new Histogram({
      name: 'sallyport_wait_seconds',
      help: 'Waits.',
      labelNames: ['proxy'],
      buckets: [1, 5],
      registers: [registry],
    });
    for (const seconds of [0.5, 2, 3, 60]) histogram.observe({ proxy: 'corp' }, seconds);
    histogram.observe({ proxy: 'direct' }, 4);

    expect(await decodedMetrics(registry)).toMatchObject({
      resourceMetrics: [
        {
          scopeMetrics: [
            {
              metrics: [
                {
                  unit: 's',
                  histogram: {
                    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
                    dataPoints: [
                      {
                        attributes: [text('proxy', 'corp')],
                        count: '4',
                        sum: 65.5,
                        explicitBounds: [1, 5],
                        bucketCounts: ['1', '2', '1'],
                      },
                      { attributes: [text('proxy', 'direct')], count: '1', sum: 4, bucketCounts: ['0', '1', '0'] },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('OTLP: a metric without values is left out', async () => {
    const registry = new Registry();
    new Gauge({ name: 'sallyport_unused', help: 'Unused.', labelNames: ['purpose'], registers: [registry] }).reset();

    expect(await decodedMetrics(registry)).toEqual({
      resourceMetrics: [{ resource: RESOURCE, scopeMetrics: [{ scope: { name: 'sallyport', version: '0.2.0' } }] }],
    });
  });

  it('OTLP: log events have time, severity, sentence and code', () => {
    const event = {
      atMs: TIMES.atMs,
      level: 'warn',
      name: 'receipt-failed',
      thread: 'Receipts',
      message: 'It – failed.',
    } as const;
    const body = logsBody(
      [
        { ...event, code: 'TCP-REFUSED' },
        { ...event, level: 'debug', code: null },
      ],
      SOURCE,
    );

    const time = { timeUnixNano: TIME.timeUnixNano, observedTimeUnixNano: TIME.timeUnixNano };
    const record = { ...time, body: { stringValue: 'It – failed.' } };
    expect(decodeOtlp(LOGS_REQUEST, body)).toEqual({
      resourceLogs: [
        {
          resource: RESOURCE,
          scopeLogs: [
            {
              scope: { name: 'sallyport', version: '0.2.0' },
              logRecords: [
                {
                  ...record,
                  severityNumber: 'SEVERITY_NUMBER_WARN',
                  severityText: 'WARN',
                  attributes: [text('thread.name', 'Receipts'), text('error.type', 'TCP-REFUSED')],
                },
                {
                  ...record,
                  severityNumber: 'SEVERITY_NUMBER_DEBUG',
                  severityText: 'DEBUG',
                  attributes: [text('thread.name', 'Receipts')],
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it('OTLP: what a collector rejects is read from its response', () => {
    expect(readNotAccepted('metrics', new Uint8Array())).toBeNull();
    expect(readNotAccepted('metrics', Buffer.from([0x0a, 0x00]))).toBeNull();
    expect(readNotAccepted('logs', partialSuccess(7, 'too old'))).toEqual({ rejected: 7, message: 'too old' });
    expect(readNotAccepted('metrics', partialSuccess(0, 'deprecated'))).toEqual({ rejected: 0, message: 'deprecated' });
    expect(() => readNotAccepted('logs', Buffer.from('<html>'))).toThrow();
  });
});
