// Checks whether a file is a bundle of support logs: its format, and its manifest if it is not encrypted. The file may
// come from anywhere, so nothing in it is trusted, and memory has a limit.

import { coded } from '#errors/coded-error.ts';
import { attachmentBody } from '#spool/attachment.ts';
import type { Files } from '#system/files.ts';
import { archiveFormat } from '#uploads/bundle/contents/archive.ts';
import type { StoredArchive } from '#uploads/bundle/contents/archive-types.ts';
import { MANIFEST_NAME, manifestSchema } from '#uploads/bundle/contents/manifest.ts';

const HEAD_BYTES = 32;
const MAX_MANIFEST_BYTES = 33_554_432;
/** The end of a zip archive without a comment (APPNOTE 4.3.16), and where it has the size of its directory. */
const ZIP_END_BYTES = 22;
const ZIP_DIRECTORY_SIZE_AT = 12;
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const ZIP = Buffer.from('PK\u0003\u0004');
const AGE = Buffer.from('age-encryption.org/v1\n');

/** The ending of its name, and its type. */
export interface BundleFormat {
  readonly ending: string;
  readonly type: string;
}

/** @throws CodedError BUNDLE-FOREIGN, FILE-*; the reason of the signal */
export async function inspectBundle(files: Files, path: string, signal: AbortSignal): Promise<BundleFormat> {
  const length = (await files.facts(path))?.size ?? 0;
  const archive = attachmentBody(files, path, { length, sha256: '' });
  const head = await bytesAt(archive, 0, HEAD_BYTES);
  if (head.subarray(0, AGE.length).equals(AGE)) return { ending: 'age', type: 'application/octet-stream' };
  const name = formatOf(head);
  if (name === null) throw foreign('it is neither tar.zst, zip nor age');
  if (name === 'zip') await checkZipEnd(archive);
  const format = archiveFormat(name);
  await checkManifest(format.read(archive), signal);
  return { ending: format.extension, type: format.contentType };
}

function formatOf(head: Buffer): 'tar.zst' | 'zip' | null {
  if (head.subarray(0, ZSTD.length).equals(ZSTD)) return 'tar.zst';
  return head.subarray(0, ZIP.length).equals(ZIP) ? 'zip' : null;
}

/** The directory is read as a whole. */
async function checkZipEnd(archive: StoredArchive): Promise<void> {
  const end = await bytesAt(archive, Math.max(0, archive.length - ZIP_END_BYTES), ZIP_END_BYTES);
  const isEnd = end.length === ZIP_END_BYTES && end.readUInt32LE(0) === 0x06054b50;
  if (!isEnd || end.readUInt32LE(ZIP_DIRECTORY_SIZE_AT) > MAX_MANIFEST_BYTES)
    throw foreign('it is not a whole zip archive');
}

async function checkManifest(
  entries: ReturnType<ReturnType<typeof archiveFormat>['read']>,
  signal: AbortSignal,
): Promise<void> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const { name, chunks: content } of entries) {
      if (name !== MANIFEST_NAME) throw foreign(`its first file is not ${MANIFEST_NAME}`);
      for await (const chunk of content) {
        signal.throwIfAborted();
        length += chunk.length;
        if (length > MAX_MANIFEST_BYTES) throw foreign('its manifest is too large');
        chunks.push(Buffer.from(chunk));
      }
      break;
    }
    manifestSchema.parse(JSON.parse(Buffer.concat(chunks).toString()));
  } catch (thrown) {
    signal.throwIfAborted();
    if ((thrown as { code?: unknown }).code === 'BUNDLE-FOREIGN') throw thrown;
    throw foreign('its manifest cannot be read', thrown);
  }
}

async function bytesAt(archive: StoredArchive, from: number, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  if (from >= archive.length) return Buffer.alloc(0);
  for await (const chunk of archive.open(from)) {
    chunks.push(Buffer.from(chunk.subarray(0, length - got)));
    got += chunk.length;
    if (got >= length) break;
  }
  return Buffer.concat(chunks);
}

function foreign(reason: string, cause?: unknown) {
  return coded('BUNDLE-FOREIGN', { reason }, cause);
}
