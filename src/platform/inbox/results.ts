// The results of commands, and the number of the last received command: `platform-inbox.json`.
//
// Guarantees: a result is durable before its command leaves the spool. It is kept for at least 30 days and until the
// platform has confirmed it, within a maximum of 2,000 results. Beyond that, confirmed refusals are deleted first, and
// results that wait for a person last. A crash leaves the previous file, whose results are sent once more. Relies on
// the lock of the state folder.

import { join } from 'node:path';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { CommandResult } from '#platform/messages.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { SavedState } from '#system/saved-state.ts';
import { Turns } from '#system/turns.ts';
import { type CountedCommand, isRecent } from './limits.ts';

const FILE = 'platform-inbox.json';
const FORMAT = 1;
const KEPT_MS = 30 * 86_400_000;
const MAX_KEPT = 2_000;

const doneSchema = z.object({
  id: z.string(),
  name: z.string(),
  at: momentSchema,
  outcome: z.enum(['done', 'refused', 'failed', 'waiting']),
  code: z.string().nullable(),
  job: z.string().nullable(),
  confirmed: z.boolean(),
});
/** A command with its result. */
export type DoneCommand = Readonly<z.infer<typeof doneSchema>>;

const fileSchema = z.object({
  after: z.int().nonnegative(),
  /** The id of the command with this number. */
  last: z.string().nullable(),
  series: z.int().nonnegative(),
  done: z.array(doneSchema),
  /** The commands of the last hour that were carried out, and those that are still being carried out. */
  counted: z.array(z.object({ id: z.string(), name: z.string(), at: momentSchema })).default([]),
});
type Content = z.infer<typeof fileSchema>;

/** The results of one state folder. */
export class CommandResults {
  readonly #state: SavedState<Content>;
  readonly #turns = new Turns();
  #content: Content = { after: 0, last: null, series: 0, done: [], counted: [] };

  private constructor(files: Files, stateDir: string) {
    const reader = { format: FORMAT, parse: (raw: unknown) => fileSchema.parse(raw) };
    this.#state = new SavedState(files, join(stateDir, FILE), reader);
  }

  /** The error says what was wrong with a file that was set aside. @throws CodedError STATE-UNREADABLE */
  static async open(files: Files, stateDir: string): Promise<{ results: CommandResults; error: CodedError | null }> {
    const results = new CommandResults(files, stateDir);
    const loaded = await results.#state.load();
    if (loaded.kind === 'loaded') results.#content = loaded.value;
    return { results, error: loaded.kind === 'set-aside' ? loaded.error : null };
  }

  /** Commands up to this number were received; 0 if there is none. */
  get after(): number {
    return this.#content.after;
  }

  /** The id of the command with that number. */
  get last(): string | null {
    return this.#content.last;
  }

  get series(): number {
    return this.#content.series;
  }

  /** Oldest first. */
  get done(): readonly DoneCommand[] {
    return this.#content.done;
  }

  /** The commands that the hourly limits count. */
  get counted(): readonly CountedCommand[] {
    return this.#content.counted;
  }

  find(id: string): DoneCommand | null {
    return this.#content.done.find((one) => one.id === id) ?? null;
  }

  /** In memory; the next write makes it durable. Until then, the entries of the spool show the number. */
  received(seq: number, id: string): void {
    if (seq >= this.#content.after) this.#content = { ...this.#content, after: seq, last: id };
  }

  /** The platform numbers its commands from the beginning again. Durable on return. @throws CodedError DISK-FULL, FILE-* */
  async startSeries(): Promise<void> {
    await this.#change((content) => ({ ...content, after: 0, last: null, series: content.series + 1 }));
  }

  /**
   * Counts a command towards the hourly limits, and forgets commands of earlier hours unless they are `pending`. Durable
   * on return. @throws CodedError DISK-FULL, FILE-*
   */
  async count(command: CountedCommand, pending: (id: string) => boolean): Promise<void> {
    await this.#change((content) => {
      const others = content.counted.filter((one) => isRecent(one, command.at) || pending(one.id));
      return { ...content, counted: [...others, command] };
    });
  }

  /** Durable on return; replaces an earlier result of this command. @throws CodedError DISK-FULL, FILE-* */
  async put(result: CommandResult, { name, at }: Pick<DoneCommand, 'name' | 'at'>): Promise<void> {
    const { command: id, outcome, code, job } = result;
    await this.#change((content) => {
      const others = content.done.filter((one) => one.id !== id);
      return { ...content, done: kept([...others, { id, name, at, outcome, code, job, confirmed: false }], at) };
    });
  }

  /** The platform has this result. Durable on return. @throws CodedError DISK-FULL, FILE-* */
  async confirm(id: string): Promise<void> {
    if (this.find(id)?.confirmed !== false) return;
    await this.#change((content) => ({
      ...content,
      done: content.done.map((one) => (one.id === id ? { ...one, confirmed: true } : one)),
    }));
  }

  /** In memory only once it is on disk: what was not written is not shown, and is tried again. */
  #change(change: (content: Content) => Content): Promise<void> {
    return this.#turns.run(async () => {
      const changed = change(this.#content);
      await this.#state.save(() => changed);
      // A command may have been received meanwhile.
      const { after, last, series } = this.#content;
      const isNewer = changed.series === series && after > changed.after;
      this.#content = isNewer ? { ...changed, after, last } : changed;
    });
  }
}

/** Without what is too old or too much. A result that is not final, or that the platform does not have, is never too old. */
function kept(done: readonly DoneCommand[], now: number): DoneCommand[] {
  const isOwed = ({ confirmed, outcome }: DoneCommand) => !confirmed || outcome === 'waiting';
  const young = done.filter((one) => isOwed(one) || now - one.at < KEPT_MS);
  const excess = young.length - MAX_KEPT;
  if (excess <= 0) return young;
  // The sort is stable: of equal results, the oldest goes first.
  const dropped = new Set(young.toSorted((a, b) => rankOf(a) - rankOf(b)).slice(0, excess));
  return young.filter((one) => !dropped.has(one));
}

/** Results of the lowest rank are dropped first, so that a flood of refusals cannot drop what someone waits for. */
function rankOf({ outcome, confirmed }: DoneCommand): number {
  if (outcome === 'waiting') return 4;
  return (confirmed ? 0 : 2) + (outcome === 'refused' ? 0 : 1);
}
