// The ballast: a file of 1 MiB in `outbox/` that is deleted when the disk is full, so that state can still be written.
//
// Guarantees: an operation that fails with DISK-FULL is tried once more after the file was deleted. Only work on data
// that was already accepted may use this space (`spend`), never new input. The file is created again when the disk has
// at least 4 MiB free. Its bytes are random, because a file system with compression would use no space for zeros. A
// crash leaves the file, its unfinished copy, or neither; the next start creates it again.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { removeDurably, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { requireOwnFolder } from '#system/own-folder.ts';

export const BALLAST_BYTES = 1_048_576;
const NAME = 'ballast';
const MODE = 0o600;
/** The file returns only if its size is free this many times, so that it does not take the space that it just gave. */
const FREE_TIMES = 4;
/** Minimum time between two attempts to restore the file. */
const RESTORE_EVERY_MS = 60_000;

/** The dependencies of the ballast. */
export interface BallastPorts {
  readonly files: Files;
  /** The folder of all kinds. */
  readonly outbox: string;
  readonly clock: Clock;
  /** Its size; 1 MiB by default. */
  readonly bytes?: number;
}

/** The ballast file of one outbox. All kinds share it. */
export class Ballast {
  readonly #ports: BallastPorts;
  readonly #path: string;
  readonly #bytes: number;
  #isThere = false;
  #triedAt = Number.NEGATIVE_INFINITY;

  private constructor(ports: BallastPorts) {
    this.#ports = ports;
    this.#path = join(ports.outbox, NAME);
    this.#bytes = ports.bytes ?? BALLAST_BYTES;
  }

  /** Finds the file, or makes it if there is space. @throws CodedError FOLDER-UNSAFE, FILE-* when the folder cannot be used */
  static async open(ports: BallastPorts): Promise<Ballast> {
    await ports.files.makeDirectory(ports.outbox, 0o700);
    await requireOwnFolder(ports.files, ports.outbox, { what: 'the outbox' });
    const ballast = new Ballast(ports);
    const facts = await ports.files.facts(ballast.#path);
    ballast.#isThere = facts?.kind === 'file' && facts.size >= ballast.#bytes;
    await ballast.restore();
    return ballast;
  }

  /** Whether the file is there to be spent. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /**
   * Runs work that can be repeated. If the disk is full, removes the file and runs the work again.
   * @throws what the work throws
   */
  async spend<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const isFull = thrown instanceof CodedError && thrown.code === 'DISK-FULL';
      if (!isFull || !(await this.#remove())) throw thrown;
      return await work();
    }
  }

  /** Makes the file again when there is space. An expected failure is left to a later call. */
  async restore(): Promise<void> {
    const { files, outbox, clock } = this.#ports;
    if (this.#isThere || clock.monotonic() - this.#triedAt < RESTORE_EVERY_MS) return;
    this.#triedAt = clock.monotonic();
    try {
      if ((await files.freeSpace(outbox)) < FREE_TIMES * this.#bytes) return;
      await writeDurably(files, this.#path, randomBytes(this.#bytes), MODE);
      this.#isThere = true;
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
    }
  }

  /** True if it gave up its space just now. */
  async #remove(): Promise<boolean> {
    if (!this.#isThere) return false;
    this.#isThere = false;
    this.#triedAt = this.#ports.clock.monotonic();
    return await removeDurably(this.#ports.files, this.#path).catch(() => false);
  }
}
