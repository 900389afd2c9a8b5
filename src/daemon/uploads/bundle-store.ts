// Opens what bundles of support logs need on disk: the jobs, their spool, and what earlier uploads learned about
// network paths.

import { join } from 'node:path';
import type { CodedError } from '#errors/coded-error.ts';
import { openSpool } from '#spool/open.ts';
import type { Spool } from '#spool/spool.ts';
import { TimeoutMemory } from '#timeout/memory.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';
import { timeoutSettings } from '#timeout/settings.ts';
import { type BundleBody, bundleKind, type EntryLeft } from '#uploads/bundle/jobs/bundle-kind.ts';
import { JobStore } from '#uploads/bundle/jobs/job-store.ts';
import { UploadPaths } from '#uploads/transfer/path-memory.ts';
import type { PurposePorts } from './ports.ts';

/** What is open. */
export interface OpenBundles {
  readonly store: JobStore;
  readonly spool: Spool<BundleBody>;
  readonly paths: UploadPaths;
  readonly timeouts: TimeoutMemory;
  readonly model: ResponseTimeoutModel;
}

/** Opens it; it is made if it is missing. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
export async function openBundles(ports: PurposePorts, left: EntryLeft): Promise<OpenBundles> {
  const { files, stateDir, outbox, clock, report, settings } = ports;
  const name = (error: CodedError | null) => {
    if (error !== null) report({ name: 'state-set-aside', error });
  };
  const store = await JobStore.open(ports);
  const ballast = await ports.ballast();
  const spool = await openSpool({ files, outbox, clock, report, ballast }, bundleKind(files, store, left));
  const paths = new UploadPaths(files, join(stateDir, 'upload-paths.json'));
  name(await paths.load());
  const timeouts = new TimeoutMemory(files, join(stateDir, 'upload-timeouts.json'));
  name(await timeouts.load());
  const model = new ResponseTimeoutModel(timeoutSettings(settings()), timeouts.learned);
  return { store, spool, paths, timeouts, model };
}
