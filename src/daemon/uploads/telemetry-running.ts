// The parts of telemetry while it is enabled: the session to the collector, the listener for log events, and the
// redaction of their messages. Loaded only then.
//
// Guarantees: log events pass the same masking as the log, and then the rules of support logs, before they leave this
// host. Events of telemetry itself are not sent, so that a failing collector does not cause ever new events.

import { hostname } from 'node:os';
import type { Settings } from '#config/settings.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import { CodedError } from '#errors/coded-error.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import { Session } from '#http/session/session.ts';
import { reachesLevel } from '#logging/event-definition.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import type { ReadFamilies } from '#uploads/telemetry/families.ts';
import type { QueuedEvent } from '#uploads/telemetry/log-queue.ts';
import { TelemetrySender } from '#uploads/telemetry/sender.ts';

const PURPOSE = 'telemetry';
/** A success is stored at most this often: each write of the state waits for the disk. */
const NOTE_EVERY_MS = 600_000;

/** The metrics that are sent. */
export interface TelemetryMetrics {
  families(): Promise<ReadFamilies>;
}

export interface RunningTelemetry {
  /** New settings are in effect: they apply to the next request, and the running one is repeated. */
  settingsChanged(): void;
  stop(): Promise<void>;
}

export async function runTelemetry(parts: Parts, metrics: TelemetryMetrics): Promise<RunningTelemetry> {
  const { ports, clock, known, report, events } = parts;
  const settings = () => ports.settings();
  const { connectionClock } = parts.platform.parts;
  const session = new Session({ router: ports.router, purpose: PURPOSE, clock: connectionClock, isRoutine: true });
  const { agent, tokens } = ports;
  const sender = new TelemetrySender({
    session,
    clock,
    random: ports.random,
    report: reportOf(PURPOSE, report),
    nowMs: () => clock.now(),
    settings,
    headers: () => purposeHeaders(PURPOSE, settings(), { agent, tokens, credentials: true }),
    source: { version: agent.version, id: agent.id, host: hostname() },
    url: () => settings().telemetry.url ?? '',
    families: () => metrics.families(),
    redacted: (messages) => redacted(messages, known, settings()),
    noteResult: noteOf(parts),
  });
  // Begins the counting. A failure is reported when the first request is due.
  await metrics.families().catch(() => undefined);
  const listen = (event: SallyportEvent) => {
    const queued = queuedEvent(event, parts);
    if (queued !== null) sender.add(queued);
  };
  events.add(listen);
  sender.start();
  return {
    settingsChanged: () => {
      session.close();
      if (!settings().telemetry.logs) sender.clearLogs();
      sender.settingsChanged();
    },
    stop: async () => {
      events.delete(listen);
      await sender.stop();
      session.close();
    },
  };
}

/** The event for the queue; null if it is not sent. */
function queuedEvent(event: SallyportEvent, { ports, clock, redactor }: Parts): QueuedEvent | null {
  const { telemetry, logging } = ports.settings();
  if (!telemetry.logs || event['purpose'] === PURPOSE) return null;
  const { level } = EVENTS[event.name];
  if (!reachesLevel(level, logging.level)) return null;
  const { at: atMs, name, thread, message } = toRecord(event, clock.now(), redactor);
  const error = event['error'];
  return { atMs, level, name, thread, message, code: error instanceof CodedError ? error.code : null };
}

/** The messages as support logs would have them. A message is one line. */
async function redacted(messages: readonly string[], known: KnownSecrets, settings: Settings): Promise<string[]> {
  const { createBundleRedactor } = await import('#uploads/redaction/redactor.ts');
  const redactor = createBundleRedactor({ known, own: settings.support_logs.redaction });
  const redactLines = async (text: string) => {
    const parts: Uint8Array[] = [];
    for await (const part of redactor.redactLines(source(text), new Map())) parts.push(part);
    return Buffer.concat(parts).toString('utf8');
  };
  const lines = (await redactLines(messages.join('\n'))).split('\n');
  // A secret of several lines is masked as a whole. Each message alone has one line.
  if (lines.length === messages.length) return lines;
  return await Promise.all(messages.map(redactLines));
}

async function* source(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** Stores the first result of each kind, and successes from time to time. */
function noteOf({ clock, outcomes, redactor }: Parts): (error: CodedError | null) => void {
  let noted: { readonly code: string | null; readonly atMs: number } | null = null;
  return (error) => {
    const now = clock.monotonic();
    const code = error?.code ?? null;
    if (noted !== null && noted.code === code && now - noted.atMs < NOTE_EVERY_MS) return;
    noted = { code, atMs: now };
    // Not awaited: it only informs.
    void outcomes.note(PURPOSE, { at: clock.now(), failure: error === null ? null : toFailure(error, redactor) });
  };
}
