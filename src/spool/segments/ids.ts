// Makes ids of documents and segments: UUIDs that sort by time (RFC 9562, 5.7).
//
// Guarantees: ids of one sequence ascend. If the wall clock steps back, the milliseconds stay the same, and a counter
// in the 12 bits of rand_a continues (RFC 9562, 6.2, method 1). 62 random bits keep the ids of processes and hosts
// apart. `fixedId` returns the same id for the same key and place, so that a server recognizes a document that is
// submitted again after a crash.

import { createHash, randomFillSync } from 'node:crypto';
import type { Clock } from '#system/clock.ts';

const ID_BYTES = 16;
/** Of an id as text. */
const TEXT_LENGTH = 36;
const HYPHEN = 0x2d;
const HYPHEN_BEFORE: ReadonlySet<number> = new Set([4, 6, 8, 10]);
const DIGITS = Buffer.from('0123456789abcdef');
const MAX_COUNTER = 0xfff;
/** Ids that one call for random bytes serves. */
const POOLED_IDS = 512;
const RANDOM_BYTES = 8;
/** A longer step back of the clock resets the order of ids instead of the time in them. */
const MAX_AHEAD_MS = 86_400_000;

/** An endless ascending sequence of ids. */
export class IdSequence {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #id = Buffer.alloc(ID_BYTES);
  readonly #pool = Buffer.alloc(POOLED_IDS * RANDOM_BYTES);
  #pooled = 0;
  #lastMs = 0;
  #counter = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Later ids sort after this one, if it is at most a day in the future. */
  startAfter(id: string): void {
    const ms = idTime(id);
    if (ms < this.#clock.now() + MAX_AHEAD_MS) this.#lastMs = Math.max(this.#lastMs, ms + 1);
  }

  next(): string {
    return toText(this.#next());
  }

  /** Writes the next id at an offset, as text of 36 bytes: for many ids, without a string for each. */
  readonly put = (target: Buffer, at: number): void => putText(target, at, this.#next());

  #next(): Buffer {
    const now = Math.max(0, Math.floor(this.#clock.now()));
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#counter = 0;
    } else if (this.#counter < MAX_COUNTER) this.#counter += 1;
    else {
      this.#lastMs += 1;
      this.#counter = 0;
    }
    const id = this.#id;
    id.writeUIntBE(this.#lastMs, 0, 6);
    id.writeUInt16BE(0x7000 | this.#counter, 6);
    this.#fillRandom(id);
    return id;
  }

  #fillRandom(id: Buffer): void {
    if (this.#pooled === 0) {
      randomFillSync(this.#pool);
      this.#pooled = POOLED_IDS;
    }
    this.#pooled -= 1;
    this.#pool.copy(id, 8, this.#pooled * RANDOM_BYTES, (this.#pooled + 1) * RANDOM_BYTES);
    setVariant(id);
  }
}

/**
 * The id of a document from its position in a source with an identity, such as a file of the drop directory (RFC 9562,
 * 5.8). `atMs` is its time in ms since the epoch.
 */
export function fixedId(key: string, index: number, atMs: number): string {
  const id = createHash('sha256').update(`${key}\n${index}`).digest().subarray(0, ID_BYTES);
  id.writeUIntBE(Math.min(Math.max(0, Math.floor(atMs)), 0xffff_ffff_ffff), 0, 6);
  id.writeUInt16BE(0x8000 | (id.readUInt16BE(6) & MAX_COUNTER), 6);
  setVariant(id);
  return toText(id);
}

/** The time in an id, in ms since the epoch. */
export function idTime(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

function setVariant(id: Buffer): void {
  id.writeUInt8(0x80 | (id.readUInt8(8) & 0x3f), 8);
}

function toText(id: Buffer): string {
  const text = Buffer.allocUnsafe(TEXT_LENGTH);
  putText(text, 0, id);
  return text.toString('latin1');
}

function putText(target: Buffer, start: number, id: Buffer): void {
  let at = start;
  for (let index = 0; index < ID_BYTES; index += 1) {
    if (HYPHEN_BEFORE.has(index)) target[at++] = HYPHEN;
    const byte = id[index] ?? 0;
    target[at++] = DIGITS[byte >> 4] ?? 0;
    target[at++] = DIGITS[byte & 15] ?? 0;
  }
}
