// Keeps the bytes of one package on disk. The first copy is the one that is published. If a resume failed, a second
// copy grows from zero, and replaces the first by one rename as soon as it is longer.
//
// Guarantees: the first copy never gets shorter, unless the disk has no space for both. The journal says how to
// continue, and is written only after the bytes that it describes are synced. A crash leaves up to two copies under one
// journal; their sizes show which step was the last.

import { isDeepStrictEqual } from 'node:util';
import { CodedError, coded } from '#errors/coded-error.ts';
import { publishFile } from '#system/durable.ts';
import { type FileIdentity, type Files, isSameFile, type OpenFile } from '#system/files.ts';
import { continueDigest, type RunningDigest } from '#system/hashing/running-digest.ts';
import {
  type Journal,
  readJournal,
  secondCopyPath,
  stagedPath,
  writeJournal,
  writeJournalUnsynced,
} from './journal.ts';
import {
  type Attempted,
  activeRestart,
  type CopySizes,
  nextRestart,
  planTransfer,
  progressBytes,
  stagedValidator,
  type TransferPlan,
} from './resume.ts';

/** The package that the copies belong to. */
export interface CopiesJob {
  readonly name: string;
  readonly url: URL;
  readonly length: number | null;
  readonly sha256: string | null;
  readonly note: unknown;
  /** The caller makes the complete file and its journal durable before it gives the file its final name (`syncStaged`). */
  readonly syncsLater?: boolean | undefined;
}

/** What a failed attempt did, as reported by its reader. */
export interface Ended extends Pick<Attempted, 'fromZero' | 'validator' | 'blamed' | 'aborted'> {
  /** The copy that received bytes, if any. */
  readonly written: OpenFile | null;
  /** The length to which that copy is cut. */
  readonly keep: number;
}

/** The state after a failed attempt. */
export interface Settled {
  /** The attempt brought enough bytes to count as progress. */
  readonly madeProgress: boolean;
  /** The attempt failed to get the rest, so the next one requests everything. */
  readonly nextRequestsWhole: boolean;
}

export class Copies {
  readonly #files: Files;
  readonly #stagingDir: string;
  readonly #syncsLater: boolean;
  #journal: Journal;
  /** The journal on disk is synced. A process that was killed may have left one that is not. */
  #isJournalDurable: boolean;
  #staged: OpenFile;
  #fresh: OpenFile | null = null;
  /** Sizes before this attempt. */
  #openedSizes: CopySizes = { staged: 0, fresh: 0 };
  /** The record of what the first response showed, which is written while its bytes arrive. */
  #identified: Promise<unknown> = Promise.resolve();

  private constructor(
    ports: { files: Files; stagingDir: string },
    opened: { journal: Journal; isJournalDurable: boolean; staged: OpenFile; syncsLater: boolean },
  ) {
    this.#files = ports.files;
    this.#stagingDir = ports.stagingDir;
    this.#journal = opened.journal;
    this.#isJournalDurable = opened.isJournalDurable;
    this.#staged = opened.staged;
    this.#syncsLater = opened.syncsLater;
  }

  /** Opens the existing copies of this job. Bytes of another job are deleted before a new journal is written. */
  static async open(ports: { files: Files; stagingDir: string }, job: CopiesJob): Promise<Copies> {
    const { files, stagingDir } = ports;
    const before = await readJournal(files, stagingDir, job.name);
    const isSame = before !== null && isOfJob(before, job);
    if (!isSame) {
      for (const path of [secondCopyPath(stagingDir, job.name), stagedPath(stagingDir, job.name)]) {
        await removeOurs(files, path);
      }
    }
    const journal = isSame ? before : await beginJournal(files, stagingDir, job);
    const staged = await openOrCreate(files, stagedPath(stagingDir, job.name));
    const { syncsLater = false } = job;
    const copies = new Copies(ports, { journal, isJournalDurable: !isSame && !syncsLater, staged, syncsLater });
    try {
      await copies.#openFresh();
      if (job.sha256 === null) await copies.#requireNews();
      return copies;
    } catch (thrown) {
      await copies.close();
      throw thrown;
    }
  }

