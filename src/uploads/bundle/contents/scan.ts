// The final check of an archive: reads its files back and searches them again for everything that must not leave this
// host. File names are checked too, because the manifest lists them.

import type { BundleRedactor } from '#uploads/redaction/redactor.ts';
import { archiveFormat } from './archive.ts';
import type { StoredArchive } from './archive-types.ts';

/** A file with something in it that should have been masked. */
export interface ScanHit {
  readonly name: string;
  readonly rules: readonly string[];
}

/** @throws CodedError REDACTION-NOT-TEXT, FILE-*; the reason of the signal */
export async function scanArchive(
  archive: StoredArchive & { readonly format: 'tar.zst' | 'zip' },
  { redactor, signal }: { readonly redactor: BundleRedactor; readonly signal: AbortSignal },
): Promise<ScanHit[]> {
  const hits: ScanHit[] = [];
  for await (const { name, chunks } of archiveFormat(archive.format).read(archive)) {
    signal.throwIfAborted();
    const rules = [...(await redactor.scanForSecrets(chunks)).keys()].sort();
    if (rules.length > 0) hits.push({ name, rules });
  }
  return hits;
}
