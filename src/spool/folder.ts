// The files of one kind on disk: `outbox/<kind>/`, mode 0700. Knows names and their order, keeps nothing in memory.
//
// Guarantees: each operation is durable on return, and a crash in one leaves the files before it or after it, or files
// that the next start clears (`load.ts`). Removing and burying only rename and unlink, so they need no space.
// Names that are not ours are neither read nor changed.

import { join } from 'node:path';
import { CodedError, isExhaustion } from '#errors/coded-error.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { decodeHead, type EntryHead, encodeHead, HEAD_LIMIT_BYTES, type HeadRecord } from './entry.ts';
import { type Part, partName } from './names.ts';
import { type EntryProblem, moveToQuarantine } from './quarantine.ts';

const HEAD_MODE = 0o600;

/** What a head's file turned out to be. */
export type ReadHead =
  | { readonly kind: 'record'; readonly record: HeadRecord; readonly bytes: number }
  | { readonly kind: 'unusable'; readonly problem: EntryProblem }
  /** It could not be read now, which says nothing about what is in it. */
  | { readonly kind: 'closed'; readonly error: CodedError };

/** The folder of one kind. */
export class KindFolder {
  readonly files: Files;
  readonly dir: string;

  constructor(files: Files, dir: string) {
    this.files = files;
    this.dir = dir;
  }

  path(sequence: number, part: Part): string {
    return join(this.dir, partName(sequence, part));
  }

  /** Reads a head, or what a buried entry left. Never throws because of what is in it. */
  async read(sequence: number, part: 'json' | 'settled' = 'json'): Promise<ReadHead> {
    let bytes: Uint8Array;
    try {
      bytes = await readWhole(this.files, this.path(sequence, part), HEAD_LIMIT_BYTES);
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      const isClosed = isExhaustion(thrown) || (thrown.code === 'FILE-FAILED' && thrown.facts['errno'] !== 'EFBIG');
      if (isClosed) return { kind: 'closed', error: thrown };
      return { kind: 'unusable', problem: { kind: 'damaged', reason: thrown.safeText } };
    }
    const decoded = decodeHead(bytes);
    if (decoded.kind !== 'head') return { kind: 'unusable', problem: decoded };
    return { kind: 'record', record: decoded.record, bytes: bytes.length };
  }

  /** Writes a head in one step, in place of an older one. Returns its size. @throws CodedError DISK-FULL, FILE-* */
  async write(sequence: number, record: HeadRecord): Promise<number> {
    const bytes = encodeHead(record);
    await writeDurably(this.files, this.path(sequence, 'json'), bytes, HEAD_MODE);
    return bytes.length;
  }

  /** Removes an entry whose key is durable elsewhere. */
  async remove(sequence: number, { attachment }: Pick<EntryHead, 'attachment'>): Promise<void> {
    await this.files.remove(this.path(sequence, 'json'));
    if (attachment !== null) await this.files.remove(this.path(sequence, 'attachment'));
    await this.files.syncDirectory(this.dir);
  }

  /** Marks an entry as settled without writing a byte: the head keeps its key under another name. Its attachment stays. */
  async bury(sequence: number): Promise<void> {
    await this.files.rename(this.path(sequence, 'json'), this.path(sequence, 'settled'));
    await this.files.syncDirectory(this.dir);
  }

  /** Removes what buried entries left, once their keys are in `settled.log`. */
  async clearBuried(sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) await this.files.remove(this.path(sequence, 'settled'));
    await this.files.syncDirectory(this.dir);
  }

  /** Sets an entry aside with its attachment; the returned error says why and where it is now. */
  async setAside(sequence: number, problem: EntryProblem, part: 'json' | 'settled' = 'json'): Promise<CodedError> {
    const attachment = partName(sequence, 'attachment');
    const hasAttachment = (await this.files.facts(join(this.dir, attachment))) !== null;
    // The attachment first: without a head, the next start would remove it.
    if (hasAttachment) await moveToQuarantine(this.files, this.dir, { fileName: attachment, problem });
    return await moveToQuarantine(this.files, this.dir, { fileName: partName(sequence, part), problem });
  }
}
