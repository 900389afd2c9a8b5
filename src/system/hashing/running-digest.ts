// The sha256 of a file to which a download attempt appends. The bytes of earlier attempts are read from the disk again,
// so that a byte that has changed there is noticed.
//
// If there are many bytes of earlier attempts, a thread hashes them while new ones arrive, and then follows the growing
// file. If there are few, the event loop hashes them at once, in turns of about 3 ms. If the thread fails, the event
// loop hashes the whole file at the end.

import { createHash, type Hash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { onAbort } from '#system/abort.ts';
import { hashPrefix } from '#system/digest.ts';
import type { OpenFile } from '#system/files.ts';

/**
 * From this many kept bytes on, a thread hashes them. Measured: to start a thread takes 40 to 100 ms of CPU time, to hash
 * 64 MiB takes 55 ms.
 */
export const THREAD_FROM_BYTES = 64 * 1_048_576;
/** The thread is notified of new bytes after this many. */
const FOLLOW_BYTES = 4 * 1_048_576;
/** Memory of the thread, in MiB. */
const MAX_HEAP_MIB = 16;

/** What the thread gets at its start: the bytes of earlier attempts in an open file. */
export interface HashTask {
  readonly descriptor: number;
  readonly prefix: number;
}

/** Hash to this position; after the last order the thread answers. */
export interface HashOrder {
  readonly to: number;
  readonly isLast: boolean;
}

/** Digests in hex: of the bytes of earlier attempts, and of everything. */
export interface HashAnswer {
  readonly prefix: string;
  readonly sha256: string;
}

/** The digest of a growing file. */
export interface RunningDigest {
  /** Adds bytes that were just written at the end of the file. */
  add(chunk: Uint8Array): void;
  /** The digests, once nothing more is written. Called at most once, while the file is open. */
  end(): Promise<HashAnswer>;
  /** Ends the work without a result. The file may be closed after this. Stopping twice is harmless. */
  stop(): Promise<void>;
}

/** The digest of the first `length` bytes of the file, and of what is added. @throws the reason of the signal */
export async function continueDigest(file: OpenFile, length: number, signal: AbortSignal): Promise<RunningDigest> {
  const { descriptor } = file;
  if (descriptor === null || length < THREAD_FROM_BYTES) return new LoopDigest(await hashPrefix(file, length, signal));
  return new ThreadDigest(file, { descriptor, prefix: length }, signal);
}

/** The digest of a file that is written from its first byte on. */
export function newDigest(): RunningDigest {
  return new LoopDigest(createHash('sha256'));
}

class LoopDigest implements RunningDigest {
  readonly #hash: Hash;
  readonly #prefix: string;

  constructor(prefix: Hash) {
    this.#hash = prefix;
    this.#prefix = prefix.copy().digest('hex');
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  async end(): Promise<HashAnswer> {
    return { prefix: this.#prefix, sha256: this.#hash.digest('hex') };
  }

  async stop(): Promise<void> {
    // Nothing runs in the background.
  }
}

class ThreadDigest implements RunningDigest {
  readonly #file: OpenFile;
  readonly #prefix: number;
  readonly #signal: AbortSignal;
  readonly #worker: Worker | null;
  /** Null if the thread failed. */
  readonly #answer: Promise<HashAnswer | null>;
  #stopListening = (): void => undefined;
  #written: number;
  #ordered: number;

  constructor(file: OpenFile, task: HashTask, signal: AbortSignal) {
    this.#file = file;
    this.#signal = signal;
    this.#prefix = task.prefix;
    this.#written = task.prefix;
    this.#ordered = task.prefix;
    this.#worker = startThread(task);
    this.#answer = new Promise((resolve) => {
      this.#worker?.on('message', resolve);
      this.#worker?.on('error', () => resolve(null));
      this.#worker?.on('exit', () => resolve(null));
      if (this.#worker === null) resolve(null);
    });
    this.#stopListening = onAbort(signal, () => void this.stop());
  }

  add(chunk: Uint8Array): void {
    this.#written += chunk.length;
    if (this.#written - this.#ordered >= FOLLOW_BYTES) this.#order(false);
  }

  async end(): Promise<HashAnswer> {
    this.#order(true);
    const answer = await this.#answer;
    await this.stop();
    return answer ?? (await this.#again());
  }

  async stop(): Promise<void> {
    this.#stopListening();
    await this.#worker?.terminate();
  }

  #order(isLast: boolean): void {
    this.#ordered = this.#written;
    this.#worker?.postMessage({ to: this.#written, isLast } satisfies HashOrder);
  }

  /** Without the thread. After an abort this throws at once. */
  async #again(): Promise<HashAnswer> {
    const prefix = await hashPrefix(this.#file, this.#prefix, this.#signal);
    const all = await hashPrefix(this.#file, this.#written, this.#signal);
    return { prefix: prefix.digest('hex'), sha256: all.digest('hex') };
  }
}

/** Null if this host allows no more threads. */
function startThread(task: HashTask): Worker | null {
  try {
    return new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: task,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    });
  } catch {
    return null;
  }
}
