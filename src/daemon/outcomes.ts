// How the work of each purpose went the last time, well and not well, so that a restart does not make it unknown.
//
// One state file, {purposes: {<name>: {succeeded_at, failed}}}, times in ms since the epoch; what a failure says is redacted
// before it comes here. Losing it costs nothing but memory. A crash leaves the old file or the new one.

import { z } from 'zod';
import type { Purpose } from '#config/purposes.ts';
import { type Failure, failureSchema } from '#control/answers.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment.ts';
import { SavedState } from '#system/saved-state.ts';

const FORMAT = 1;

const outcomeSchema = z.strictObject({
  succeeded_at: momentSchema.nullable(),
  failed: z.strictObject({ at: momentSchema, failure: failureSchema }).nullable(),
});
const fileSchema = z.strictObject({ purposes: z.record(z.string(), outcomeSchema) });

/** The last success, and the last failure, whichever came later. */
export type PurposeOutcome = Readonly<z.infer<typeof outcomeSchema>>;

const NOTHING: PurposeOutcome = { succeeded_at: null, failed: null };

/** The one store of how work went. */
export class Outcomes {
  readonly #state: SavedState<z.infer<typeof fileSchema>>;
  #purposes = new Map<string, PurposeOutcome>();

  constructor(files: Files, path: string) {
    this.#state = new SavedState(files, path, { format: FORMAT, parse: (raw) => fileSchema.parse(raw) });
  }

  /** Loads what was kept; what can't be read is set aside and named. */
  async load(): Promise<CodedError | null> {
    const loaded = await this.#state.load();
    if (loaded.kind === 'loaded') this.#purposes = new Map(Object.entries(loaded.value.purposes));
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  of(purpose: Purpose): PurposeOutcome {
    return this.#purposes.get(purpose) ?? NOTHING;
  }

  /** Work ended. In force at once, and on the disk as far as that takes it. */
  async note(purpose: Purpose, { at, failure }: { at: number; failure: Failure | null }): Promise<void> {
    const before = this.of(purpose);
    const now = failure === null ? { succeeded_at: at } : { failed: { at, failure } };
    this.#purposes.set(purpose, { ...before, ...now });
    // A disk that is full has been told by the work itself.
    await this.#state.save(() => ({ purposes: Object.fromEntries(this.#purposes) })).catch(() => undefined);
  }

  /** On return everything that was noted before the call is on the disk, as far as that takes it. */
  async saved(): Promise<void> {
    await this.#state.idle();
  }
}
