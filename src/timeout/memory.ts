// Stores the data from which response timeouts are calculated, so that they survive a restart. The data are what the
// model learned, what was last reported for each route, and the last attempt of each incomplete package.
//
// There is one state file with at most 256 of each. A file that is damaged, or that the model rejects, is set aside and
// reported. Without the file, every route is unknown and gets longer timeouts. A crash leaves the old file or the new
// one. In `src/timeout`, only this file and `timeout-session.ts` have effects; the model is pure.

import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema, spanSchema } from '#system/moment-schema.ts';
import { NewestMap, NewestSet } from '#system/newest.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { SharedTurns } from '#system/turns.ts';
import { ResponseTimeoutModel } from './model.ts';

const FORMAT = 1;
const MAX_NOTES = 256;
/** Maximum number of names of samples from an old log. Applying the same log again teaches nothing. */
const MAX_SEEDS = 1_000;

const changeSchema = z.strictObject({
  at: momentSchema,
  size: z.number(),
  from_ms: spanSchema,
  to_ms: spanSchema,
  before: z.string(),
  after: z.string(),
});
const routeSchema = z.strictObject({
  proxy: z.string(),
  origin: z.string(),
  /** The last plan that was reported for this route: its size, its wait for the first byte, and why. */
  told: z.strictObject({ size: z.number(), ms: spanSchema, why: z.string() }),
  /** The last change by more than half. */
  changed: changeSchema.nullable(),
});
const attemptSchema = z.strictObject({
  id: z.string(),
  plan: z.strictObject({
    size: z.number(),
    firstByteMs: spanSchema,
    silenceMs: spanSchema,
    totalMs: spanSchema,
    expectedMs: spanSchema.nullable(),
    explanation: z.string(),
  }),
  timedOut: z.enum(['first_byte', 'silence', 'total']).nullable(),
});
const fileSchema = z.strictObject({
  learned: z.unknown(),
  routes: z.array(routeSchema).max(MAX_NOTES),
  attempts: z.array(attemptSchema).max(MAX_NOTES),
  seeds: z.array(z.string()).max(MAX_SEEDS),
});

export type RouteNote = Readonly<z.infer<typeof routeSchema>>;
type AttemptNote = Readonly<Omit<z.infer<typeof attemptSchema>, 'id'>>;

/** The only store of what response timeouts rest on. */
export class TimeoutMemory {
  readonly #saves = new SharedTurns();
  readonly #files: Files;
  readonly #path: string;
  #learned: unknown = null;
  readonly #routes = new NewestMap<string, RouteNote>(MAX_NOTES);
  readonly #attempts = new NewestMap<string, AttemptNote>(MAX_NOTES);
  readonly #seeds = new NewestSet<string>(MAX_SEEDS);

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Loads the saved state. Returns what was wrong with it, or null. */
  async load(): Promise<CodedError | null> {
    const parse = (raw: unknown) => {
      const read = fileSchema.parse(raw);
      if (!isTaken(read.learned)) throw new Error('what was learned is not whole');
      return read;
    };
    const loaded = await loadState(this.#files, this.#path, { format: FORMAT, parse });
    if (loaded.kind !== 'loaded') return loaded.kind === 'set-aside' ? loaded.error : null;
    const { learned, routes, attempts, seeds } = loaded.value;
    this.#learned = learned;
    for (const route of routes) this.#routes.set(keyOf(route), route);
    for (const { id, ...attempt } of attempts) this.#attempts.set(id, attempt);
    for (const seed of seeds) this.#seeds.add(seed);
    return null;
  }

  /** The saved state of the model, or null. */
  get learned(): unknown {
    return this.#learned;
  }

  route(route: { readonly proxy: string; readonly origin: string }): RouteNote | null {
    return this.#routes.get(keyOf(route)) ?? null;
  }

  setRoute(note: RouteNote): void {
    this.#routes.set(keyOf(note), note);
  }

  /** The previous attempt of a package that is not complete yet. */
  attempt(id: string): AttemptNote | null {
    return this.#attempts.get(id) ?? null;
  }

  setAttempt(id: string, note: AttemptNote | null): void {
    if (note === null) this.#attempts.delete(id);
    else this.#attempts.set(id, note);
  }

  /** Whether this sample of an old log is new. The call records it, so the next call returns false. */
  isNewSeed(name: string): boolean {
    if (this.#seeds.has(name)) return false;
    this.#seeds.add(name);
    return true;
  }

  /** Saves the store and what the model has learned; durable on return. Calls during a save share the next one. */
  async save(learned: unknown): Promise<void> {
    this.#learned = learned;
    await this.#saves.run(() => this.#write());
  }

  async #write(): Promise<void> {
    const value = {
      learned: this.#learned,
      routes: [...this.#routes.values()],
      attempts: [...this.#attempts].map(([id, attempt]) => ({ id, ...attempt })),
      seeds: [...this.#seeds],
    };
    await saveState(this.#files, this.#path, { format: FORMAT, value });
  }
}

function keyOf({ proxy, origin }: { readonly proxy: string; readonly origin: string }): string {
  return JSON.stringify([proxy, origin]);
}

/** Whether the model accepts the whole of a saved state: it then saves the same state again. */
function isTaken(learned: unknown): boolean {
  return learned === null || isDeepStrictEqual(new ResponseTimeoutModel({}, learned).save(), learned);
}
