// The file `sent.jsonl`. Lines of JSON are appended, kept for 400 days, and then removed.
//
// Guarantees: when `append` returns, the line survives a power cut. A crash leaves at most an incomplete last line,
// which the next append cuts off; `append` had not returned for it. Old lines are removed at most once a day, by
// replacing the file. Lines without a known date are kept. Relies on one writer at a time.

import { dirname } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { publishFile, UNFINISHED_SUFFIX } from '#system/durable.ts';
import { type Files, type OpenFile, writeAll } from '#system/files.ts';
import { momentOf, readFully } from './sent-lines.ts';

/** Auditors ask for a year and some weeks. */
const KEPT_MS = 400 * 86_400_000;
const PRUNE_EVERY_MS = 86_400_000;
const CHUNK_BYTES = 65_536;
const MODE = 0o600;
const NEWLINE = 0x0a;

export class SentFile {
  readonly path: string;
  readonly #files: Files;
  readonly #clock: Clock;
  #prunedMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, ports: { readonly files: Files; readonly clock: Clock }) {
    this.path = path;
    this.#files = ports.files;
    this.#clock = ports.clock;
  }

  /** Durable on return. @throws CodedError DISK-FULL, FILE-*; nothing was added */
  async append(line: object): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    const exists = (await this.#files.facts(this.path)) !== null;
    const file = exists ? await this.#files.openToWrite(this.path) : await this.#files.create(this.path, MODE);
    try {
      const end = endOfLines(file);
      if (end < file.facts().size) await file.truncate(end);
      try {
        writeAll(file, bytes, end);
        await file.sync();
      } catch (thrown) {
        await file.truncate(end).catch(() => undefined);
        throw thrown;
      }
      // Always: an earlier process may have died between creating the file and syncing its name.
      await this.#files.syncDirectory(dirname(this.path));
    } finally {
      await file.close();
    }
  }

  /** Removes old lines if that was not tried within the last day. Expected failures are left to the next day. */
  async prune(): Promise<void> {
    if (this.#clock.monotonic() - this.#prunedMs < PRUNE_EVERY_MS) return;
    this.#prunedMs = this.#clock.monotonic();
    try {
      await this.#removeOld();
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      await this.#files.remove(this.path + UNFINISHED_SUFFIX).catch(() => false);
    }
  }

  async #removeOld(): Promise<void> {
    if ((await this.#files.facts(this.path)) === null) return;
    const file = await this.#files.openToRead(this.path);
    try {
      const oldest = this.#oldestKept(file);
      const isOld = (line: string) => (momentOf(line) ?? Number.POSITIVE_INFINITY) < oldest;
      const first = linesOf(file).next();
      if (first.done === true || !isOld(first.value)) return;
      await this.#rewrite(file, (line) => !isOld(line));
    } finally {
      await file.close();
    }
  }

  /** Lines are as old as their distance to the last but one, so that one step of the clock removes nothing. */
  #oldestKept(file: OpenFile): number {
    let previous = Number.NEGATIVE_INFINITY;
    let last = Number.NEGATIVE_INFINITY;
    for (const line of linesOf(file)) {
      const at = momentOf(line);
      if (at === null) continue;
      previous = last;
      last = at;
    }
    return Math.min(this.#clock.now(), previous) - KEPT_MS;
  }

  async #rewrite(from: OpenFile, keeps: (line: string) => boolean): Promise<void> {
    const unfinished = this.path + UNFINISHED_SUFFIX;
    await this.#files.remove(unfinished);
    const to = await this.#files.create(unfinished, MODE);
    try {
      let end = 0;
      for (const line of linesOf(from)) {
        if (!keeps(line)) continue;
        const bytes = Buffer.from(`${line}\n`);
        writeAll(to, bytes, end);
        end += bytes.length;
      }
      await to.sync();
    } finally {
      await to.close();
    }
    await publishFile(this.#files, unfinished, this.path);
  }
}

/** The end of the last complete line. */
function endOfLines(file: OpenFile): number {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let at = file.facts().size; at > 0; ) {
    const length = Math.min(CHUNK_BYTES, at);
    at -= length;
    const part = chunk.subarray(0, readFully(file, chunk.subarray(0, length), at));
    const newline = part.lastIndexOf(NEWLINE);
    if (newline >= 0) return at + newline + 1;
  }
  return 0;
}

/** The complete lines of a file, oldest first. */
function* linesOf(file: OpenFile): Generator<string> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest: Buffer = Buffer.alloc(0);
  for (let at = 0; ; ) {
    const length = readFully(file, chunk, at);
    if (length === 0) return;
    at += length;
    let from = 0;
    for (
      let newline = chunk.indexOf(NEWLINE);
      newline >= 0 && newline < length;
      newline = chunk.indexOf(NEWLINE, from)
    ) {
      yield Buffer.concat([rest, chunk.subarray(from, newline)]).toString('utf8');
      rest = Buffer.alloc(0);
      from = newline + 1;
    }
    rest = Buffer.concat([rest, chunk.subarray(from, length)]);
  }
}
