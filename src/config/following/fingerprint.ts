// What the configuration and the files it names are like at a moment: two fingerprints differ when a reload could.
//
// Guarantees: content, permission bits and whether a file can be read all count; time stamps alone do not. A file whose
// facts are those of before is not read again, once they are old enough that no later write can hide behind them: a
// look at an idle installation costs one stat a file. Nothing of a content is kept but its digest.

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readBounded } from '#config/reading/read-bounded.ts';
import type { Clock } from '#system/clock.ts';

/** No file that a configuration names is larger: a bundle of certificates has some 250 KB. */
const MAX_READ_BYTES = 4_194_304;
/** Time stamps of some file systems tick every two seconds; a write within the same tick does not show in them. */
const COARSEST_TICK_MS = 2_500;

/** The files at a moment. */
export interface Fingerprint {
  /** Equal for two moments between which nothing changed. */
  readonly digest: string;
  /** Files that are missing, or empty: somebody may be in the middle of writing them anew. */
  readonly gone: ReadonlySet<string>;
  /** Files that do not exist at all. */
  readonly missing: ReadonlySet<string>;
}

interface ReadFile {
  readonly facts: string;
  readonly print: string;
  readonly sinceMs: number;
  /** Read again when the facts were old enough: these facts stand for this content. */
  readonly sure: boolean;
}

/** Takes fingerprints, and remembers what it has read. */
export class Fingerprints {
  readonly #clock: Clock;
  readonly #read = new Map<string, ReadFile>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Looks at every file. Never throws. */
  async take(files: readonly string[]): Promise<Fingerprint> {
    const digest = createHash('sha256');
    const gone = new Set<string>();
    const missing = new Set<string>();
    for (const file of files) {
      const { print, facts } = await this.#printOf(file);
      digest.update(`${file}\0${print}\0`);
      if (facts === null) missing.add(file);
      if (facts === null || print === EMPTY) gone.add(file);
    }
    for (const file of this.#read.keys()) if (!files.includes(file)) this.#read.delete(file);
    return { digest: digest.digest('hex'), gone, missing };
  }

  async #printOf(file: string): Promise<{ print: string; facts: string | null }> {
    const facts = await factsOf(file);
    const known = this.#read.get(file);
    if (facts !== null && known?.facts === facts && known.sure) return { print: known.print, facts };
    const atMs = this.#clock.monotonic();
    const print = await printOf(file);
    if (facts !== null) this.#read.set(file, remember({ facts, print, atMs }, known));
    return { print, facts };
  }
}

function remember(now: { facts: string; print: string; atMs: number }, before: ReadFile | undefined): ReadFile {
  const { facts, print, atMs } = now;
  const sinceMs = before?.facts === facts ? before.sinceMs : atMs;
  return { facts, print, sinceMs, sure: atMs - sinceMs >= COARSEST_TICK_MS };
}

async function factsOf(file: string): Promise<string | null> {
  try {
    const { dev, ino, size, mode, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mode, mtimeNs, ctimeNs].join(':');
  } catch {
    // Why it cannot be looked at is told by whoever reads it.
    return null;
  }
}

const EMPTY = 'empty';

async function printOf(file: string): Promise<string> {
  const read = await readBounded(file, MAX_READ_BYTES);
  if (!read.ok) return read.reason;
  if (read.bytes.length === 0) return EMPTY;
  return `${read.mode}:${createHash('sha256').update(read.bytes).digest('hex')}`;
}