  /** Path of the whole package once the fetch has finished. */
  get path(): string {
    return stagedPath(this.#stagingDir, this.#journal.name);
  }

  /** Identity of the file that was written here, even if another file has its name later. */
  get file(): FileIdentity {
    return this.#staged.facts();
  }

  get sizes(): CopySizes {
    return { staged: this.#staged.facts().size, fresh: this.#fresh?.facts().size ?? 0 };
  }

  /** The length of the whole file; null while it is unknown. */
  get length(): number | null {
    return this.#journal.length;
  }

  /**
   * Records the length that the first response showed, and the validator if nothing promises the digest. It is durable
   * when `settle` or `finish` returns, and a crash before that makes the next attempt start over.
   */
  identify(shown: { readonly length: number | null; readonly validator?: string | null }): void {
    const writing = this.#identified.then(() => this.#write({ ...this.#journal, ...shown }));
    this.#identified = writing;
    // Thrown by the one that waits for it.
    writing.catch(() => undefined);
  }

  /** Deletes the bytes of a file that has changed. */
  async forget(): Promise<void> {
    await this.#identified;
    await this.#staged.truncate(0);
    await this.#staged.sync();
    await this.#write({ ...this.#journal, length: null, validator: null, restart: undefined });
    this.#openedSizes = this.sizes;
  }

  plan(): TransferPlan {
    return planTransfer(this.#journal, this.sizes, this.length);
  }

  /** The copy that a plan continues. */
  continued({ continues }: TransferPlan): OpenFile {
    return continues === 'fresh' ? (this.#fresh ?? this.#staged) : this.#staged;
  }

  /** The copy for bytes from zero on. No kept byte is overwritten. */
  get fromZeroFile(): OpenFile {
    return this.sizes.staged === 0 ? this.#staged : (this.#fresh ?? this.#staged);
  }

  /** Digest that begins with the bytes that a plan continues. */
  async digest(plan: TransferPlan, signal: AbortSignal): Promise<RunningDigest> {
    const file = this.continued(plan);
    return await continueDigest(file, plan.range.kind === 'whole' ? 0 : file.facts().size, signal);
  }

  /**
   * Deletes the copy whose rest could not be fetched, for a disk that has no room for two. Returns true when that freed
   * bytes.
   */
  async giveUpKept(): Promise<boolean> {
    const restart = activeRestart(this.#journal.restart, this.sizes);
    if (restart === null) return false;
    if (this.sizes.fresh > 0) {
      await this.#promote();
      await this.#write({ ...this.#journal, validator: restart.validator, restart: undefined });
    } else {
      await this.#staged.truncate(0);
      await this.#staged.sync();
    }
    this.#openedSizes = this.sizes;
    return true;
  }

  /**
   * After a failure or an abort: cuts off what does not belong to the copy, syncs the rest, and records how to
   * continue. The order matters: the record never describes bytes that are not on disk.
   */
  async settle(plan: TransferPlan, ended: Ended): Promise<Settled> {
    await this.#identified;
    const { written, fromZero } = ended;
    const opened = this.#openedSizes;
    if (written !== null && ended.keep < written.facts().size) await written.truncate(ended.keep);
    await this.#staged.sync();
    await this.#fresh?.sync();
    const sizes = this.sizes;
    const before = activeRestart(this.#journal.restart, sizes);
    const needed = progressBytes(this.length);
    const longest = Math.max(sizes.staged, sizes.fresh > sizes.staged ? sizes.fresh : 0);
    const appended =
      written !== null && written === this.#fresh && !fromZero ? sizes.fresh - (before?.reached ?? opened.fresh) : 0;
    const madeProgress = longest - opened.staged >= needed || appended >= needed;
    if (this.#journal.sha256 === null) return await this.#settleAlone(longest - opened.staged >= needed);
    const attempt = { ...ended, requested: plan.range.kind, continued: plan.continues, madeProgress };
    const restart = nextRestart(before, attempt, sizes);
    const isFirst = written === this.#staged && fromZero;
    const validator = isFirst ? ended.validator : stagedValidator(this.#journal, sizes.staged);
    const next = { ...this.#journal, validator, restart: restart ?? undefined };
    // Writing the journal also makes the names of the copies durable.
    if (isSameRecord(next, this.#journal)) await this.#files.syncDirectory(this.#stagingDir);
    const isKnown = await this.#write(next);
    if (sizes.fresh > sizes.staged) {
      await this.#promote();
      await this.#write({ ...this.#journal, validator: restart?.validator ?? null, restart: undefined });
    }
    return { madeProgress, nextRequestsWhole: isKnown && restart?.ask === 'whole' && before?.ask !== 'whole' };
  }

  /**
   * Without a digest, there is no second copy: only the validator shows which bytes belong together. Bytes that have none
   * are deleted and do not count as progress.
   */
  async #settleAlone(madeProgress: boolean): Promise<Settled> {
    const isKept = this.#journal.validator !== null;
    if (!isKept) await this.#staged.truncate(0);
    await this.#files.syncDirectory(this.#stagingDir);
    return { madeProgress: madeProgress && isKept, nextRequestsWhole: false };
  }

  /** The attempt brought everything: the complete copy becomes the first copy. It is durable, unless the job syncs later. */
  async finish(): Promise<void> {
    await this.#identified;
    if (!this.#syncsLater) {
      await this.#staged.sync();
      if (!this.#isJournalDurable) await writeJournal(this.#files, this.#stagingDir, this.#journal);
    }
    if (this.sizes.fresh <= this.sizes.staged) return;
    await this.#promote();
  }

  async close(): Promise<void> {
    const isEmpty = this.#fresh?.facts().size === 0;
    await this.#identified.catch(() => undefined);
    await this.#staged.close();
    await this.#fresh?.close();
    // A leftover file is harmless: the journal covers it.
    if (isEmpty) await this.#files.remove(secondCopyPath(this.#stagingDir, this.#journal.name)).catch(() => undefined);
  }

  async #openFresh(): Promise<void> {
    const path = secondCopyPath(this.#stagingDir, this.#journal.name);
    const length = this.length ?? Number.POSITIVE_INFINITY;
    if (this.#staged.facts().size > length) await this.#staged.truncate(0);
    if ((await this.#files.facts(path)) !== null) this.#fresh = await this.#files.openToWrite(path);
    if (this.sizes.fresh > length) await this.#fresh?.truncate(0);
    // A crash happened before the rename.
    if (this.sizes.fresh > this.sizes.staged) await this.#promote();
    const isNeeded = this.#journal.sha256 !== null && this.sizes.staged > 0 && this.sizes.staged < length;
    if (isNeeded) this.#fresh ??= await this.#files.create(path, 0o644);
    this.#openedSizes = this.sizes;
  }

  /**
   * Without a digest, a complete file may be out of date: its last byte is requested again, under its validator. And no
   * byte may be written while the journal has the validator of an earlier file.
   */
  async #requireNews(): Promise<void> {
    const { staged } = this.sizes;
    if (staged > 0 && staged === this.length) await this.#staged.truncate(staged - 1);
    if (this.sizes.staged === 0) await this.#write({ ...this.#journal, length: null, validator: null });
    this.#openedSizes = this.sizes;
  }

  /** The second copy becomes the first. */
  async #promote(): Promise<void> {
    const [old, fresh] = [this.#staged, this.#fresh];
    if (fresh === null) return;
    await fresh.sync();
    const written = fresh.facts();
    await publishFile(this.#files, fresh.path, this.path);
    await old.close();
    await fresh.close();
    this.#fresh = null;
    this.#staged = await this.#files.openToWrite(this.path);
    if (!isSameFile(written, this.#staged.facts())) throw coded('FILE-SWAPPED', { path: this.path });
  }

  /** Returns false when the disk is full: the bytes stay, only the record is missing. */
  async #write(journal: Journal): Promise<boolean> {
    if (this.#isJournalDurable && isSameRecord(journal, this.#journal)) return true;
    try {
      await writeJournal(this.#files, this.#stagingDir, journal);
      this.#journal = journal;
      this.#isJournalDurable = true;
      return true;
    } catch (thrown) {
      // The caller reports what ended the attempt, not the full disk.
      if (!(thrown instanceof CodedError) || thrown.code !== 'DISK-FULL') throw thrown;
      return false;
    }
  }
}

/** Whether bytes that this journal describes can be part of the file of a job. */
function isOfJob(journal: Journal, { sha256, length, url, note }: CopiesJob): boolean {
  if (journal.sha256 !== sha256 || (length !== null && journal.length !== length)) return false;
  if (sha256 !== null) return true;
  return journal.url === url.href && journal.validator !== null && isDeepStrictEqual(journal.note, note);
}

function isSameRecord(one: Journal, other: Journal): boolean {
  const text = ({ length, validator, restart }: Journal) => JSON.stringify([length, validator, restart ?? null]);
  return text(one) === text(other);
}

async function beginJournal(files: Files, stagingDir: string, job: CopiesJob): Promise<Journal> {
  const { name, length, sha256, note } = job;
  const journal = { name, url: job.url.href, length, sha256, validator: null, note };
  const write = job.syncsLater === true ? writeJournalUnsynced : writeJournal;
  await write(files, stagingDir, journal);
  return { format: 1, ...journal };
}

async function openOrCreate(files: Files, path: string): Promise<OpenFile> {
  return (await files.facts(path)) === null ? await files.create(path, 0o644) : await files.openToWrite(path);
}

/**
 * Opening the file fails with a code if it is a link, a FIFO or another user's file. Only a regular file of ours is
 * removed.
 */
async function removeOurs(files: Files, path: string): Promise<void> {
  if ((await files.facts(path)) === null) return;
  await (await files.openToWrite(path)).close();
  await files.remove(path);
}
