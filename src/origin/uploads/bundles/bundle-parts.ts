// The parts that all requests for bundles use. Types only.

import type { Linger } from '#origin/reply.ts';
import type { UploadLimits } from '#origin/uploads/upload-options.ts';
import type { Files } from '#system/files.ts';
import type { BundleStore } from './bundle-store.ts';
import type { TusServer } from './tus-server.ts';
import type { UnfinishedUploads } from './unfinished-uploads.ts';
import type { UploadLocks } from './upload-locks.ts';

export interface BundleParts {
  readonly files: Files;
  readonly finished: BundleStore;
  readonly unfinished: UnfinishedUploads;
  readonly locks: UploadLocks;
  readonly limits: UploadLimits;
  readonly linger: Linger;
  /** Loads the library at the first call. */
  readonly tus: () => Promise<TusServer>;
}
