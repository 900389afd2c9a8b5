// Sends bundles to `support_logs.url`, one at a time, and decides when an entry of their spool is sent, held or
// removed.
//
// Guarantees: an entry ends only after a receipt of the server, or after the server has said twice that it received
// other bytes. Before it ends, the receipt is durable with the job and in the record of what left this host. A bundle
// that a scanner blocked is held. It is not sent again until an admin retries it or the route changes, even if a crash
// lost the hold of its entry.

import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { attachmentBody } from '#spool/attachment.ts';
import type { Sending, Verdict } from '#spool/delivery.ts';
import type { Files } from '#system/files.ts';
import { isHeld } from '#uploads/content-block.ts';
import type { SentRecord } from '#uploads/sent-record.ts';
import { uploadBundle } from '#uploads/transfer/bundle-upload.ts';
import type { Bundle, UploadFacts, UploadOutcome, UploadPorts } from '#uploads/transfer/upload-types.ts';
import { afterUpload, stillHeld } from '#uploads/transfer/upload-verdict.ts';
import type { BundleBody } from './bundle-kind.ts';
import { type BuiltFile, type Job, type JobState, maskedBy } from './job-record.ts';
import type { JobStore } from './job-store.ts';

export interface BundleSenderPorts {
  readonly files: Files;
  readonly store: JobStore;
  readonly upload: UploadPorts;
  readonly sent: Pick<SentRecord, 'bundle'>;
  settings(): Pick<Settings, 'support_logs'>;
  /** Identifies the route that a request would take now. */
  routeKey(url: URL): string;
  /** Bytes of this job that the server has confirmed. */
  progress(job: string, confirmed: number): void;
}

type Entry = Sending<BundleBody>['entry'];
type Built = Job & { readonly built: BuiltFile };
type Ended = Verdict<BundleBody>;

const STATE_AFTER: Readonly<Record<'sent' | 'waiting' | 'held' | 'failed', JobState>> = {
  sent: 'sent',
  waiting: 'queued',
  held: 'held',
  failed: 'failed',
};

export class BundleSender {
  readonly #ports: BundleSenderPorts;

  constructor(ports: BundleSenderPorts) {
    this.#ports = ports;
  }

  /**
   * Sends one bundle.
   * @throws the reason of the signal; CodedError of class `system` for faults of this host
   */
  async send({ entry, signal }: Sending<BundleBody>): Promise<Ended> {
    const job = this.#ports.store.get(entry.body.job);
    if (!hasFile(job)) {
      const failure = coded('JOB-UNKNOWN', { job: entry.body.job });
      return { does: 'reject', failure, says: [] };
    }
    const confirmed = job.receipt === null ? await this.#upload(entry, job, signal) : job;
    if ('does' in confirmed) return confirmed;
    await this.#record(confirmed);
    return { does: 'settle', says: [] };
  }

  /** The job with its receipt, or the verdict without one. */
  async #upload(entry: Entry, job: Built, signal: AbortSignal): Promise<Built | Ended> {
    const url = this.#url();
    const route = this.#ports.routeKey(url);
    const wasHeld = isHeld(job.upload.block, route);
    // An admin who retries an entry clears its postponement.
    if (wasHeld && entry.postponed !== null) return stillHeld(blockedBefore(job));
    const target = { url, protocol: this.#ports.settings().support_logs.protocol };
    const known = wasHeld ? await this.#released(job) : job;
    const outcome = await uploadBundle(
      this.#ports.upload,
      { bundle: this.#bundleOf(known), target, facts: this.#factsOf(known) },
      signal,
    );
    const { failures, block } = known.upload;
    const after = afterUpload<BundleBody>(outcome, { job: job.id, failures, block, route });
    const state = STATE_AFTER[after.state];
    const saved = await this.#ports.store.update(job.id, ({ upload }) => ({
      state,
      upload: { ...upload, block: after.block, failures: after.state === 'sent' ? failures : failures + 1 },
      ...outcomeFields(outcome, url),
    }));
    return outcome.ended === 'receipt' && hasFile(saved) ? saved : after.verdict;
  }

  async #released(job: Built): Promise<Built> {
    const { store } = this.#ports;
    const released = await store.update(job.id, ({ upload }) => ({
      state: 'queued',
      upload: { ...upload, block: null },
    }));
    return hasFile(released) ? released : job;
  }

  async #record({ id, built, receipt, ...job }: Built): Promise<void> {
    if (receipt === null) return;
    await this.#ports.sent.bundle({
      job: id,
      requested_by: job.requested_by,
      approved_by: job.approved_by,
      case: job.case,
      url: receipt.url,
      via: receipt.via,
      file: built.name,
      length: built.length,
      sha256: built.sha256,
      files: built.files.map(({ name, bytes }) => ({ name, bytes })),
      masked: maskedBy(built),
      receipt: receipt.id,
    });
  }

  #bundleOf(job: Built): Bundle {
    const { files, store } = this.#ports;
    const { name, length, sha256, content_type: contentType, source_bytes: sourceBytes } = job.built;
    const body = attachmentBody(files, store.fileOf(job), { length, sha256 });
    return { job: job.id, body, sha256, fileName: name, contentType, sourceBytes, case: job.case, note: job.note };
  }

  #factsOf({ id, upload }: Job): UploadFacts {
    const { store, progress } = this.#ports;
    const change = async (fields: (before: Job['upload']) => Partial<Job['upload']>) => {
      await store.update(id, ({ upload: before }) => ({ upload: { ...before, ...fields(before) } }));
    };
    const now = () => store.get(id)?.upload ?? upload;
    return {
      get location() {
        return now().location;
      },
      get otherBytes() {
        return now().other_bytes;
      },
      failures: upload.failures,
      saveLocation: (location) => change(() => ({ location })),
      forgetLocation: (why) =>
        change(({ other_bytes: count }) => ({ location: null, other_bytes: count + (why === 'other-bytes' ? 1 : 0) })),
      progress: (confirmed) => progress(id, confirmed),
    };
  }

  /** @throws CodedError UPLOADS-OFF without a URL */
  #url(): URL {
    const { url } = this.#ports.settings().support_logs;
    if (url !== undefined) return new URL(url);
    throw coded('UPLOADS-OFF', { title: 'support logs', key: 'support_logs.url', wanted: 'a URL' });
  }
}

function outcomeFields(outcome: UploadOutcome, url: URL): Pick<Job, 'receipt' | 'failure'> {
  if (outcome.ended === 'receipt') {
    return { receipt: { id: outcome.receipt, url: shownUrl(url), via: outcome.via }, failure: null };
  }
  return { receipt: null, failure: failureFields(outcome.failure) };
}

/** A failure as it is stored with a job. */
export function failureFields(thrown: unknown): NonNullable<Job['failure']> {
  const { code, safeText: message, check, hop, entry } = asCoded(thrown);
  return { code, message, check, hop, class: entry.class };
}

function blockedBefore({ id }: Job): CodedError {
  return coded('BUNDLE-HELD', { job: id });
}

function hasFile(job: Job | null): job is Built {
  return job !== null && job.built !== null;
}
