// The attachment of an entry, which never changes. It is streamed to disk when it is accepted, and from disk when it is
// sent.
//
// Guarantees: at most one chunk of it is in memory. It is written and synced, then renamed to its final name, and the
// folder is synced. By then its length and digest are known. A crash can leave an attachment without its entry, which
// the next start removes.

import { createHash } from 'node:crypto';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { coded } from '#errors/coded-error.ts';
import { hashPrefix } from '#system/digest.ts';
import { publishFile, UNFINISHED_SUFFIX } from '#system/durable.ts';
import { type Files, type OpenFile, writeAll } from '#system/files.ts';
import type { Attachment } from './entry.ts';

/** Readable by the service only, and never written again. */
const FROZEN_MODE = 0o400;
const MISSING = 'its attachment is missing';
const SLICE_BYTES = 65_536;
/** Yields to the event loop after this many bytes, because a source may never wait. */
const TURN_BYTES = 4 * 1_048_576;

/** Bytes to send, from any offset, any number of times. */
export interface AttachmentBody extends Attachment {
  /**
   * A chunk is valid until the next one is requested.
   * @throws CodedError FILE-*, when the first chunk is read or later
   */
  open(offset: number): AsyncIterable<Uint8Array>;
}

/** The source of an attachment. */
export interface AttachmentSource {
  /** Called at most once. The source ends its own waits; what it throws refuses the entry. */
  open(): AsyncIterable<Uint8Array>;
}

/**
 * Streams a source into a file that gets its final name only when it is complete and synced. `admit` throws when a
 * quota is used up.
 */
export async function stageAttachment(
  files: Files,
  path: string,
  from: { readonly source: AttachmentSource; readonly admit: (bytes: number) => void },
): Promise<Attachment> {
  const unfinished = path + UNFINISHED_SUFFIX;
  await files.remove(unfinished);
  try {
    const written = await copyIn(await files.create(unfinished, FROZEN_MODE), from);
    await publishFile(files, unfinished, path);
    return written;
  } catch (thrown) {
    // The caller needs the first error. A file that stays is removed at the next start.
    await files.remove(unfinished).catch(() => undefined);
    throw thrown;
  }
}

async function copyIn(
  file: OpenFile,
  { source, admit }: { source: AttachmentSource; admit: (bytes: number) => void },
): Promise<Attachment> {
  const hash = createHash('sha256');
  let length = 0;
  let sinceTurn = 0;
  try {
    for await (const chunk of source.open()) {
      admit(chunk.length);
      writeAll(file, chunk, length);
      hash.update(chunk);
      length += chunk.length;
      sinceTurn += chunk.length;
      if (sinceTurn >= TURN_BYTES) {
        sinceTurn = 0;
        await yieldToLoop();
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { length, sha256: hash.digest('hex') };
}

/** The attachment at this path, to be sent. */
export function attachmentBody(files: Files, path: string, attachment: Attachment): AttachmentBody {
  const open = () => files.openToRead(path);
  return { ...attachment, open: (offset) => slices(open, { from: offset, to: attachment.length }) };
}

/** Reads a range of a file through one buffer. The file is opened when the first slice is requested. */
export async function* slices(
  open: () => Promise<OpenFile>,
  range: { readonly from: number; readonly to: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open();
  try {
    // One buffer for all slices. V8 collects freed buffers only after about 64 MiB of them have accumulated.
    const buffer = Buffer.allocUnsafeSlow(Math.min(SLICE_BYTES, Math.max(0, range.to - range.from)));
    let position = range.from;
    while (position < range.to) {
      const slice = buffer.subarray(0, range.to - position);
      const got = file.read(slice, position);
      if (got === 0) {
        const { path } = file;
        throw coded('FILE-FAILED', { operation: 'read', path, reason: 'it is too short', errno: 'EIO' });
      }
      yield slice.subarray(0, got);
      position += got;
    }
  } finally {
    await file.close();
  }
}

/**
 * Why the file differs from the accepted attachment; null when every byte is the same.
 * @throws CodedError FILE-* when it cannot be read now
 */
export async function checkAttachment(
  files: Files,
  path: string,
  wanted: { readonly attachment: Attachment; readonly signal: AbortSignal },
): Promise<string | null> {
  const { attachment, signal } = wanted;
  const missing = await missingAttachment(files, path, attachment);
  if (missing !== null) return missing;
  const file = await files.openToRead(path);
  try {
    const digest = (await hashPrefix(file, attachment.length, signal)).digest('hex');
    return digest === attachment.sha256 ? null : 'its attachment has another digest than when it was accepted';
  } finally {
    await file.close();
  }
}

/** A quick check: why it is not there as a regular file of the right length; null when it is. */
export async function missingAttachment(files: Files, path: string, attachment: Attachment): Promise<string | null> {
  const facts = await files.facts(path);
  if (facts === null) return MISSING;
  if (facts.kind !== 'file') return `its attachment is a ${facts.kind}`;
  if (facts.size === attachment.length) return null;
  return `its attachment has ${facts.size} bytes instead of ${attachment.length}`;
}
