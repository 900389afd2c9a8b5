// The last success, the last failure and the last route of each purpose, kept across restarts.
//
// There is one state file: {purposes: {<name>: {succeeded_at, failed, open, route, address}}}, with times in ms since the
// epoch. The times are only shown: the order of results does not depend on the clock. Secrets are masked before a
// failure is stored. If the file is lost, only this history is lost. A crash leaves the old file or the new one.

import { z } from 'zod';
import type { Purpose } from '#config/purposes.ts';
import { type Failure, failureSchema } from '#control/answers.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { SavedState } from '#system/saved-state.ts';

const FORMAT = 1;

const storedSchema = z.strictObject({
  succeeded_at: momentSchema.nullable(),
  failed: z.strictObject({ at: momentSchema, failure: failureSchema }).nullable(),
  /** Whether the last result is the failure. Files of older versions lack it. */
  open: z.boolean().optional(),
  /** Identifies the route that uploads took last (`routeIdentity`); null before the first one. */
  route: z.string().nullable().default(null),
  /** The address of this host in the last connection that answered. */
  address: z.string().nullable().default(null),
});
const outcomeSchema = storedSchema.transform(({ open, ...stored }) => {
  const { succeeded_at: succeeded, failed } = stored;
  return { ...stored, open: failed !== null && (open ?? failed.at > (succeeded ?? 0)) };
});
const fileSchema = z.strictObject({ purposes: z.record(z.string(), outcomeSchema) });

/** The last success and the last failure, in either order. */
export type PurposeOutcome = Readonly<z.infer<typeof outcomeSchema>>;

const NOTHING: PurposeOutcome = { succeeded_at: null, failed: null, open: false, route: null, address: null };

/** The only store of these outcomes. */
export class Outcomes {
  readonly #state: SavedState<z.infer<typeof fileSchema>>;
  #purposes = new Map<string, PurposeOutcome>();
  /** Purposes without a result since their route changed. */
  readonly #outdated = new Set<Purpose>();

  constructor(files: Files, path: string) {
    this.#state = new SavedState(files, path, { format: FORMAT, parse: (raw) => fileSchema.parse(raw) });
  }

  /** Loads the stored outcomes; an unreadable file is set aside, and the returned error names it. */
  async load(): Promise<CodedError | null> {
    const loaded = await this.#state.load();
    if (loaded.kind === 'loaded') this.#purposes = new Map(Object.entries(loaded.value.purposes));
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  of(purpose: Purpose): PurposeOutcome {
    return this.#purposes.get(purpose) ?? NOTHING;
  }

  /** Whether the last result says nothing any more, because the route has changed since. A restart forgets this. */
  isOutdated(purpose: Purpose): boolean {
    return this.#outdated.has(purpose);
  }

  /** The route of this purpose has changed. */
  outdate(purpose: Purpose): void {
    this.#outdated.add(purpose);
  }

  /** Records the result of finished work. Effective at once; written to disk if the disk accepts it. */
  async note(purpose: Purpose, { at, failure }: { at: number; failure: Failure | null }): Promise<void> {
    const before = this.of(purpose);
    const now = failure === null ? { succeeded_at: at, open: false } : { failed: { at, failure }, open: true };
    this.#outdated.delete(purpose);
    await this.#set(purpose, { ...before, ...now });
  }

  /** Records the route that uploads of this purpose take now. */
  async noteRoute(purpose: Purpose, route: string): Promise<void> {
    await this.#set(purpose, { ...this.of(purpose), route });
  }

  /** Records the address of this host in a connection that answered. */
  async noteAddress(purpose: Purpose, address: string | null): Promise<void> {
    const before = this.of(purpose);
    if (address !== null && before.address !== address) await this.#set(purpose, { ...before, address });
  }

  async #set(purpose: Purpose, outcome: PurposeOutcome): Promise<void> {
    this.#purposes.set(purpose, outcome);
    // The work itself has reported a full disk.
    await this.#state.save(() => ({ purposes: Object.fromEntries(this.#purposes) })).catch(() => undefined);
  }

  /** On return, every outcome noted before the call is on disk, unless the disk refused it. */
  async saved(): Promise<void> {
    await this.#state.idle();
  }
}
