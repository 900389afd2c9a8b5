// Advice from the platform: lines that are shown to the admin and never run. The newest 20 are kept.

import { join } from 'node:path';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { SavedState } from '#system/saved-state.ts';

const FILE = 'platform-advice.json';
const FORMAT = 1;
const MAX_KEPT = 20;

const adviceSchema = z.object({ id: z.string(), at: momentSchema, from: z.string(), text: z.string() });
/** A piece of advice; `at` is when it arrived, in ms since the epoch. */
export type StoredAdvice = Readonly<z.infer<typeof adviceSchema>>;
const fileSchema = z.object({ advice: z.array(adviceSchema) });

/** The advice of one state folder. */
export class AdviceStore {
  readonly #state: SavedState<z.infer<typeof fileSchema>>;
  #advice: readonly StoredAdvice[] = [];

  private constructor(files: Files, stateDir: string) {
    const reader = { format: FORMAT, parse: (raw: unknown) => fileSchema.parse(raw) };
    this.#state = new SavedState(files, join(stateDir, FILE), reader);
  }

  /** The error says what was wrong with a file that was set aside. @throws CodedError STATE-UNREADABLE */
  static async open(files: Files, stateDir: string): Promise<{ store: AdviceStore; error: CodedError | null }> {
    const store = new AdviceStore(files, stateDir);
    const loaded = await store.#state.load();
    if (loaded.kind === 'loaded') store.#advice = loaded.value.advice;
    return { store, error: loaded.kind === 'set-aside' ? loaded.error : null };
  }

  /** Newest first. */
  get all(): readonly StoredAdvice[] {
    return this.#advice.toReversed();
  }

  /** Durable on return; the same id is kept once. @throws CodedError DISK-FULL, FILE-* */
  async put(advice: StoredAdvice): Promise<void> {
    if (this.#advice.some(({ id }) => id === advice.id)) return;
    const kept = [...this.#advice, advice].slice(-MAX_KEPT);
    await this.#state.save(() => ({ advice: kept }));
    this.#advice = kept;
  }
}
