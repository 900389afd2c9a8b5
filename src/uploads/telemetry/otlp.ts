// Makes the bodies of OTLP requests and reads their responses, in protobuf.
//
// Protobuf is used because every collector accepts it (OTLP 1.x), and because it is smaller than JSON. The serializers
// of OpenTelemetry are loaded with this file, so it is loaded only if telemetry is enabled. They are marked as internal
// and experimental: their version is pinned, and a test reads what they write with the official definitions.

import { ProtobufLogsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { Level } from '#logging/event-definition.ts';
import { hrTime, type MetricFamily, metricDataOf, type ReadTimes, type ResourceMetrics } from './families.ts';
import type { QueuedEvent } from './log-queue.ts';

/** Who sends, as attributes of OpenTelemetry's resource. */
export interface TelemetrySource {
  readonly version: string;
  /** The ID of this agent. */
  readonly id: string;
  readonly host: string;
}

/** What a request carries. */
export type TelemetrySignal = 'metrics' | 'logs';

/** What a collector did not accept of a request that succeeded. */
export interface NotAccepted {
  readonly rejected: number;
  readonly message: string;
}

type LogRecords = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0];

/** The numbers of OpenTelemetry's severities. */
const SEVERITIES: Readonly<Record<Level, number>> = { debug: 5, info: 9, warn: 13, error: 17 };
/** Longest part of a collector's message that is kept, in characters. */
const MAX_MESSAGE = 1_000;

export function metricsBody(families: readonly MetricFamily[], times: ReadTimes, source: TelemetrySource): Uint8Array {
  const metrics = {
    resource: resourceOf(source),
    scopeMetrics: [{ scope: scopeOf(source), metrics: metricDataOf(families, times) }],
  };
  return written(ProtobufMetricsSerializer.serializeRequest(metrics));
}

export function logsBody(events: readonly QueuedEvent[], source: TelemetrySource): Uint8Array {
  const shared = { resource: resourceOf(source), instrumentationScope: scopeOf(source) };
  const records = events.map(({ atMs, level, name, thread, message, code }) => ({
    ...shared,
    hrTime: hrTime(atMs),
    hrTimeObserved: hrTime(atMs),
    severityNumber: SEVERITIES[level],
    severityText: level.toUpperCase(),
    body: message,
    eventName: `sallyport.${name}`,
    attributes: { 'thread.name': thread, ...(code === null ? {} : { 'error.type': code }) },
    droppedAttributesCount: 0,
  }));
  return written(ProtobufLogsSerializer.serializeRequest(records satisfies LogRecords));
}

/** Null if everything was accepted. @throws Error if the bytes are not a response of OTLP */
export function readNotAccepted(signal: TelemetrySignal, body: Uint8Array): NotAccepted | null {
  if (body.length === 0) return null;
  const isMetrics = signal === 'metrics';
  const { partialSuccess } = (isMetrics ? ProtobufMetricsSerializer : ProtobufLogsSerializer).deserializeResponse(body);
  if (partialSuccess === undefined) return null;
  const counts = partialSuccess as { readonly rejectedDataPoints?: number; readonly rejectedLogRecords?: number };
  const rejected = Number((isMetrics ? counts.rejectedDataPoints : counts.rejectedLogRecords) ?? 0);
  const message = (partialSuccess.errorMessage ?? '').slice(0, MAX_MESSAGE);
  // A message alone is a warning of a collector that accepted everything.
  return rejected === 0 && message === '' ? null : { rejected, message };
}

function resourceOf({ version, id, host }: TelemetrySource): ResourceMetrics['resource'] {
  const attributes = {
    'service.name': 'sallyport',
    'service.version': version,
    'service.instance.id': id,
    'host.name': host,
  };
  return { attributes } as unknown as ResourceMetrics['resource'];
}

function scopeOf({ version }: TelemetrySource) {
  return { name: 'sallyport', version };
}

function written(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new TypeError('The serializer of OpenTelemetry returned no bytes.');
  return bytes;
}
