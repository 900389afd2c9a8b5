// The keys of settled entries, so that no entry is accepted twice. `settled.log` has at least the 10,000 newest keys.
//
// Format 1: a first line `{"format":1}`, then one key per line, oldest first. A key is appended and synced. At twice
// the minimum, the file is rewritten with the newest half. A crash leaves at most an incomplete last line, which the
// next append cuts off; its key was not yet reported as settled. A damaged file is copied to the quarantine, and its
// valid lines are kept. Opening does not fail because of the file's content or a full disk.

import { join } from 'node:path';
import { asCoded, CodedError, coded, isExhaustion } from '#errors/coded-error.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import { type Files, writeAll } from '#system/files.ts';
import { isAboutContent } from '#system/state-file.ts';
import { isKey } from './entry.ts';
import { SETTLED_FILE } from './names.ts';
import { describeProblem, type EntryProblem, moveToQuarantine, quarantinePlace } from './quarantine.ts';

/** Minimum number of recent keys that are kept. */
export const SETTLED_KEPT = 10_000;
const FORMAT = 1;
const HEADER = `{"format":${FORMAT}}\n`;
const MODE = 0o600;
/** Twice what is kept, at the longest key: 2.6 MB. */
const LIMIT_BYTES = 4_194_304;

/** The memory of settled keys. */
export class SettledKeys {
  readonly #files: Files;
  readonly #dir: string;
  readonly #path: string;
  #keys = new Set<string>();
  /** Known keys that are not in the file yet. */
  #unsaved: string[] = [];
  /**
   * Number of good bytes in the file. Bytes after them are cut off before an append. Null when the file must be
   * rewritten.
   */
  #length: number | null = null;

  private constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
    this.#path = join(dir, SETTLED_FILE);
  }

  /** Reads the file if there is one; the error says what was wrong with it. */
  static async open(files: Files, dir: string): Promise<{ settled: SettledKeys; error: CodedError | null }> {
    const settled = new SettledKeys(files, dir);
    return { settled, error: await settled.#load() };
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Every known key, oldest first. */
  get all(): readonly string[] {
    return [...this.#keys];
  }

  /** Durable on return, in one write, together with the keys that were only in memory. */
  async add(keys: readonly string[]): Promise<void> {
    const fresh = [...new Set(keys)].filter((key) => !this.#keys.has(key));
    const lines = [...this.#unsaved, ...fresh];
    if (lines.length === 0) return;
    const isFull = this.#keys.size + fresh.length > 2 * SETTLED_KEPT;
    if (isFull) this.#keys = new Set([...this.#keys].slice(-SETTLED_KEPT));
    for (const key of fresh) this.#keys.add(key);
    try {
      await (isFull ? this.#rewrite() : this.#append(lines));
    } catch (thrown) {
      // A key that did not reach the disk is not settled.
      for (const key of fresh) this.#keys.delete(key);
      throw thrown;
    }
    this.#unsaved = [];
  }

  /** For keys that are durable elsewhere: known from now on, and written by the next `add`. */
  remember(keys: readonly string[]): void {
    const fresh = keys.filter((key) => !this.#keys.has(key));
    for (const key of fresh) this.#keys.add(key);
    this.#unsaved.push(...fresh);
  }

  async #load(): Promise<CodedError | null> {
    let bytes: Uint8Array | null = null;
    let read: Interpreted;
    try {
      if ((await this.#files.facts(this.#path)) === null) return null;
      bytes = await readWhole(this.#files, this.#path, LIMIT_BYTES);
      read = interpret(bytes);
    } catch (thrown) {
      const error = asCoded(thrown);
      if (isExhaustion(error)) throw error;
      // If a file that we may not open now were treated as damaged, sent receipts would be sent again.
      if (!isAboutContent(error)) {
        const reason = String(error.facts['reason'] ?? error.safeText);
        throw coded('STATE-UNREADABLE', { path: this.#path, reason, self: this.#files.self });
      }
      read = { keys: [], length: 0, problem: { kind: 'damaged', reason: error.safeText } };
    }
    this.#keys = new Set(read.keys);
    return read.problem === null ? await this.#makeSure(read.length) : await this.#setAside(bytes, read.problem);
  }

  /** A process that died may have left keys that a power cut would lose; from here on they must be durable. */
  async #makeSure(length: number): Promise<CodedError | null> {
    try {
      const file = await this.#files.openToWrite(this.#path);
      try {
        if (file.facts().size > length) await file.truncate(length);
        await file.sync();
      } finally {
        await file.close();
      }
      this.#length = length;
      return null;
    } catch (thrown) {
      return asCoded(thrown);
    }
  }

  /** Copies the bytes, so that the good lines are on disk at every moment. Anything that is not a file is moved. */
  async #setAside(bytes: Uint8Array | null, problem: EntryProblem): Promise<CodedError> {
    try {
      if (bytes === null || problem.kind === 'newer') {
        return (await moveToQuarantine(this.#files, this.#dir, { fileName: SETTLED_FILE, problem })).error;
      }
      const aside = await quarantinePlace(this.#files, this.#dir, SETTLED_FILE);
      await writeDurably(this.#files, aside, bytes, MODE);
      await this.#rewrite();
      return describeProblem(this.#path, aside, problem);
    } catch (thrown) {
      return asCoded(thrown);
    }
  }

  async #append(keys: readonly string[]): Promise<void> {
    const good = this.#length;
    if (good === null) return await this.#rewrite();
    try {
      const lines = Buffer.from(keys.map((key) => `${key}\n`).join(''));
      const file = await this.#files.openToWrite(this.#path);
      try {
        const { size } = file.facts();
        if (size < good) return await this.#rewrite();
        if (size > good) await file.truncate(good);
        writeAll(file, lines, good);
        await file.sync();
      } finally {
        await file.close();
      }
      this.#length = good + lines.length;
    } catch (thrown) {
      if (!(thrown instanceof CodedError) || thrown.code === 'DISK-FULL') throw thrown;
      // Another program removed or replaced the file, or its disk block is bad. All keys are in memory, so the file
      // is rewritten.
      await this.#rewrite();
    }
  }

  async #rewrite(): Promise<void> {
    const content = Buffer.from(HEADER + [...this.#keys].map((key) => `${key}\n`).join(''));
    await writeDurably(this.#files, this.#path, content, MODE);
    this.#length = content.length;
  }
}

interface Interpreted {
  readonly keys: readonly string[];
  /** Bytes up to the end of the last complete line. */
  readonly length: number;
  /** What is wrong with the file, except for a torn last line. */
  readonly problem: EntryProblem | null;
}

function interpret(bytes: Uint8Array): Interpreted {
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  // Text after the last newline is the torn line of a crash, or empty.
  const torn = lines.pop() ?? '';
  const [header, ...rest] = lines;
  if (`${header}\n` !== HEADER) return { keys: [], length: 0, problem: checkHeader(header) };
  const keys = rest.filter(isKey);
  const bad = rest.length - keys.length;
  const problem: EntryProblem | null =
    bad === 0 ? null : { kind: 'damaged', reason: `${bad} of its lines are not keys` };
  return { keys, length: bytes.length - torn.length, problem };
}

function checkHeader(header: string | undefined): EntryProblem {
  const format = /^\{"format":(\d{1,9})\}$/.exec(header ?? '')?.[1];
  if (format !== undefined && Number(format) > FORMAT) return { kind: 'newer', format: Number(format), known: FORMAT };
  return { kind: 'damaged', reason: 'its first line does not name a format' };
}
