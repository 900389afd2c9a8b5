// The bytes of one package on disk: the first copy, which is published in the end, and a second one that grows from zero
// after a resume failed. The second replaces the first, by one rename, as soon as it is longer.
//
// Guarantees: the first copy never gets shorter, unless the disk has no room for both. The journal says how to continue
// and is written after the bytes that it describes are synced. A crash at any point leaves two copies under one journal
// and the sizes tell which step was the last.

import type { Hash } from 'node:crypto';
import { CodedError, coded } from '#errors/coded-error.ts';
import { hashPrefix } from '#system/digest.ts';
import { publishFile } from '#system/durable.ts';
import { type FileIdentity, type Files, isSameFile, type OpenFile } from '#system/files.ts';
import { freshPath, type Journal, readJournal, stagedPath, writeJournal } from './journal.ts';
import {
  type Attempted,
  type CopySizes,
  nextRestart,
  planTransfer,
  progressBytes,
  restartInForce,
  stagedValidator,
  type TransferPlan,
} from './resume.ts';

/** What the copies belong to. */
export interface CopiesJob {
  readonly name: string;
  readonly url: URL;
  readonly length: number;
  readonly sha256: string;
  readonly note: unknown;
}

/** What a failed attempt did, as its reader saw it. */
export interface Ended extends Pick<Attempted, 'fromZero' | 'validator' | 'blamed' | 'aborted'> {
  /** The copy that got bytes, if any. */
  readonly written: OpenFile | null;
  /** How long that copy is to be. */
  readonly keep: number;
}

/** What became of a failed attempt. */
export interface Settled {
  /** It brought enough to count as progress. */
  readonly moved: boolean;
  /** It failed to get the rest, and the next one asks for everything. */
  readonly asksWhole: boolean;
}

export class Copies {
  readonly #files: Files;
  readonly #stagingDir: string;
  readonly #length: number;
  #journal: Journal;
  #staged: OpenFile;
  #fresh: OpenFile | null;
  /** Before this attempt. */
  #openedSizes: CopySizes = { staged: 0, fresh: 0 };

  private constructor(
    ports: { files: Files; stagingDir: string },
    opened: { journal: Journal; staged: OpenFile; fresh: OpenFile | null },
  ) {
    this.#files = ports.files;
    this.#stagingDir = ports.stagingDir;
    this.#journal = opened.journal;
    this.#length = opened.journal.length;
    this.#staged = opened.staged;
    this.#fresh = opened.fresh;
  }

  /** Opens what is there for this job. Bytes of another job are thrown away before a new journal stands. */
  static async open(ports: { files: Files; stagingDir: string }, job: CopiesJob): Promise<Copies> {
    const { files, stagingDir } = ports;
    const before = await readJournal(files, stagingDir, job.name);
    const isSame = before !== null && before.sha256 === job.sha256 && before.length === job.length;
    if (!isSame) {
      for (const path of [freshPath(stagingDir, job.name), stagedPath(stagingDir, job.name)]) {
        await removeOurs(files, path);
      }
    }
    const journal = isSame ? before : await beginJournal(files, stagingDir, job);
    const staged = await openOrCreate(files, stagedPath(stagingDir, job.name));
    const copies = new Copies(ports, { journal, staged, fresh: null });
    try {
      await copies.#openFresh();
      return copies;
    } catch (thrown) {
      await copies.close();
      throw thrown;
    }
  }

