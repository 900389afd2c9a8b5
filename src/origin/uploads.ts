// The uploads of an origin: batches of documents and bundles of support logs. They are stored in a folder next to the
// served one.
//
// Guarantees: nothing is written outside that folder, other users cannot read it, and no response contains uploaded
// data. Everything that was acknowledged survives a crash.

import { join } from 'node:path';
import type { Files } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import type { Linger, ServedExchange } from './reply.ts';
import type { BatchRecord } from './uploads/batches/batch-record.ts';
import { BatchStore, DOCUMENTS_FILE } from './uploads/batches/batch-store.ts';
import { Batches } from './uploads/batches/batches.ts';
import type { BundleParts } from './uploads/bundles/bundle-parts.ts';
import type { BundleRecord } from './uploads/bundles/bundle-record.ts';
import { BundleStore } from './uploads/bundles/bundle-store.ts';
import { BUNDLES_PATH, Bundles } from './uploads/bundles/bundles.ts';
import type { TusServer } from './uploads/bundles/tus-server.ts';
import { UnfinishedUploads } from './uploads/bundles/unfinished-uploads.ts';
import { UploadLocks } from './uploads/bundles/upload-locks.ts';
import { type BatchRules, DEFAULT_UPLOAD_LIMITS, type UploadLimits } from './uploads/upload-options.ts';

export interface UploadOptions {
  readonly files: Files;
  /** The folder; created if it is missing. */
  readonly dir: string;
  readonly linger: Linger;
  readonly limits?: Partial<UploadLimits>;
  readonly batches?: BatchRules;
}

export interface UploadReceiver {
  /** Every stored document, one per line. */
  readonly documentsFile: string;
  /** The newest 1,000 batches, oldest first. */
  readonly batches: readonly BatchRecord[];
  /** Documents stored. */
  readonly documents: number;
  /** A folder for each finished bundle. */
  readonly bundlesDir: string;
  /** The newest 1,000 finished bundles, oldest first. */
  readonly bundles: readonly BundleRecord[];
  /** Answers a request whose path begins with one of `UPLOAD_PATHS`. Rejects when the client disconnects. */
  answer(exchange: ServedExchange, path: readonly string[]): Promise<boolean>;
  close(): Promise<void>;
}

export const BATCHES_PATH = 'analytics';

/** Whether requests to this path have a body that may take long. */
export function isUploadPath(path: readonly string[]): boolean {
  return path[0] === BATCHES_PATH || path[0] === BUNDLES_PATH;
}

/** @throws CodedError FOLDER-UNSAFE, FILE-*, and an error when a file in the folder is not ours */
export async function openReceiver({ files, dir, linger, ...options }: UploadOptions): Promise<UploadReceiver> {
  const limits = { ...DEFAULT_UPLOAD_LIMITS, ...options.limits };
  const folders = {
    documents: join(dir, BATCHES_PATH),
    bundles: join(dir, BUNDLES_PATH),
    unfinished: join(dir, 'unfinished'),
  };
  for (const path of [dir, ...Object.values(folders)]) {
    await ownFolder(files, path, { mode: 0o700, what: 'a folder for uploads', isPrivate: true });
  }
  const parts = { files, linger, limits };
  const finished = await BundleStore.open(files, folders.bundles);
  const bundles = await openBundles(finished, folders.unfinished, parts);
  const rules = options.batches ?? {};
  const store = await BatchStore.open({ files, dir: folders.documents, limits, reject: rules.reject ?? (() => null) });
  const batches = new Batches({ store, limits, rules, linger });
  return {
    documentsFile: join(folders.documents, DOCUMENTS_FILE),
    bundlesDir: folders.bundles,
    get batches() {
      return store.recent;
    },
    get documents() {
      return store.size;
    },
    get bundles() {
      return finished.recent;
    },
    async answer(exchange, [first, ...rest]) {
      if (first === BUNDLES_PATH) return await bundles.answer(exchange, rest);
      if (first !== BATCHES_PATH || rest.length > 0) return false;
      await batches.answer(exchange);
      return true;
    },
    close: () => store.close(),
  };
}

/** Also recovers from a crash. */
async function openBundles(
  finished: BundleStore,
  dir: string,
  parts: Pick<BundleParts, 'files' | 'limits' | 'linger'>,
): Promise<Bundles> {
  const { files, limits, linger } = parts;
  const unfinished = await UnfinishedUploads.open({ files, dir, keepMs: limits.unfinishedMs });
  await finished.recover(unfinished);
  await unfinished.sweep();
  const locks = new UploadLocks(linger.clock, limits.lockMs);
  let server: Promise<TusServer> | null = null;
  const load = async () => {
    const { makeTusServer } = await import('./uploads/bundles/tus-server.ts');
    const { bundleBytes: maxBytes, unfinishedMs: keepMs } = limits;
    return makeTusServer({ files, unfinished, locker: locks, maxBytes, keepMs, path: `/${BUNDLES_PATH}` });
  };
  const tus = () => {
    server ??= load();
    return server;
  };
  return new Bundles({ ...parts, finished, unfinished, locks, tus });
}
