// The files that `sallyport send-logs` reads and writes for its user: a bundle that was made on another host, and the
// file of `--output`.
//
// They are opened with the rights of this process. No symbolic link is followed and no file is replaced.

import type { Control } from '#control/control.ts';
import { IMPORT_PART_BYTES, type LogsJob } from '#control/uploads/send-logs.ts';
import { coded } from '#errors/coded-error.ts';
import { type Files, type OpenFile, writeAll } from '#system/files.ts';

const MODE = 0o600;
/** A part is a multiple of it. */
const CHUNK_BYTES = 65_536;

/** A new file, which is removed unless `saveBundle` completed it. */
export interface OutputFile {
  readonly file: OpenFile;
  isComplete: boolean;
  close(): Promise<void>;
}

/** Creates the file before the work begins. @throws CodedError FILE-*, also if it exists */
export async function openOutput(files: Files, path: string): Promise<OutputFile> {
  const file = await files.create(path, MODE);
  const output: OutputFile = {
    file,
    isComplete: false,
    close: async () => {
      await file.close();
      if (!output.isComplete) await files.remove(path).catch(() => false);
    },
  };
  return output;
}

/** Writes the bundle of a job. @throws CodedError DISK-FULL, FILE-* */
export async function saveBundle(control: Pick<Control, 'readLogs'>, output: OutputFile, job: LogsJob): Promise<void> {
  let end = 0;
  for await (const part of readAll(control, { job: job.job, file: null })) {
    writeAll(output.file, part, end);
    end += part.length;
  }
  if (end !== job.length) throw coded('INTERNAL', { reason: `read ${end} of ${job.length} bytes` });
  await output.file.sync();
  output.isComplete = true;
}

/** The bytes of a bundle, or of one file in it. */
export async function* readAll(
  control: Pick<Control, 'readLogs'>,
  what: { readonly job: string; readonly file: string | null },
): AsyncGenerator<Buffer> {
  for (let offset = 0; ; ) {
    const { data, length } = await control.readLogs({ ...what, offset });
    const part = Buffer.from(data, 'base64');
    offset += part.length;
    yield part;
    if (offset >= length || part.length === 0) return;
  }
}

/** Hands in a bundle that was made elsewhere. @throws CodedError BUNDLE-FOREIGN, FILE-*; the reason of the signal */
export async function importFile(
  control: Pick<Control, 'beginImport' | 'importPart' | 'endImport'>,
  from: {
    readonly file: string;
    readonly case: string | null;
    readonly note: string | null;
    readonly files: Files;
    readonly signal: AbortSignal;
  },
): Promise<LogsJob> {
  const file = await from.files.openToRead(from.file);
  try {
    const { job } = await control.beginImport({ case: from.case, note: from.note });
    const { size } = file.facts();
    for (let offset = 0; offset < size; offset += IMPORT_PART_BYTES) {
      from.signal.throwIfAborted();
      await control.importPart({ job, offset, bytes: partOf(file, offset) });
    }
    return await control.endImport(job, from.signal);
  } finally {
    await file.close();
  }
}

async function* partOf(file: OpenFile, from: number): AsyncGenerator<Buffer> {
  for (let at = from; at < from + IMPORT_PART_BYTES; ) {
    // A chunk of its own: the previous one may not be sent yet.
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const got = file.read(chunk, at);
    if (got === 0) return;
    at += got;
    yield chunk.subarray(0, got);
    await Promise.resolve();
  }
}
