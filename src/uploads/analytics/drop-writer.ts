// Writes documents to the drop directory, for `sallyport submit` while no daemon is running.
//
// Guarantees: a file in `new/` is complete and durable. Its lines are checked before it is written, except against the
// secrets of the configuration, which only the daemon has. A crash leaves a file in `tmp/`, which the daemon deletes
// after a day.

import { join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { publishFile } from '#system/durable.ts';
import { type Files, writeAll } from '#system/files.ts';
import { DocumentReader, type DocumentRules } from './documents.ts';
import { MAX_DROP_FILE_BYTES } from './drop-directory.ts';
import { SubmissionRefused } from './submission.ts';

/** The group of the directory, to which the service belongs, must be able to read the file. */
const MODE = 0o640;

/** What was left there. */
export interface DroppedFile {
  readonly documents: number;
  readonly bytes: number;
  readonly path: string;
}

/** The daemon applies the rules of the configuration when it takes the file. */
const KEEPS_ALL: DocumentRules = { keep: null, refusalOf: () => null, suspects: () => new Set() };

/** Writes a file of its own with these documents. @throws SubmissionRefused, CodedError DISK-FULL, SPOOL-TOO-LARGE, FILE-* */
export async function dropDocuments(
  { files, dir, name }: { readonly files: Files; readonly dir: string; readonly name: string },
  source: AsyncIterable<Uint8Array>,
): Promise<DroppedFile> {
  const unfinished = join(dir, 'tmp', name);
  const path = join(dir, 'new', name);
  const file = await files.create(unfinished, MODE);
  const reader = new DocumentReader(KEEPS_ALL, () => undefined);
  try {
    let bytes = 0;
    for await (const chunk of source) {
      reader.take(chunk);
      writeAll(file, chunk, bytes);
      bytes += chunk.length;
      if (bytes > MAX_DROP_FILE_BYTES) throw coded('SPOOL-TOO-LARGE', { key: name, bytes, limit: MAX_DROP_FILE_BYTES });
    }
    const { documents, wrong, wrongCount } = reader.end();
    if (wrongCount > 0) throw new SubmissionRefused(wrong, wrongCount);
    await file.sync();
    await file.close();
    await publishFile(files, unfinished, path);
    return { documents, bytes, path };
  } catch (thrown) {
    await file.close();
    await files.remove(unfinished).catch(() => false);
    throw thrown;
  }
}
