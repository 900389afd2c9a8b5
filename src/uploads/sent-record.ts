// The record of what left this host. A bundle has one line. Documents have a line with their counts for each day and
// URL.
//
// Guarantees: when a function returns, its record is durable. Callers record sent data before they delete it. A bundle
// is recorded once, even if the call is repeated after a crash. The totals of a day are in `sent-today.json`, and
// become a line when a later day begins; a crash in between never counts a batch twice. Relies on the lock of the state
// folder.

import { join } from 'node:path';
import { z } from 'zod';
import { asCoded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Ballast } from '#spool/ballast.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { SavedState } from '#system/saved-state.ts';
import { Turns } from '#system/turns.ts';
import { SentFile } from './sent-file.ts';
import {
  MAX_LISTED_FILES,
  readSentLines,
  type SentBundle,
  type SentDay,
  type SentLine,
  sentDaySchema,
} from './sent-lines.ts';

export type { SentDay, SentLine } from './sent-lines.ts';

/** Names in the state folder. */
export const SENT_FILE = 'sent.jsonl';
const TODAY_FILE = 'sent-today.json';
/** A repeated bundle was recorded just before the crash. */
const LOOKED_BACK = 100;
const MAX_VIAS = 8;

const todaySchema = z.strictObject({ days: z.array(sentDaySchema) });
const READER = { format: 1, parse: (raw: unknown) => todaySchema.parse(raw) };

/** A batch of documents that a collector has confirmed. */
export interface RecordedBatch {
  /** Without query. */
  readonly url: string;
  readonly documents: number;
  readonly rejected: number;
  readonly bytes: number;
  readonly wireBytes: number;
  readonly via: string | null;
}

/** A bundle that the server has confirmed. */
export type RecordedBundle = Omit<SentBundle, 'kind' | 'at' | 'more_files'>;

export interface SentPorts {
  readonly files: Files;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly report: Report;
  /** Space for the record when the disk is full. */
  readonly ballast?: Pick<Ballast, 'spend'>;
}

/** The record of one state folder. */
export class SentRecord {
  readonly #ports: SentPorts;
  readonly #file: SentFile;
  readonly #today: SavedState<z.infer<typeof todaySchema>>;
  readonly #turns = new Turns();
  #days: readonly SentDay[] = [];
  #isUnsaved = false;

  private constructor(ports: SentPorts) {
    this.#ports = ports;
    this.#file = new SentFile(join(ports.stateDir, SENT_FILE), ports);
    this.#today = new SavedState(ports.files, join(ports.stateDir, TODAY_FILE), READER);
  }

  /** @throws CodedError STATE-UNREADABLE, FILE-* */
  static async open(ports: SentPorts): Promise<SentRecord> {
    const record = new SentRecord(ports);
    const loaded = await record.#today.load();
    if (loaded.kind === 'set-aside') ports.report({ name: 'state-set-aside', error: loaded.error });
    if (loaded.kind === 'loaded') record.#days = loaded.value.days;
    return record;
  }

