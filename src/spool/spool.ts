// The one durable way out: what was accepted for sending stays on disk until the far side has it (law 6).
//
// Format 1, a folder (0700): `<twelve digits>.json`, one entry each, in order of acceptance (`entry.ts`); `settled.log`,
// the keys of what is done (`settled-keys.ts`); `quarantine/`, what can't be read. Delivery is the caller's.
// Invariants: 1. What `accept` returned for is on disk and given out by `due` until `settle`. 2. A settled key is never
// accepted or given out again (of the newest 10,000): the key is durable before the entry goes. 3. A full spool refuses;
// nothing accepted makes room for anything. 4. What can't be read is set aside and reported; it never stops the rest.
// 5. No step of the wall clock keeps an entry longer than a postponement may be long. A crash leaves the state before
// an operation or after it, and at most a `.new`, a torn last key or an entry whose key is settled: `openSpool` clears.

import { join } from 'node:path';
import { asCoded, CodedError, coded, isExhaustion } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import { readWhole, removeDurably, UNFINISHED_SUFFIX, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import {
  decodeEntry,
  dueAt,
  ENTRY_FORMAT,
  ENTRY_LIMIT_BYTES,
  encodeEntry,
  entryFileName,
  isKey,
  type SpoolEntry,
  sequenceOf,
} from './entry.ts';
import { type Ailment, moveToQuarantine, QUARANTINE } from './quarantine.ts';
import { SETTLED_FILE, SettledKeys } from './settled-keys.ts';

export type { SpoolEntry } from './entry.ts';

/** What a spool stands on. */
export interface SpoolPorts {
  readonly files: Files;
  readonly dir: string;
  readonly clock: Clock;
  /** So many entries may wait; a full spool refuses the next one. */
  readonly quotaEntries: number;
  readonly report: Report;
}

/** The spool; all its operations run one after the other. */
export interface Spool {
  /** Entries that wait. */
  readonly size: number;
  /** Durable on return. `already`: this key waits or was settled. @throws CodedError SPOOL-FULL, DISK-FULL, FILE-* */
  accept(given: {
    readonly key: string;
    readonly kind: string;
    readonly body: unknown;
  }): Promise<'accepted' | 'already'>;
  /** Entries whose time has come, in order of acceptance. */
  due(nowMs: number): Promise<readonly SpoolEntry[]>;
  /** Wall time of the next entry that will be due; null when none waits. */
  nextDueAt(): number | null;
  /** The last attempt that failed, of what still waits; null when none has. */
  lastFailure(): { readonly atMs: number; readonly code: string } | null;
  /** Counts a failed attempt and waits. In force at once; when it can't be written, the error says so. */
  postpone(entry: SpoolEntry, until: { readonly notBefore: number; readonly error: string }): Promise<void>;
  /** Done: never given out and never accepted again. On an error it is given out again, unless its key was kept. */
  settle(entry: SpoolEntry): Promise<void>;
  /** For an entry that its reader can't make sense of: set aside, neither sent nor settled. */
  quarantine(entry: SpoolEntry): Promise<void>;
}

/** Opens the folder, makes it when it is not there, clears what a crash left, sets aside what can't be read. @throws CodedError FOLDER-UNSAFE, FILE-* */
export async function openSpool(ports: SpoolPorts): Promise<Spool> {
  await ownFolder(ports.files, ports.dir, { mode: 0o700, what: 'the spool' });
  const { settled, error } = await SettledKeys.open(ports.files, ports.dir);
  if (error !== null) ports.report({ name: 'state-set-aside', error });
  const spool = new FolderSpool(ports, settled);
  await spool.load();
  return spool;
}

interface Waiting {
  readonly sequence: number;
  readonly entry: SpoolEntry;
}

class FolderSpool implements Spool {
  readonly #ports: SpoolPorts;
  readonly #settled: SettledKeys;
  /** By key, in order of acceptance. */
  readonly #waiting = new Map<string, Waiting>();
  #nextSequence = 1;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: SpoolPorts, settled: SettledKeys) {
    this.#ports = ports;
    this.#settled = settled;
  }

  get size(): number {
    return this.#waiting.size;
  }

  async load(): Promise<void> {
    const { files, dir } = this.#ports;
    const sequences: number[] = [];
    for (const name of await files.list(dir)) {
      if (name === SETTLED_FILE || name === QUARANTINE) continue;
      const sequence = sequenceOf(name);
      if (sequence !== null) sequences.push(sequence);
      else if (name.endsWith(UNFINISHED_SUFFIX)) await files.remove(join(dir, name)).catch(tolerate);
      else await this.#setAside(name, { kind: 'damaged', reason: 'it is no entry of the spool' });
    }
    for (const sequence of sequences.sort((a, b) => a - b)) {
      this.#nextSequence = sequence + 1;
      await this.#loadEntry(entryFileName(sequence), sequence);
    }
    // A process that died may have left names that no power cut survives; from here on they count as accepted.
    await files.syncDirectory(dir);
  }

  accept(given: { key: string; kind: string; body: unknown }): Promise<'accepted' | 'already'> {
    return this.#inTurn(async () => {
      const { key, kind, body } = given;
      const { dir, clock, files, quotaEntries } = this.#ports;
      if (!isKey(key)) throw new TypeError(`not a key of the spool: ${JSON.stringify(key)}`);
      if (this.#waiting.has(key) || this.#settled.has(key)) return 'already';
      if (this.size >= quotaEntries) throw coded('SPOOL-FULL', { dir, count: this.size, key });
      const entry: SpoolEntry = { key, kind, body, acceptedAtMs: clock.now(), attempts: 0, postponed: null };
      const bytes = encodeEntry(entry);
      if (bytes.length > ENTRY_LIMIT_BYTES) {
        throw coded('SPOOL-TOO-LARGE', { key, bytes: bytes.length, limit: ENTRY_LIMIT_BYTES });
      }
      const sequence = this.#nextSequence;
      await writeDurably(files, this.#pathOf(sequence), bytes, 0o600);
      this.#nextSequence += 1;
      this.#waiting.set(key, { sequence, entry });
      return 'accepted';
    });
  }

  due(nowMs: number): Promise<readonly SpoolEntry[]> {
    return this.#inTurn(async () =>
      [...this.#waiting.values()].map(({ entry }) => entry).filter((entry) => dueAt(entry, nowMs) === null),
    );
  }

  nextDueAt(): number | null {
    const now = this.#ports.clock.now();
    let next: number | null = null;
    for (const { entry } of this.#waiting.values()) {
      const at = dueAt(entry, now) ?? now;
      if (next === null || at < next) next = at;
    }
    return next;
  }

  lastFailure(): { atMs: number; code: string } | null {
    const failed = [...this.#waiting.values()].flatMap(({ entry: { postponed } }) => postponed ?? []);
    const last = failed.toSorted((a, b) => a.atMs - b.atMs).at(-1);
    return last === undefined ? null : { atMs: last.atMs, code: last.error };
  }

  postpone(entry: SpoolEntry, until: { notBefore: number; error: string }): Promise<void> {
    return this.#inTurn(async () => {
      const waiting = this.#waiting.get(entry.key);
      if (waiting === undefined) return;
      const postponed = { atMs: this.#ports.clock.now(), untilMs: until.notBefore, error: until.error };
      const later = { ...waiting.entry, attempts: waiting.entry.attempts + 1, postponed };
      // In memory first: on a full disk, too, the next attempt waits.
      this.#waiting.set(entry.key, { sequence: waiting.sequence, entry: later });
      await writeDurably(this.#ports.files, this.#pathOf(waiting.sequence), encodeEntry(later), 0o600);
    });
  }

  settle(entry: SpoolEntry): Promise<void> {
    return this.#inTurn(async () => {
      const waiting = this.#waiting.get(entry.key);
      if (waiting === undefined) return;
      await this.#settled.add(entry.key);
      this.#waiting.delete(entry.key);
      await removeDurably(this.#ports.files, this.#pathOf(waiting.sequence));
    });
  }

  quarantine(entry: SpoolEntry): Promise<void> {
    return this.#inTurn(async () => {
      const waiting = this.#waiting.get(entry.key);
      if (waiting === undefined) return;
      const { files, dir } = this.#ports;
      const fileName = entryFileName(waiting.sequence);
      await moveToQuarantine(files, dir, {
        fileName,
        ailment: { kind: 'damaged', reason: 'its body is not of its kind' },
      });
      this.#waiting.delete(entry.key);
    });
  }

  async #loadEntry(name: string, sequence: number): Promise<void> {
    const { files, dir } = this.#ports;
    const path = join(dir, name);
    let bytes: Uint8Array;
    try {
      bytes = await readWhole(files, path, ENTRY_LIMIT_BYTES);
    } catch (thrown) {
      const error = asCoded(thrown);
      // A disk or a limit in trouble says nothing of the entry: it stays, and the next start tries again.
      const stays = isExhaustion(error) || (error.code === 'FILE-FAILED' && error.facts['errno'] !== 'EFBIG');
      if (stays) this.#ports.report({ name: 'receipt-quarantined', error });
      else await this.#setAside(name, { kind: 'damaged', reason: error.safeText });
      return;
    }
    const decoded = decodeEntry(bytes);
    if (decoded.kind === 'newer') return await this.#setAside(name, { ...decoded, known: ENTRY_FORMAT });
    if (decoded.kind === 'damaged') return await this.#setAside(name, decoded);
    const { entry } = decoded;
    // Settled, and the crash came before the file went; or the same key twice, after an accept that failed at its end.
    if (this.#settled.has(entry.key) || this.#waiting.has(entry.key)) await removeDurably(files, path).catch(tolerate);
    else this.#waiting.set(entry.key, { sequence, entry });
  }

  async #setAside(fileName: string, ailment: Ailment): Promise<void> {
    const { files, dir, report } = this.#ports;
    try {
      report({ name: 'receipt-quarantined', error: await moveToQuarantine(files, dir, { fileName, ailment }) });
    } catch (thrown) {
      tolerate(thrown);
      report({ name: 'receipt-quarantined', error: asCoded(thrown) });
    }
  }

  #pathOf(sequence: number): string {
    return join(this.#ports.dir, entryFileName(sequence));
  }

  /** One operation at a time: two of the same key must not both find it absent. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** An expected failure of clearing up is met again at the next start; anything else is a fault. */
function tolerate(thrown: unknown): void {
  if (!(thrown instanceof CodedError)) throw thrown;
}
