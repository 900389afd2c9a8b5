// Stores what uploads learned about each path: the chunk size that works, and the method that is accepted.
//
// There is one small state file with at most MAX_PATHS paths; the least recently used is dropped first. A path consists
// of the proxy that was really used, and the server. If the file is lost or cannot be read, some requests fail until
// this is learned again. A crash leaves the old file or the new one.

import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { NewestMap } from '#system/newest.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';
import { type ChunkSize, FIRST_CHUNK_SIZE, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from './chunk-size.ts';

const FORMAT = 1;
const MAX_PATHS = 64;
/** PATCH is tried again after this time, because only tus resumes without doubt, and proxies change. */
const METHOD_KEPT_MS = 7 * 86_400_000;
/** For this long after a success, a page is not blamed on the method. */
const RECENT_MS = 86_400_000;

const METHODS = ['patch', 'override', 'put'] as const;

/** PATCH; POST with X-HTTP-Method-Override: PATCH; PUT of the whole file. */
export type UploadMethod = (typeof METHODS)[number];

const pathSchema = z.strictObject({
  /** The proxy really used, `http://proxy.example.com:3128`, or `direct`. */
  proxy: z.string(),
  origin: z.string(),
  chunk: z.strictObject({
    bytes: z.int().min(MIN_CHUNK_BYTES).max(MAX_CHUNK_BYTES),
    passed: z.int().nonnegative(),
    failedAt: z.int().positive().nullable(),
    failures: z.int().nonnegative(),
  }),
  method: z.enum(METHODS),
  /** When this method was chosen; null for PATCH, which needs no choice. */
  method_at: momentSchema.nullable(),
  /** When a chunk was last accepted by this method; null if none was. */
  passed_at: momentSchema.nullable(),
});
const fileSchema = z.strictObject({ paths: z.array(pathSchema).max(MAX_PATHS) });
const READER = { format: FORMAT, parse: (raw: unknown) => fileSchema.parse(raw) };

type Saved = z.infer<typeof pathSchema>;

/** A path: the proxy really used, and the origin. */
export interface UploadPath {
  readonly proxy: string;
  readonly origin: string;
}

/** What is known of one path. */
export interface PathRecord {
  readonly chunk: ChunkSize;
  readonly method: UploadMethod;
  /** A chunk was accepted by this method recently. */
  readonly passedRecently: boolean;
}

/** The only store of what uploads learned of paths. */
export class UploadPaths {
  readonly #files: Files;
  readonly #path: string;
  readonly #paths = new NewestMap<string, Saved>(MAX_PATHS);
  readonly #saves = new Turns();
  #isChanged = false;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Loads the saved state. A file that cannot be read is set aside and named in the returned failure. */
  async load(): Promise<CodedError | null> {
    const loaded = await loadState(this.#files, this.#path, READER);
    if (loaded.kind === 'loaded') for (const path of loaded.value.paths) this.#paths.set(keyOf(path), path);
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** What is known of a path. */
  get(path: UploadPath, nowMs: number): PathRecord {
    return toRecord(this.#paths.get(keyOf(path)), nowMs);
  }

  /** What is known of the path that was used last for this origin: the best guess before a connection is open. */
  latest(origin: string, nowMs: number): PathRecord {
    return toRecord(
      [...this.#paths.values()].findLast((path) => path.origin === origin),
      nowMs,
    );
  }

  /** Remembers the size of the next chunk on this path. */
  setChunk(path: UploadPath, chunk: ChunkSize): void {
    const before = this.#of(path);
    if (before.chunk.bytes !== chunk.bytes) this.#isChanged = true;
    this.#paths.set(keyOf(path), { ...before, chunk });
  }

  /** A chunk was accepted by this method, so uploads on this path begin with it from now on. */
  methodPassed(path: UploadPath, method: UploadMethod, nowMs: number): void {
    const before = this.#of(path);
    const isSame = before.method === method && nowMs - (before.passed_at ?? 0) < RECENT_MS / 2;
    if (!isSame) this.#isChanged = true;
    const chosen = before.method === method ? before.method_at : chosenAt(method, nowMs);
    this.#paths.set(keyOf(path), {
      ...before,
      method,
      method_at: chosen,
      passed_at: isSame ? before.passed_at : nowMs,
    });
  }

  /** Saves what changed; durable on return. @throws CodedError DISK-FULL, FILE-* */
  async save(): Promise<void> {
    await this.#saves.run(async () => {
      if (!this.#isChanged) return;
      this.#isChanged = false;
      try {
        await saveState(this.#files, this.#path, { format: FORMAT, value: { paths: [...this.#paths.values()] } });
      } catch (thrown) {
        this.#isChanged = true;
        throw thrown;
      }
    });
  }

  #of({ proxy, origin }: UploadPath): Saved {
    return (
      this.#paths.get(keyOf({ proxy, origin })) ?? {
        proxy,
        origin,
        chunk: FIRST_CHUNK_SIZE,
        method: 'patch',
        method_at: null,
        passed_at: null,
      }
    );
  }
}

function toRecord(saved: Saved | undefined, nowMs: number): PathRecord {
  if (saved === undefined) return { chunk: FIRST_CHUNK_SIZE, method: 'patch', passedRecently: false };
  const { chunk, method, method_at: chosen, passed_at: passed } = saved;
  // A choice in the future comes from a wrong clock, and is as good as an old one.
  if (chosen !== null && Math.abs(nowMs - chosen) > METHOD_KEPT_MS)
    return { chunk, method: 'patch', passedRecently: false };
  return { chunk, method, passedRecently: passed !== null && Math.abs(nowMs - passed) <= RECENT_MS };
}

function chosenAt(method: UploadMethod, nowMs: number): number | null {
  return method === 'patch' ? null : nowMs;
}

function keyOf({ proxy, origin }: UploadPath): string {
  return JSON.stringify([proxy, origin]);
}
