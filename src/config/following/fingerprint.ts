// Takes fingerprints of the configuration file and of all files that it names. If two fingerprints are the same, a
// reload would give the same settings.
//
// Guarantees: a fingerprint depends on the content, permission bits and readability of each file, so a new time stamp
// alone does not change it. If the metadata of a file is unchanged for a few seconds, the file is not read again, so an
// idle installation needs one stat for each file and check. Only digests of the contents are kept.

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readBounded } from '#config/reading/read-bounded.ts';
import type { Clock } from '#system/clock.ts';

/** Larger than any file that a configuration names: a bundle of CA certificates has about 250 KB. */
const MAX_READ_BYTES = 4_194_304;
/** Some file systems store time stamps in steps of two seconds; a second write within a step does not change them. */
const COARSEST_TICK_MS = 2_500;

/** The state of all files at one moment. */
export interface Fingerprint {
  /** The same as before if nothing changed in between. */
  readonly digest: string;
  /** Files that are missing or empty: another program may be rewriting them. */
  readonly gone: ReadonlySet<string>;
  /** Files that do not exist at all. */
  readonly missing: ReadonlySet<string>;
}

interface ReadFile {
  readonly facts: string;
  readonly print: string;
  readonly sinceMs: number;
  /** Whether the file was read when its metadata was old enough, so that the same metadata means the same content. */
  readonly sure: boolean;
}

/** Takes fingerprints, and remembers the digests of the files that it has read. */
export class Fingerprints {
  readonly #clock: Clock;
  readonly #read = new Map<string, ReadFile>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the fingerprint of these files. Never throws. */
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
    // The reason is reported when the configuration is read.
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
