// Stores what the probes of each proxy have shown (`witness.ts`). Without it, a restart would have to find out again
// whether a proxy answers probes, and would probe proxies at which a probe breaks transfers.
//
// There is one state file with at most 256 proxies; the least recently changed is dropped first. A week after its last
// change, a record no longer says that the proxy answers probes, because another product may now have its address.
// Without the file, every proxy is unknown. A crash leaves the old file or the new one.

import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema, spanSchema } from '#system/moment-schema.ts';
import { NewestMap } from '#system/newest.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';
import { PROBES, UNKNOWN_PROXY, type WitnessRecord } from './witness-types.ts';

const FORMAT = 1;
const MAX_PROXIES = 256;
const PROVEN_FOR_MS = 7 * 86_400_000;

const proxySchema = z.strictObject({
  proxy: z.string(),
  /** Wall time of the last change, ms since the epoch. */
  at: momentSchema,
  proven: z.enum(PROBES).nullable(),
  harmful: z.boolean(),
  worst_ms: spanSchema,
  disproved: z.number().min(0).max(4),
  // Absent in files of version 0.2.0 and older.
  unanswered: z.number().int().min(0).max(9).default(0),
});
const fileSchema = z.strictObject({ proxies: z.array(proxySchema).max(MAX_PROXIES) });

/** The only store of these facts. */
export class WitnessMemory {
  readonly #files: Files;
  readonly #path: string;
  readonly #proxies = new NewestMap<string, z.infer<typeof proxySchema>>(MAX_PROXIES);
  readonly #saves = new Turns();

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Loads the saved state. Returns what was wrong with it, or null. */
  async load(): Promise<CodedError | null> {
    const parse = (raw: unknown) => fileSchema.parse(raw);
    const loaded = await loadState(this.#files, this.#path, { format: FORMAT, parse });
    if (loaded.kind === 'loaded') for (const one of loaded.value.proxies) this.#proxies.set(one.proxy, one);
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** What is known of a proxy at this wall time. */
  record(proxy: string, nowMs: number): WitnessRecord {
    const known = this.#proxies.get(proxy);
    if (known === undefined) return UNKNOWN_PROXY;
    const { at, proven, harmful, worst_ms: worstMs, disproved, unanswered } = known;
    return { proven: Math.abs(nowMs - at) > PROVEN_FOR_MS ? null : proven, harmful, worstMs, disproved, unanswered };
  }

  /** Keeps what a proxy has shown; durable on return. Saves run one after the other. */
  async keep(proxy: string, record: WitnessRecord, nowMs: number): Promise<void> {
    const { worstMs, ...same } = record;
    this.#proxies.set(proxy, { ...same, proxy, at: nowMs, worst_ms: Math.round(worstMs) });
    const value = { proxies: [...this.#proxies.values()] };
    await this.#saves.run(() => saveState(this.#files, this.#path, { format: FORMAT, value }));
  }
}
