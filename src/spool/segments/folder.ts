// The segments on disk, in `outbox/documents/` with mode 0700: their names, states and lengths.
//
// Guarantees: one rename changes the state of a segment and one unlink deletes it, so neither needs space. A damaged
// segment is moved to `quarantine/`, up to a limit. Files with unknown names are not read or changed. A crash leaves a
// segment under its old name or its new one.

import { join } from 'node:path';
import { asCoded, CodedError } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Quota } from '#spool/kind.ts';
import { QUARANTINE } from '#spool/names.ts';
import { SetAside } from '#spool/set-aside.ts';
import type { Files, OpenFile } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import { commitName, readSegmentName, type SegmentState, segmentName } from './names.ts';

/** Damaged segments that are kept for an admin. */
const QUARANTINE_QUOTA: Quota = { entries: 32, bytes: 64 * 1_048_576 };
const MODE = 0o600;

/** A segment that is on disk. */
interface Known {
  state: SegmentState;
  /** Bytes that it takes, including any that no batch refers to. */
  length: number;
}

/** The folder of segments. */
export class SegmentFolder {
  readonly files: Files;
  readonly dir: string;
  readonly quarantine: SetAside;
  readonly #known = new Map<string, Known>();
  #bytes = 0;

  constructor(files: Files, dir: string, report: Report) {
    this.files = files;
    this.dir = dir;
    const keyOf = (name: string) => readSegmentName(name)?.id ?? null;
    this.quarantine = new SetAside(files, { dir: join(dir, QUARANTINE), quota: QUARANTINE_QUOTA, report, keyOf });
  }

  /** Bytes of all segments that count. Those of a submission that is still coming in do not. */
  get bytes(): number {
    return this.#bytes;
  }

  get ids(): readonly string[] {
    return [...this.#known.keys()];
  }

  stateOf(id: string): SegmentState | null {
    return this.#known.get(id)?.state ?? null;
  }

  path(id: string, state: SegmentState): string {
    return join(this.dir, segmentName(id, state));
  }

  /** Creates the file of a new segment; it counts once it is set. @throws CodedError DISK-FULL, FILE-* */
  create(id: string, state: 'incoming' | 'segment'): Promise<OpenFile> {
    return this.files.create(this.path(id, state), MODE);
  }

  /** Records what is on disk. */
  set(id: string, known: Known): void {
    this.forget(id);
    this.#known.set(id, known);
    this.#bytes += known.length;
  }

  forget(id: string): void {
    this.#bytes -= this.#known.get(id)?.length ?? 0;
    this.#known.delete(id);
  }

  /** Durable on return. @throws CodedError FILE-* */
  async move(id: string, to: SegmentState): Promise<void> {
    const known = this.#known.get(id);
    if (known === undefined || known.state === to) return;
    await this.files.rename(this.path(id, known.state), this.path(id, to));
    known.state = to;
    await this.files.syncDirectory(this.dir);
  }

  /**
   * Deletes a segment, or keeps it in `quarantine/` if it is damaged. A name that a power cut brings back is deleted at
   * the next start, because no batch refers to it.
   */
  async remove(id: string): Promise<void> {
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.forget(id);
    if (known.state === 'damaged') await this.#setAside(id, known.length);
    else await this.files.remove(this.path(id, known.state));
  }

  /** Opens a segment, also if its name changes meanwhile. @throws CodedError FILE-* */
  async openToRead(id: string): Promise<OpenFile> {
    const state = this.stateOf(id) ?? 'queued';
    try {
      return await this.files.openToRead(this.path(id, state));
    } catch (thrown) {
      const now = this.stateOf(id) ?? state;
      if (now === state || !(thrown instanceof CodedError) || thrown.facts['errno'] !== 'ENOENT') throw thrown;
      return await this.files.openToRead(this.path(id, now));
    }
  }

  /** Path of the record that commits a large submission. */
  commitPath(id: string): string {
    return join(this.dir, commitName(id));
  }

  async removeCommit(id: string): Promise<void> {
    await this.#removeDurably(this.commitPath(id));
  }

  /**
   * Takes back a file that was refused: on return, the next start ignores it. It is emptied first, because a power cut
   * may bring its name back. @throws CodedError FILE-*: neither emptying nor removing succeeded
   */
  async takeBack(path: string): Promise<void> {
    try {
      await this.#empty(path);
    } catch (thrown) {
      asCoded(thrown);
      return await this.#removeDurably(path);
    }
    await this.files.remove(path).catch(asCoded);
  }

  async #empty(path: string): Promise<void> {
    const file = await this.files.openToWrite(path);
    try {
      await file.truncate(0);
      await file.sync();
    } finally {
      await file.close().catch(asCoded);
    }
  }

  /** Also after a removal that could not be made durable. */
  async #removeDurably(path: string): Promise<void> {
    await this.files.remove(path);
    await this.files.syncDirectory(this.dir);
  }

  async #setAside(id: string, bytes: number): Promise<void> {
    await ownFolder(this.files, this.quarantine.dir, { mode: 0o700, what: 'the quarantine of the spool' });
    const name = segmentName(id, 'damaged');
    await this.files.rename(join(this.dir, name), join(this.quarantine.dir, name));
    await this.files.syncDirectory(this.quarantine.dir);
    this.quarantine.count(name, bytes);
    await this.quarantine.trim();
  }
}
