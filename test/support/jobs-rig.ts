// Jobs of support logs on a disk in memory, with contents that are made up and uploads over a real session.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CodedError } from '#errors/coded-error.ts';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Router } from '#proxy/route.ts';
import { deliver, type Sending } from '#spool/delivery.ts';
import { openSpool } from '#spool/open.ts';
import type { Spool } from '#spool/spool.ts';
import type { Clock } from '#system/clock.ts';
import { writeAll } from '#system/files.ts';
import { BundleJobs, type BundleOrder } from '#uploads/bundle/jobs/bundle-jobs.ts';
import { type BundleBody, bundleKind } from '#uploads/bundle/jobs/bundle-kind.ts';
import { BundleSender } from '#uploads/bundle/jobs/bundle-sender.ts';
import type { BuiltFile, Job } from '#uploads/bundle/jobs/job-record.ts';
import { JobStore } from '#uploads/bundle/jobs/job-store.ts';
import { SentRecord } from '#uploads/sent-record.ts';
import { CrashingFiles, seeded } from './crashing-files.ts';
import { uploadRig } from './upload-rig.ts';

export const STATE = '/state';

/** A request by an admin at this host. */
export function order(over: Partial<BundleOrder> = {}): BundleOrder {
  const requestedBy = { how: 'command', user: 'root', request: null } as const;
  return { requestedBy, case: null, note: null, sinceMs: null, prepare: false, ...over };
}

export interface JobsRigOptions {
  readonly files?: CrashingFiles;
  readonly clock: Clock;
  readonly keepSentDays?: number;
  readonly maxBytes?: number;
  refusal?(): CodedError | null;
  /** Called while a job is built. */
  building?(job: Job): Promise<void>;
  /** Where bundles go; without it nothing can be sent. */
  readonly target?: { readonly router: Router; readonly url: URL };
}

export interface JobsRig {
  readonly files: CrashingFiles;
  readonly jobs: BundleJobs;
  readonly store: JobStore;
  readonly spool: Spool<BundleBody>;
  readonly sent: SentRecord;
  readonly events: SallyportEvent[];
  /** Jobs that were built, in order. */
  readonly built: string[];
  route: string;
  /** Waits until the job is built. */
  settled(id: string): Promise<Job>;
  /** Sends what is due. */
  deliver(): Promise<void>;
  close(): void;
}

/** The bytes of the bundle of a job. */
export function bytesOf(id: string): Buffer {
  return Buffer.from(`bundle of ${id} `.repeat(50));
}

export async function jobsRig(options: JobsRigOptions): Promise<JobsRig> {
  const { files = new CrashingFiles(), clock, keepSentDays = 7, maxBytes = 10_000, refusal = () => null } = options;
  if (options.files === undefined) files.plantFolder(STATE);
  const events: SallyportEvent[] = [];
  const report = (event: SallyportEvent) => void events.push(event);
  const ports = { files, stateDir: STATE, clock, report };
  const store = await JobStore.open({
    ...ports,
    random: seeded(files.trace.length + 7),
    ballast: () => Promise.reject(coded('DISK-FULL', { operation: 'create', path: '/', reason: 'none' })),
  });
  const sent = await SentRecord.open(ports);
  const holder: { jobs?: BundleJobs } = {};
  const kind = bundleKind(files, store, async (job, how) => await holder.jobs?.left(job, how));
  const spool = await openSpool({ files, outbox: join(STATE, 'outbox'), clock, report }, kind);
  const built: string[] = [];
  const jobs = new BundleJobs({
    store,
    spool,
    clock,
    report: reportOf('support_logs', report),
    retention: () => ({ keepSentDays, maxBytes }),
    refusal,
    build: async (job, work) => {
      await options.building?.(job);
      built.push(job.id);
      return await freeze(files, work, job);
    },
    queued: () => undefined,
    changed: () => undefined,
  });
  holder.jobs = jobs;
  const rig: JobsRig = {
    files,
    jobs,
    store,
    spool,
    sent,
    events,
    built,
    route: 'corp',
    settled: async (id) => {
      await jobs.built(id);
      return store.known(id);
    },
    deliver: async () => await deliverBundles(rig, options),
    close: () => undefined,
  };
  return rig;
}

async function deliverBundles(rig: JobsRig, { target, clock }: JobsRigOptions): Promise<void> {
  if (target === undefined) throw new Error('the rig has no target');
  const upload = await uploadRig({ router: target.router, clock });
  const sender = new BundleSender({
    files: rig.files,
    store: rig.store,
    upload: { ...upload.ports, report: reportOf('support_logs', (event) => void rig.events.push(event)) },
    sent: rig.sent,
    settings: () => ({ support_logs: { url: target.url.href, protocol: 'tus' } }) as never,
    routeKey: () => rig.route,
    progress: () => undefined,
  });
  const policy = (sending: Sending<BundleBody>) => sender.send(sending);
  const report = (event: SallyportEvent) => void rig.events.push(event);
  const retry = () => ({ maxDelaySeconds: 60 });
  const delivery = { spool: rig.spool, clock, random: () => 0, report, policy, retry };
  try {
    await deliver(delivery, new AbortController().signal);
  } finally {
    upload.session.close();
  }
}

/** Writes the bundle of a job as the packing does: complete, synced, read-only. */
async function freeze(files: CrashingFiles, work: string, { id }: Job): Promise<BuiltFile> {
  const name = `${id}.tar.zst`;
  const bytes = bytesOf(id);
  await files.remove(join(work, name));
  const file = await files.create(join(work, name), 0o400);
  writeAll(file, bytes, 0);
  await file.sync();
  await file.close();
  await files.syncDirectory(work);
  return {
    name,
    content_type: 'application/zstd',
    length: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    source_bytes: 2_000,
    files: [{ name: 'log/sallyport.log', bytes: 2_000, masked: { authorization: 2 } }],
    left_out: [],
  };
}
