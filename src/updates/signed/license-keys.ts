// The keys that sign licenses, which the vendor publishes in a signed target (`activation.license_keys_target`).
//
// Guarantees: keys come only from a target that is signed for the trusted root. They are stored, so that they are known
// after a restart without a connection. Stored keys from another path, or from a root that was replaced, are not used.
// If the target cannot be read, the last keys stay in use. They are removed only if signed metadata no longer lists the
// target. A crash leaves the old keys or the new ones.

import { dirname } from 'node:path';
import { z } from 'zod';
import { validateLicenseKey } from '#config/schema/activation.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { removeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { loadState, saveState } from '#system/state-file.ts';
import type { SignedTarget, TufRepository } from '#trust/tuf/types.ts';

const FORMAT = 1;
const DAY_MS = 86_400_000;
/** Enough for several products, each with a key in use and its successor. */
const MAX_KEYS = 16;
/** A list of 16 keys has about 1.5 KB. */
const MAX_DOCUMENT_BYTES = 65_536;

const key = z.string().refine((text) => validateLicenseKey(text) === null);
const keys = z.array(key).max(MAX_KEYS);
/** The content of the target. Unknown fields are ignored, so that later versions can add some. */
const documentSchema = z.object({ format: z.literal(1), keys });
const storedSchema = z.strictObject({
  target: z.string(),
  /** The digests of the target; null if the signed metadata did not list it. */
  digests: z.string().nullable(),
  keys,
  read_at: momentSchema,
});
type Stored = z.infer<typeof storedSchema>;

/** Where the keys of a target are read. */
export interface LicenseKeysQuestion {
  /** `activation.license_keys_target`. */
  readonly path: string;
  /** After a successful refresh. */
  readonly repository: Pick<TufRepository, 'find' | 'download'>;
  readonly nowMs: number;
  readonly report: Report;
  readonly signal: AbortSignal;
}

export class LicenseKeys {
  readonly #files: Files;
  readonly #path: string;
  #stored: Stored | null = null;
  #failure: CodedError | null = null;
  #changed: () => void = () => undefined;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Returns why the file was set aside. @throws CodedError STATE-UNREADABLE */
  async load(): Promise<CodedError | null> {
    const parse = (raw: unknown) => storedSchema.parse(raw);
    const loaded = await loadState(this.#files, this.#path, { format: FORMAT, parse });
    if (loaded.kind === 'loaded') this.#stored = loaded.value;
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** The keys of this target, as they were read last; none before the first reading. */
  keysOf(target: string | undefined): readonly string[] {
    return this.#of(target)?.keys ?? [];
  }

  /** When this target was read last, in ms since the epoch; null if it never was. */
  readAtMs(target: string | undefined): number | null {
    return this.#of(target)?.read_at ?? null;
  }

  /** Whether the last reading of this target is more than a day ago. */
  isDue(target: string, nowMs: number): boolean {
    const age = nowMs - (this.#of(target)?.read_at ?? 0);
    return age >= DAY_MS || age < 0;
  }

  /** Why the last reading failed; null if it succeeded, or there was none since the start. */
  get failure(): CodedError | null {
    return this.#failure;
  }

  /** `changed` is called when other keys are accepted. */
  watch(changed: () => void): void {
    this.#changed = changed;
  }

  /** Reads the target. A failure is reported once and returned: it must not end a round. Rejects only if aborted. */
  async read(question: LicenseKeysQuestion): Promise<CodedError | null> {
    const { path, signal, report } = question;
    try {
      const isListed = await this.#readTarget(question);
      return this.#note(isListed ? null : unread(path, 'the vendor lists no such target', NO_KEYS), report);
    } catch (thrown) {
      signal.throwIfAborted();
      return this.#note(asUnread(path, thrown), report);
    }
  }

  /** The metadata themselves could not be refreshed. */
  refreshFailed(path: string, thrown: unknown, report: Report): CodedError {
    const failure = asUnread(path, thrown);
    this.#note(failure, report);
    return failure;
  }

  /** The trusted root was replaced or forgotten. @throws CodedError FILE-* */
  async forget(): Promise<void> {
    await removeDurably(this.#files, this.#path);
    this.#stored = null;
    this.#failure = null;
    this.#changed();
  }

  /** Whether the metadata list the target. */
  async #readTarget({ path, repository, nowMs, report, signal }: LicenseKeysQuestion): Promise<boolean> {
    const target = await repository.find(path, signal);
    const digests = target === null ? null : digestsOf(target);
    const before = this.#of(path);
    const isSame = before !== null && before.digests === digests;
    const accepted = isSame ? before.keys : await readDocument(target, { repository, signal });
    await this.#save({ target: path, digests, keys: [...accepted], read_at: nowMs });
    if (before !== null && isSameList(before.keys, accepted)) return target !== null;
    if (before !== null || accepted.length > 0)
      report({ name: 'license-keys-changed', path, count: accepted.length, before: before?.keys.length ?? 0 });
    this.#changed();
    return target !== null;
  }

  async #save(next: Stored): Promise<void> {
    await this.#files.makeDirectory(dirname(this.#path), 0o700);
    await saveState(this.#files, this.#path, { format: FORMAT, value: next });
    this.#stored = next;
  }

  #of(target: string | undefined): Stored | null {
    return this.#stored?.target === target ? this.#stored : null;
  }

  #note(failure: CodedError | null, report: Report): CodedError | null {
    const isNew = failure !== null && failure.message !== this.#failure?.message;
    this.#failure = failure;
    if (isNew) report({ name: 'license-keys-unread', error: failure });
    return failure;
  }
}

const KEPT = 'the keys that were read last stay in use';
const NO_KEYS = 'no key of it is accepted';

function unread(path: string, reason: string, consequence: string): CodedError {
  return coded('LICENSE-KEYS', { path, reason, consequence });
}

function asUnread(path: string, thrown: unknown): CodedError {
  const error = asCoded(thrown);
  if (error.code === 'LICENSE-KEYS') return error;
  const facts = { path, reason: error, consequence: KEPT, cause: error, hop: error.place };
  return coded('LICENSE-KEYS', facts, thrown).during(error.trace);
}

/** @throws CodedError LICENSE-KEYS if it is not a list of keys, and codes of the client */
async function readDocument(
  target: SignedTarget | null,
  { repository, signal }: Pick<LicenseKeysQuestion, 'repository' | 'signal'>,
): Promise<readonly string[]> {
  if (target === null) return [];
  const { path, role, length } = target;
  if (length > MAX_DOCUMENT_BYTES)
    throw coded('TUF-LIMIT', { file: path, role, clause: '5.7.3', limit: MAX_DOCUMENT_BYTES });
  const text = Buffer.from(await repository.download(target, signal)).toString('utf8');
  const { success, data } = documentSchema.safeParse(parsed(text));
  if (success) return data.keys;
  throw unread(path, `it is not a list of format 1 with at most ${MAX_KEYS} public keys`, KEPT);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function digestsOf({ hashes }: SignedTarget): string {
  return [...hashes].map(([algorithm, digest]) => `${algorithm}:${digest}`).join(' ');
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((one) => right.includes(one));
}
