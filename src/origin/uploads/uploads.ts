// The uploads of an origin: batches of documents, in a folder of their own next to what is served.
//
// Guarantees: nothing is written outside that folder, other users cannot read it, and no request is answered with its
// content. Everything that was acknowledged survives a crash.

import { join } from 'node:path';
import type { Exchange, Linger } from '#origin/reply.ts';
import type { Files } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import type { BatchRecord } from './batch-record.ts';
import { BatchStore, DOCUMENTS_FILE } from './batch-store.ts';
import { Batches } from './batches.ts';
import { type BatchRules, DEFAULT_UPLOAD_LIMITS, type UploadLimits } from './upload-options.ts';

export interface UploadOptions {
  readonly files: Files;
  /** The folder; created if it is missing. */
  readonly dir: string;
  readonly linger: Linger;
  readonly limits?: Partial<UploadLimits>;
  readonly batches?: BatchRules;
}

export interface Uploads {
  /** Every stored document, one per line. */
  readonly documentsFile: string;
  /** The newest 1,000 batches, oldest first. */
  readonly batches: readonly BatchRecord[];
  /** Documents stored. */
  readonly documents: number;
  /** Answers a request whose path begins with one of `UPLOAD_PATHS`. Rejects when the client disconnects. */
  answer(exchange: Exchange, path: readonly string[]): Promise<boolean>;
  close(): Promise<void>;
}

export const BATCHES_PATH = 'analytics';

/** Whether requests to this path have a body that may take long. */
export function isUploadPath(path: readonly string[]): boolean {
  return path[0] === BATCHES_PATH;
}

/** @throws CodedError FOLDER-UNSAFE, FILE-*, and an error when a file in the folder is not ours */
export async function openUploads({ files, dir, linger, ...options }: UploadOptions): Promise<Uploads> {
  const limits = { ...DEFAULT_UPLOAD_LIMITS, ...options.limits };
  const rules = options.batches ?? {};
  const folder = join(dir, BATCHES_PATH);
  await ownFolder(files, dir, { mode: 0o700, what: 'the folder for uploads', isPrivate: true });
  await ownFolder(files, folder, { mode: 0o700, what: 'the folder for documents', isPrivate: true });
  const store = await BatchStore.open({ files, dir: folder, limits, reject: rules.reject ?? (() => null) });
  const batches = new Batches({ store, limits, rules, linger });
  return {
    documentsFile: join(folder, DOCUMENTS_FILE),
    get batches() {
      return store.recent;
    },
    get documents() {
      return store.size;
    },
    async answer(exchange, path) {
      if (path.length !== 1 || path[0] !== BATCHES_PATH) return false;
      await batches.answer(exchange);
      return true;
    },
    close: () => store.close(),
  };
}