  /** Records a bundle, unless its job is recorded already. Durable on return. @throws CodedError DISK-FULL, FILE-* */
  bundle({ files, ...sent }: RecordedBundle): Promise<void> {
    return this.#turns.run(async () => {
      if (await this.#isRecorded(sent.job)) return;
      const listed = files.slice(0, MAX_LISTED_FILES);
      await this.#append({
        kind: 'bundle',
        at: utcTime(this.#ports.clock.now()),
        ...sent,
        files: listed,
        more_files: files.length - listed.length,
      });
    });
  }

  /**
   * Adds a batch to the totals of its day and URL. Durable on return, except on a full disk without ballast: the totals
   * are then saved with a later batch, because only a batch that leaves frees space. @throws CodedError FILE-*
   */
  batch(sent: RecordedBatch): Promise<void> {
    return this.#turns.run(async () => {
      const at = utcTime(this.#ports.clock.now());
      const isClosed = await this.#unlessFull(() => this.#closeOtherDays(dayOf(at)));
      const days = withBatch(this.#days, sent, at);
      const isSaved = await this.#unlessFull(() => this.#save(days));
      this.#days = days;
      if (isClosed && isSaved) this.#isUnsaved = false;
    });
  }

  /** False if the disk is full, which is reported once until the totals are saved. */
  async #unlessFull(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      const error = asCoded(thrown);
      if (error.code !== 'DISK-FULL') throw thrown;
      if (!this.#isUnsaved) this.#ports.report({ name: 'fault', error });
      this.#isUnsaved = true;
      return false;
    }
  }

  /** Up to `limit` lines, newest first, with the totals of today. @throws CodedError FILE-* */
  async read(limit: number): Promise<SentLine[]> {
    const today = this.#days.toSorted((one, other) => other.at.localeCompare(one.at));
    const lines: SentLine[] = today.slice(0, limit);
    for await (const line of readSentLines(this.#ports.files, this.#file.path)) {
      if (lines.length >= limit) break;
      if (!today.some((day) => isSameDay(day, line))) lines.push(line);
    }
    return lines;
  }

  /** Totals of other days become lines first, and are forgotten afterwards. */
  async #closeOtherDays(today: string): Promise<void> {
    const others = this.#days.filter(({ day }) => day !== today);
    if (others.length === 0) return;
    for (const day of others) if (!(await this.#hasDay(day))) await this.#append(day);
    const days = this.#days.filter(({ day }) => day === today);
    await this.#save(days);
    this.#days = days;
  }

  async #append(line: SentLine): Promise<void> {
    await this.#spend(() => this.#file.append(line));
    await this.#file.prune();
  }

  async #save(days: readonly SentDay[]): Promise<void> {
    await this.#spend(() => this.#today.save(() => ({ days: [...days] })));
  }

  #spend<T>(work: () => Promise<T>): Promise<T> {
    const { ballast } = this.#ports;
    return ballast === undefined ? work() : ballast.spend(work);
  }

  #isRecorded(job: string): Promise<boolean> {
    return this.#some((line) => line.kind === 'bundle' && line.job === job);
  }

  #hasDay(day: SentDay): Promise<boolean> {
    return this.#some((line) => isSameDay(day, line));
  }

  async #some(test: (line: SentLine) => boolean): Promise<boolean> {
    let looked = 0;
    for await (const line of readSentLines(this.#ports.files, this.#file.path)) {
      if (test(line)) return true;
      looked += 1;
      if (looked >= LOOKED_BACK) return false;
    }
    return false;
  }
}

/** Two totals of one day differ in their first batch, for example after a step of the clock. */
function isSameDay(day: SentDay, line: SentLine): boolean {
  return line.kind === 'analytics' && line.url === day.url && line.since === day.since;
}

function withBatch(days: readonly SentDay[], sent: RecordedBatch, at: string): SentDay[] {
  const index = days.findIndex(({ url, day }) => url === sent.url && day === dayOf(at));
  const before = days[index] ?? firstOf(sent.url, at);
  const day = {
    ...before,
    at,
    via: viasOf(before.via, sent.via),
    batches: before.batches + 1,
    documents: before.documents + sent.documents,
    rejected: before.rejected + sent.rejected,
    bytes: before.bytes + sent.bytes,
    wire_bytes: before.wire_bytes + sent.wireBytes,
  };
  return index < 0 ? [...days, day] : days.with(index, day);
}

function firstOf(url: string, at: string): SentDay {
  const none = { batches: 0, documents: 0, rejected: 0, bytes: 0, wire_bytes: 0 };
  return { kind: 'analytics', at, since: at, day: dayOf(at), url, via: [], ...none };
}

function viasOf(vias: readonly string[], via: string | null): string[] {
  return via === null || vias.includes(via) ? [...vias] : [...vias, via].slice(-MAX_VIAS);
}

function dayOf(at: string): string {
  return at.slice(0, 10);
}
