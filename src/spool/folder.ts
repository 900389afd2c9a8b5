// The files of one kind of data on disk, such as receipts: `outbox/<kind>/`, mode 0700. It knows the names of the files
// and their order, and keeps no state in memory.
//
// Guarantees: each operation is durable when it returns. A crash leaves the files as before or after the operation, or
// files that the next start removes (`load.ts`). Removing entries and setting them aside needs no space, because files
// are only renamed and unlinked. Files with unknown names are not read or changed.

import { join } from 'node:path';
import { CodedError, isExhaustion } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { decodeHead, type EntryHead, encodeHead, type HeadRecord, MAX_ENTRY_HEAD_BYTES } from './entry.ts';
import type { Quota } from './kind.ts';
import { type EntryPart, partName, QUARANTINE, REJECTED } from './names.ts';
import { type EntryProblem, moveToQuarantine } from './quarantine.ts';
import { SetAside } from './set-aside.ts';

const HEAD_MODE = 0o600;

/** The result of reading a head's file. */
export type ReadHead =
  | { readonly kind: 'record'; readonly record: HeadRecord; readonly bytes: number }
  | { readonly kind: 'unusable'; readonly problem: EntryProblem }
  /** It could not be read now, which proves nothing about its content. */
  | { readonly kind: 'closed'; readonly error: CodedError };

/** An entry as its files: the head, and an attachment if there is one. */
interface StoredEntry {
  readonly sequence: number;
  readonly head: Pick<EntryHead, 'attachment'>;
}

/** The folder of one kind. */
export class KindFolder {
  readonly files: Files;
  readonly dir: string;
  /** Entries that the server refused for good. */
  readonly rejected: SetAside;
  /** Files that cannot be read or used. */
  readonly quarantine: SetAside;

  constructor(files: Files, dir: string, options: { readonly quota: Quota; readonly report: Report }) {
    this.files = files;
    this.dir = dir;
    this.rejected = new SetAside(files, { ...options, dir: join(dir, REJECTED) });
    this.quarantine = new SetAside(files, { ...options, dir: join(dir, QUARANTINE) });
  }

  path(sequence: number, part: EntryPart): string {
    return join(this.dir, partName(sequence, part));
  }

  /** Reads a head, or the file of a settled entry. Never throws because of its content. */
  read(sequence: number, part: 'json' | 'settled' = 'json'): Promise<ReadHead> {
    return this.readAt(this.path(sequence, part));
  }

  /** Reads a head at any path. Never throws because of its content. */
  async readAt(path: string): Promise<ReadHead> {
    let bytes: Uint8Array;
    try {
      bytes = await readWhole(this.files, path, MAX_ENTRY_HEAD_BYTES);
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

  /** Writes a head in one step, replacing an older one. Returns its size. @throws CodedError DISK-FULL, FILE-* */
  async write(sequence: number, record: HeadRecord): Promise<number> {
    const bytes = encodeHead(record);
    await writeDurably(this.files, this.path(sequence, 'json'), bytes, HEAD_MODE);
    return bytes.length;
  }

  /** Removes entries whose keys are durable elsewhere. */
  async remove(entries: readonly StoredEntry[]): Promise<void> {
    for (const { sequence, head } of entries) {
      await this.files.remove(this.path(sequence, 'json'));
      if (head.attachment !== null) await this.files.remove(this.path(sequence, 'attachment'));
    }
    await this.files.syncDirectory(this.dir);
  }

  /**
   * Marks an entry as settled without writing a byte: the head file is renamed and still holds the key. Its
   * attachment stays.
   */
  async bury(sequence: number): Promise<void> {
    await this.files.rename(this.path(sequence, 'json'), this.path(sequence, 'settled'));
    await this.files.syncDirectory(this.dir);
  }

  /** Removes the files of settled entries, once `settled.log` lists their keys. */
  async clearUnlisted(sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) await this.files.remove(this.path(sequence, 'settled'));
    await this.files.syncDirectory(this.dir);
  }

  /**
   * Moves an entry to `rejected/`, durably. Its head goes last: until then, the next start finds the unfinished work.
   */
  async reject(sequence: number): Promise<void> {
    const to = this.rejected.dir;
    await this.files.makeDirectory(to, 0o700);
    for (const part of ['attachment', 'json'] as const) {
      const facts = await this.files.facts(this.path(sequence, part));
      if (facts === null) continue;
      const name = partName(sequence, part);
      await this.files.rename(this.path(sequence, part), join(to, name));
      this.rejected.count(name, facts.size);
    }
    await this.files.syncDirectory(to);
    await this.files.syncDirectory(this.dir);
    await this.rejected.trim();
  }

  /** Sets an entry aside with its attachment; the returned error says why and where it is now. */
  async setAside(sequence: number, problem: EntryProblem, part: 'json' | 'settled' = 'json'): Promise<CodedError> {
    // The attachment first: without a head, the next start would remove it.
    const attachment = await this.files.facts(this.path(sequence, 'attachment'));
    if (attachment !== null) await this.#quarantineFile(partName(sequence, 'attachment'), attachment.size, problem);
    const head = await this.files.facts(this.path(sequence, part));
    const error = await this.#quarantineFile(partName(sequence, part), head?.size ?? 0, problem);
    await this.quarantine.trim();
    return error;
  }

  async #quarantineFile(fileName: string, bytes: number, problem: EntryProblem): Promise<CodedError> {
    const { error, name } = await moveToQuarantine(this.files, this.dir, { fileName, problem });
    this.quarantine.count(name, bytes);
    return error;
  }
}
