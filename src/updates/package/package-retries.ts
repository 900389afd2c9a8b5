// Schedules the retries of failed packages: after 1, 2, 4 ... minutes, with a separate count for each package.
//
// Guarantees: only a failure that may be temporary gets a retry of its own. A package that a scanner blocked is retried
// a day later. All others wait for the next scheduled check. An attempt that received bytes resets the count. One state
// file, {packages: {<id>: {sha256, failures, next_at, slow}}}, wall times in ms since the epoch. Without it, packages
// wait until the next scheduled check. A crash leaves the old file or the new one.

import { z } from 'zod';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { retryDelay } from '#http/retry-delay.ts';
import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';

const FORMAT = 1;
/** No longer wait is ever planned, so a later time comes from a wrong clock. */
const FURTHEST_MS = 604_800_000;
/** How long a scanner's verdict holds before the same bytes are requested again. */
const BLOCKED_MS = 86_400_000;

const noteSchema = z.strictObject({
  sha256: z.string(),
  /** Consecutive rounds in which it failed and received nothing. */
  failures: z.int().positive(),
  next_at: momentSchema,
  /** It yielded to other packages, which also go first in the next round. */
  slow: z.boolean(),
  /** A scanner blocked these bytes: no check requests them before `next_at`. */
  blocked: z.boolean().default(false),
});
const fileSchema = z.strictObject({ packages: z.record(z.string(), noteSchema) });
type RetryNote = Readonly<z.infer<typeof noteSchema>>;

/** What identifies a package here. */
interface Known {
  readonly id: string;
  readonly sha256: string;
}

/** How the turn of a package ended. */
export interface FailedTurn {
  readonly error: CodedError;
  readonly madeProgress: boolean;
  readonly yielded: boolean;
  readonly maxDelaySeconds: number;
}

/** The only store of these retries. */
export class PackageRetries {
  readonly #ports: { readonly files: Files; readonly clock: Clock; readonly report: Report };
  readonly #path: string;
  #notes = new Map<string, RetryNote>();
  /** The failure of each package; not kept across restarts. */
  readonly #errors = new Map<string, CodedError>();
  #saved = '{}';
  readonly #saves = new Turns();

  constructor(ports: { readonly files: Files; readonly clock: Clock; readonly report: Report }, path: string) {
    this.#ports = ports;
    this.#path = path;
  }

  /** Loads the file; an unreadable one is set aside, and the returned error names it. */
  async load(): Promise<CodedError | null> {
    const parse = (raw: unknown) => fileSchema.parse(raw);
    const loaded = await loadState(this.#ports.files, this.#path, { format: FORMAT, parse });
    if (loaded.kind === 'loaded') this.#notes = new Map(Object.entries(loaded.value.packages));
    this.#saved = this.#text();
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** Wall time of the earliest retry; null when no package has one. */
  nextAt(): number | null {
    const moments = [...this.#notes.values()].map((note) => this.#momentOf(note));
    return moments.length === 0 ? null : Math.min(...moments);
  }

  /** Wall time of the automatic retry of this package, or null. */
  nextFor(id: string): number | null {
    const note = this.#notes.get(id);
    return note === undefined ? null : this.#momentOf(note);
  }

  /** The failure of a package whose retry is not due yet; null when it may be tried now. */
  waiting({ id, sha256 }: Known): { readonly atMs: number; readonly error: CodedError | null } | null {
    const note = this.#notes.get(id);
    if (note === undefined || note.sha256 !== sha256) return null;
    const atMs = this.#momentOf(note);
    return atMs <= this.#ports.clock.now() ? null : { atMs, error: this.#errors.get(id) ?? null };
  }

  /** Whether other packages go first. */
  isSlow({ id, sha256 }: Known): boolean {
    const note = this.#notes.get(id);
    return note !== undefined && note.sha256 === sha256 && note.slow;
  }

  /** Whether a scanner blocked it; then scheduled checks also wait. */
  isBlocked({ id, sha256 }: Known): boolean {
    const note = this.#notes.get(id);
    return note !== undefined && note.sha256 === sha256 && note.blocked;
  }

  /** Its turn ended without the package. Returns the wall time of its automatic retry in ms, or null. */
  failed({ id, sha256 }: Known, turn: FailedTurn): number | null {
    const { error, madeProgress, yielded, maxDelaySeconds } = turn;
    const before = this.#notes.get(id);
    this.forget(id);
    if (error.code === 'CONTENT-BLOCKED') return this.#blocked({ id, sha256 }, error);
    if (!yielded && !mayPass(error)) return null;
    const failures = madeProgress || before?.sha256 !== sha256 ? 1 : before.failures + 1;
    const { retryAfterMs } = error.facts;
    const requestedMs = typeof retryAfterMs === 'number' ? Math.min(retryAfterMs, maxDelaySeconds * 1_000) : 0;
    const waitMs = Math.min(FURTHEST_MS, Math.max(requestedMs, retryDelay(failures, maxDelaySeconds)));
    const nextAt = this.#ports.clock.now() + waitMs;
    this.#notes.set(id, { sha256, failures, next_at: nextAt, slow: yielded, blocked: false });
    this.#errors.set(id, error);
    return nextAt;
  }

  #blocked({ id, sha256 }: Known, error: CodedError): number {
    const nextAt = this.#ports.clock.now() + BLOCKED_MS;
    this.#notes.set(id, { sha256, failures: 1, next_at: nextAt, slow: false, blocked: true });
    this.#errors.set(id, error);
    return nextAt;
  }

  /** It has been published, or more time would not help. */
  forget(id: string): void {
    this.#notes.delete(id);
    this.#errors.delete(id);
  }

  /** Removes the packages that the feed no longer wants. */
  keepOnly(wanted: ReadonlySet<string>): void {
    for (const id of [...this.#notes.keys()]) if (!wanted.has(id)) this.forget(id);
  }

  /** Writes the file if anything changed. A failure is reported, and the retries are effective anyway. */
  async save(): Promise<void> {
    await this.#saves.run(() => this.#save());
  }

  async #save(): Promise<void> {
    const text = this.#text();
    if (text === this.#saved) return;
    try {
      const value = { packages: Object.fromEntries(this.#notes) };
      await saveState(this.#ports.files, this.#path, { format: FORMAT, value });
      this.#saved = text;
    } catch (thrown) {
      const error = asCoded(thrown);
      // Whatever met a full disk first has reported it.
      if (error.code !== 'DISK-FULL') this.#ports.report({ name: 'fault', error });
    }
  }

  #momentOf({ next_at: at }: RetryNote): number {
    const now = this.#ports.clock.now();
    return at - now > FURTHEST_MS ? now : at;
  }

  #text(): string {
    return JSON.stringify(Object.fromEntries(this.#notes));
  }
}

/** A trickling transfer is ended for this round only. */
function mayPass(error: CodedError): boolean {
  return error.retryable || error.entry.class === 'timeout';
}
