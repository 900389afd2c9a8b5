// Verifies a downloaded file with a list of verifiers, cheapest first; all must pass. Nothing is ever decompressed.
//
// A verifier reads the staged file and its description in the feed. A zip bomb with the right digest passes, because
// the vendor published it and Sallyport does not unpack it.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { digestFile } from '#system/digest.ts';
import { type Files, isSameFile, type OpenFile } from '#system/files.ts';
import type { Fetched } from '#transfer/fetch-types.ts';
import { describeFirstBytes } from '#transfer/first-bytes.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';

/** A local file header (APPNOTE 4.3.7), with which every non-empty JAR starts. */
const LOCAL_HEADER: Buffer = Buffer.from('504b0304', 'hex');
/** The end of central directory (APPNOTE 4.3.16). */
const END_OF_DIRECTORY = Buffer.from('504b0506', 'hex');
const END_BYTES = 22;
/** Its comment is at most 65,535 bytes long, so it starts within this many bytes of the end. */
const TAIL_BYTES = END_BYTES + 65_535;

/** The staged file and the feed's description of it. */
interface VerifiableFile {
  readonly file: OpenFile;
  readonly fetched: Fetched;
  readonly item: FeedItem;
}

/** One check; returns the failure, or null. */
type Verifier = (downloaded: VerifiableFile) => CodedError | null;

/** What a file must be. Packages are .JAR files; a mirror also keeps targets that only its clients understand. */
export type FileForm = 'jar' | 'any';

/** The first bytes of every file of a form. */
export const FIRST_BYTES: Readonly<Record<FileForm, Uint8Array>> = { jar: LOCAL_HEADER, any: new Uint8Array() };

/** Every check that a package must pass, in this order. */
const VERIFIERS: readonly Verifier[] = [verifyLength, verifyMagic, verifyEnd, verifyDigest];

/** @throws CodedError NOT-A-JAR, DIGEST-MISMATCH, FILE-SWAPPED when it is not the file that was hashed */
export async function verify(files: Files, fetched: Fetched, item: FeedItem): Promise<void> {
  await withFile(files, fetched, (file) => {
    for (const verifier of VERIFIERS) {
      const error = verifier({ file, fetched, item });
      if (error !== null) throw error.at(fetched.from);
    }
  });
}

/**
 * Verifies a file of any form. `digests` are all that it must have, by algorithm.
 * @throws CodedError DIGEST-MISMATCH, FILE-SWAPPED
 */
export async function verifyDigests(
  files: Files,
  fetched: Fetched,
  { digests, signal }: { readonly digests: ReadonlyMap<string, string>; readonly signal: AbortSignal },
): Promise<void> {
  await withFile(files, fetched, async (file) => {
    for (const [algorithm, expected] of digests) {
      const found = algorithm === 'sha256' ? fetched.sha256 : await digestFile(file, signal, algorithm);
      if (found !== expected) throw mismatch(fetched, { algorithm, found, expected }).at(fetched.from);
    }
  });
}

async function withFile(
  files: Files,
  fetched: Fetched,
  check: (file: OpenFile) => Promise<void> | void,
): Promise<void> {
  const file = await files.openToRead(fetched.path);
  try {
    if (!isSameFile(fetched.file, file.facts())) throw coded('FILE-SWAPPED', { path: fetched.path });
    await check(file);
  } finally {
    await file.close();
  }
}

function verifyLength({ file, item }: VerifiableFile): CodedError | null {
  const { size } = file.facts();
  return size === item.length ? null : notAJar(`it has ${size} bytes, not ${item.length}`);
}

function verifyMagic({ file }: VerifiableFile): CodedError | null {
  const magic = readAt(file, 0, LOCAL_HEADER.length);
  return magic.equals(LOCAL_HEADER) ? null : notAJar(describeFirstBytes(magic));
}

function verifyEnd({ file, item }: VerifiableFile): CodedError | null {
  // Hardly any archive has a comment, so a short read is enough.
  const end = readAt(file, Math.max(0, item.length - END_BYTES), END_BYTES);
  if (end.length === END_BYTES && end.indexOf(END_OF_DIRECTORY) === 0 && end.readUInt16LE(20) === 0) return null;
  const length = Math.min(item.length, TAIL_BYTES);
  const tail = readAt(file, item.length - length, length);
  for (let at = tail.length - END_BYTES; at >= 0; at -= 1) {
    at = tail.lastIndexOf(END_OF_DIRECTORY, at);
    if (at < 0) break;
    if (at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length) return null;
  }
  return notAJar('it has no end of central directory: the archive is cut off or no archive');
}

function verifyDigest({ fetched, item: { sha256: expected } }: VerifiableFile): CodedError | null {
  const { sha256: found } = fetched;
  return found === expected ? null : mismatch(fetched, { algorithm: 'sha256', found, expected });
}

function mismatch(
  { via }: Fetched,
  facts: { readonly algorithm: string; readonly found: string; readonly expected: string },
): CodedError {
  return coded('DIGEST-MISMATCH', { ...facts, via: via === null ? 'no via' : `via ${via}` });
}

function notAJar(reason: string): CodedError {
  return coded('NOT-A-JAR', { reason });
}

function readAt(file: OpenFile, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const got = file.read(buffer.subarray(read), position + read);
    if (got === 0) break;
    read += got;
  }
  return buffer.subarray(0, read);
}
