// The interface through which the daemon builds and reads bundles. Types only; `daemon/logs/bundle-contents.ts`
// implements it.

import type { LogsOrder, LogsPlan } from '#control/uploads/send-logs.ts';
import type { BuiltFile, Job } from '#uploads/bundle/jobs/job-record.ts';

/** A stream of bytes of known length. */
interface ReadableFile {
  readonly length: number;
  open(offset: number): AsyncIterable<Uint8Array>;
}

export interface BundleContents {
  /** Collects, redacts and packs. Can be repeated. @throws CodedError BUNDLE-SECRET, DISK-FULL, FILE-* */
  build(job: Job, work: string, signal: AbortSignal): Promise<BuiltFile>;
  /** What a bundle would contain now. Writes nothing. */
  plan(order: LogsOrder, signal: AbortSignal): Promise<LogsPlan>;
  /** A file of a bundle as it would be sent. @throws CodedError BUNDLE-NO-FILE, BUNDLE-NOT-BUILT, FILE-* */
  read(work: string, file: string): Promise<ReadableFile>;
  /** Checks that a file is a bundle; returns the ending of its name and its type. @throws CodedError BUNDLE-FOREIGN */
  check(path: string, job: string, signal: AbortSignal): Promise<{ readonly ending: string; readonly type: string }>;
}