  /** Where the whole package is in the end. */
  get path(): string {
    return stagedPath(this.#stagingDir, this.#journal.name);
  }

  /** The file at `path` that was written here, whatever has its name later. */
  get file(): FileIdentity {
    return this.#staged.facts();
  }

  get sizes(): CopySizes {
    return { staged: this.#staged.facts().size, fresh: this.#fresh?.facts().size ?? 0 };
  }

  plan(): TransferPlan {
    return planTransfer(this.#journal, this.sizes, this.#length);
  }

  /** The copy that a plan continues. */
  continued({ continues }: TransferPlan): OpenFile {
    return continues === 'fresh' ? (this.#fresh ?? this.#staged) : this.#staged;
  }

  /** Where bytes from zero on go: nothing that is kept is overwritten. */
  get anew(): OpenFile {
    return this.sizes.staged === 0 ? this.#staged : (this.#fresh ?? this.#staged);
  }

  /** Hash of the bytes that a plan continues. */
  async hash(plan: TransferPlan, signal: AbortSignal): Promise<Hash> {
    const file = this.continued(plan);
    return await hashPrefix(file, plan.range.kind === 'whole' ? 0 : file.facts().size, signal);
  }

  /** Gives up the copy whose rest could not be had, where the disk has no room for two. True when that freed bytes. */
  async giveUpKept(): Promise<boolean> {
    const restart = restartInForce(this.#journal.restart, this.sizes);
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
   * After a failure or an abort: cuts what does not belong to the copy, makes the rest survive a power cut, and records
   * how to continue; in this order, so that the record never stands for bytes that are not there.
   */
  async settle(plan: TransferPlan, ended: Ended): Promise<Settled> {
    const { written, fromZero } = ended;
    const opened = this.#openedSizes;
    if (written !== null && ended.keep < written.facts().size) await written.truncate(ended.keep);
    await this.#staged.sync();
    await this.#fresh?.sync();
    const sizes = this.sizes;
    const before = restartInForce(this.#journal.restart, sizes);
    const needed = progressBytes(this.#length);
    const longest = Math.max(sizes.staged, sizes.fresh > sizes.staged ? sizes.fresh : 0);
    const appended =
      written !== null && written === this.#fresh && !fromZero ? sizes.fresh - (before?.reached ?? opened.fresh) : 0;
    const moved = longest - opened.staged >= needed || appended >= needed;
    const seen = { ...ended, asked: plan.range.kind, continued: plan.continues, moved };
    const restart = nextRestart(before, seen, sizes);
    const isFirst = written === this.#staged && fromZero;
    const validator = isFirst ? ended.validator : stagedValidator(this.#journal, sizes.staged);
    const next = { ...this.#journal, validator, restart: restart ?? undefined };
    // Writing the journal makes the names of the copies durable, too.
    if (isSameRecord(next, this.#journal)) await this.#files.syncDirectory(this.#stagingDir);
    const isKnown = await this.#write(next);
    if (sizes.fresh > sizes.staged) {
      await this.#promote();
      await this.#write({ ...this.#journal, validator: restart?.validator ?? null, restart: undefined });
    }
    return { moved, asksWhole: isKnown && restart?.ask === 'whole' && before?.ask !== 'whole' };
  }

  /** The attempt brought everything: the copy that is whole is the first one from now on. */
  async finish(): Promise<void> {
    await this.#staged.sync();
    if (this.sizes.fresh <= this.sizes.staged) return;
    await this.#promote();
  }

  async close(): Promise<void> {
    const isEmpty = this.#fresh?.facts().size === 0;
    await this.#staged.close();
    await this.#fresh?.close();
    // Left behind it does no harm: the journal vouches for it.
    if (isEmpty) await this.#files.remove(freshPath(this.#stagingDir, this.#journal.name)).catch(() => undefined);
  }

  async #openFresh(): Promise<void> {
    const path = freshPath(this.#stagingDir, this.#journal.name);
    if (this.#staged.facts().size > this.#length) await this.#staged.truncate(0);
    if ((await this.#files.facts(path)) !== null) this.#fresh = await this.#files.openToWrite(path);
    if (this.sizes.fresh > this.#length) await this.#fresh?.truncate(0);
    // A crash came before the rename.
    if (this.sizes.fresh > this.sizes.staged) await this.#promote();
    const isNeeded = this.sizes.staged > 0 && this.sizes.staged < this.#length;
    if (isNeeded) this.#fresh ??= await this.#files.create(path, 0o644);
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

  /** False where the disk has no room: the bytes stay, only the record is missing. */
  async #write(journal: Journal): Promise<boolean> {
    if (isSameRecord(journal, this.#journal)) return true;
    try {
      await writeJournal(this.#files, this.#stagingDir, journal);
      this.#journal = journal;
      return true;
    } catch (thrown) {
      // What ended the attempt is what has to be reported.
      if (!(thrown instanceof CodedError) || thrown.code !== 'DISK-FULL') throw thrown;
      return false;
    }
  }
}

function isSameRecord(one: Journal, other: Journal): boolean {
  const text = ({ validator, restart }: Journal) => JSON.stringify([validator, restart ?? null]);
  return text(one) === text(other);
}

async function beginJournal(files: Files, stagingDir: string, job: CopiesJob): Promise<Journal> {
  const { name, length, sha256, note } = job;
  const journal = { name, url: job.url.href, length, sha256, validator: null, note };
  await writeJournal(files, stagingDir, journal);
  return { format: 1, ...journal };
}

async function openOrCreate(files: Files, path: string): Promise<OpenFile> {
  return (await files.facts(path)) === null ? await files.create(path, 0o644) : await files.openToWrite(path);
}

/** Opening it says by code when it is a link, a FIFO or another's file; only a plain file of ours is removed. */
async function removeOurs(files: Files, path: string): Promise<void> {
  if ((await files.facts(path)) === null) return;
  await (await files.openToWrite(path)).close();
  await files.remove(path);
}
