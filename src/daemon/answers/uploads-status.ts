// The state of each purpose that uploads data, for `status` and `status --check`: whether it sends, which entries are
// waiting, and how full its queue is.

import { PURPOSES, purposeRow } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import type { Status } from '#control/status.ts';
import { toFailure } from '#daemon/failure.ts';
import type { TransferProgress } from '#daemon/transfer-progress.ts';
import type { OpenKind } from '#daemon/uploads/kinds.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Redactor } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';
import { isSendingPurpose, isUploadPurpose, type SendingPurpose, uploadsRefused } from '#uploads/upload-gate.ts';
import type { QueueFacts } from './health-of-queues.ts';
import { unitOf } from './queue.ts';

/** In the order of the table of purposes. */
const SENDING_PURPOSES = PURPOSES.filter(isSendingPurpose);
/** The kind of the entries whose upload takes long enough to show its progress. */
const BUNDLE = 'bundle';

type UploadRow = Status['uploads'][number];

export interface UploadsContext {
  readonly settings: Settings;
  readonly kinds: readonly OpenKind[];
  readonly redactor: Redactor;
  /** The upload of a bundle that is running. */
  readonly transfer: TransferProgress | null;
}

/** One row for each purpose, also for those that are not enabled. */
export function describeUploads(context: UploadsContext): UploadRow[] {
  return SENDING_PURPOSES.map((purpose) => describeUpload(purpose, context));
}

function describeUpload(purpose: SendingPurpose, { settings, kinds, redactor, transfer }: UploadsContext): UploadRow {
  const refused = uploadsRefused(purpose, settings);
  const kind = kinds.find((one) => one.purpose === purpose) ?? null;
  const progress = kind?.name === BUNDLE ? transfer : null;
  return {
    purpose,
    title: purposeRow(purpose).title,
    off: refused === null ? null : { key: keyOf(refused), failure: toFailure(refused, redactor) },
    queue: kind === null ? null : describeQueue(kind),
    transfer:
      progress === null
        ? null
        : { id: progress.id, confirmed: progress.received, length: progress.length, rate: progress.rate },
  };
}

/** The key that forbids it. */
function keyOf({ facts }: CodedError): string {
  const { key } = facts;
  return typeof key === 'string' ? key : 'uploads_allowed';
}

function describeQueue(kind: OpenKind): NonNullable<UploadRow['queue']> {
  const { spool } = kind;
  const { items, bytes, limit, oldestAtMs } = kind.usage();
  const next = spool.nextDueAt();
  return {
    kind: kind.name,
    unit: unitOf(kind),
    waiting: { items, bytes },
    quota: limit,
    oldest: oldestAtMs === null ? null : utcTime(oldestAtMs),
    held: heldIn(kind),
    rejected: spool.rejected,
    quarantined: spool.quarantined,
    next_try: next === null ? null : utcTime(next),
  };
}

/** How full the queues are that are being sent. What waits for a purpose that is not enabled is left out. */
export function queueFacts(settings: Settings, kinds: readonly OpenKind[], nowMs: number): QueueFacts[] {
  return kinds
    .filter((kind) => isSent(kind, settings))
    .map((kind) => {
      const { items, bytes, limit, oldestAtMs } = kind.usage();
      const oldestMs = oldestAtMs === null ? null : nowMs - oldestAtMs;
      return {
        kind: kind.name,
        title: kind.title,
        unit: unitOf(kind),
        items,
        bytes,
        limit,
        oldestMs,
        held: heldIn(kind),
      };
    });
}

function isSent({ purpose }: OpenKind, settings: Settings): boolean {
  if (isUploadPurpose(purpose)) return uploadsRefused(purpose, settings) === null;
  return settings.updates.acknowledge_url !== undefined;
}

function heldIn({ spool }: OpenKind): number {
  return spool.list().filter(({ head }) => head.held).length;
}
