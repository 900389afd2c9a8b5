// Changes the configuration together with its secrets. Readers of the file see the change as one step.
//
// Guarantees: the rename of the configuration file commits the change. Before the rename, the new content is checked as
// completely as at a start, and a new secret is written to a file of its own. The old secret file stays until the
// caller calls `tidy`, because the active settings may still read it. After a crash, the old or the new settings are in
// place with their secrets. At most one secret file that no setting refers to is left.

import { type KeyPath, keyName } from '#config/problem.ts';
import { readDocument } from '#config/reading/document.ts';
import type { LoadedSettings, LoadResult, RefusedSettings } from '#config/reading/load.ts';
import { kindOf } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { mapLeaves } from '#config/tree.ts';
import { coded } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { type Edit, spliceEdits } from './edit.ts';
import { editConfigFile, forbidden, readConfigText } from './edit-file.ts';
import { isSection, type Plain } from './edit-render.ts';
import { requireNewNames } from './renamed-keys.ts';
import {
  createSecret,
  isOwnSecret,
  removeSecret,
  replaceSecret,
  type SecretPlace,
  secretNameAt,
} from './secret-file.ts';

/** A change to make. */
export interface Change {
  readonly edits: readonly Edit[];
  /** A secret that was entered, and the name of its file (`secretNameAt`). `path` is its key after the edits. */
  readonly secret?: { readonly name: string; readonly path: KeyPath; readonly value: Secret } | undefined;
}

export interface EditContext {
  readonly files: Files;
  readonly clock: Pick<Clock, 'now'>;
  /** Loads the settings as a start would: from the file, or from this text. */
  load(text?: string): Promise<LoadResult>;
}

/** The result of a change. */
export type Changed =
  | {
      readonly ok: true;
      /** False if the file already had these values. */
      readonly changed: boolean;
      readonly loaded: LoadedSettings;
      /** Wall time, in ms, from which a reader gets the new content. */
      readonly writtenAtMs: number;
      /** The file of the new secret, as the configuration refers to it; null if the change has no secret. */
      readonly stored: string | null;
      /** Secret files that the new content no longer refers to. */
      readonly orphans: readonly string[];
      /** Removes them, and returns those that it removed. Call it once nothing uses the previous settings. */
      tidy(): Promise<string[]>;
    }
  | { readonly ok: false; readonly refused: RefusedSettings };

/**
 * The text that the change would produce, for a trial before the change is made. It contains an entered secret inline;
 * `typed` are the keys of such secrets. Writes nothing.
 * @throws CodedError CONFIG-CHANGED, CONFIG-EDIT, CONFIG-RENAMED, CONFIG-UNREADABLE
 */
export async function candidateOf(
  loaded: LoadedSettings,
  { edits, secret }: Change,
  files: Files,
): Promise<{ readonly text: string; readonly typed: string[] }> {
  const before = await readConfigText(files, loaded.file);
  if (before.digest !== loaded.digest) throw coded('CONFIG-CHANGED', { file: loaded.file });
  requireNewNames(before.text, edits);
  if (secret === undefined) return { text: spliceEdits(before.text, edits), typed: [] };
  const inline: Edit = { kind: 'set', path: secret.path, value: secret.value.reveal() };
  return { text: spliceEdits(before.text, [...edits, inline]), typed: [keyName(secret.path)] };
}

/** Makes the change. @throws CodedError CONFIG-RENAMED and those of `editConfigFile`; then nothing is changed */
export async function applyChange(loaded: LoadedSettings, change: Change, context: EditContext): Promise<Changed> {
  const { files, clock } = context;
  const before = await readConfigText(files, loaded.file);
  if (before.digest !== loaded.digest) throw coded('CONFIG-CHANGED', { file: loaded.file });
  requireNewNames(before.text, change.edits);
  const place: SecretPlace = { config: before.path, files, clock };
  const kept = secretFilesIn(before.text);
  const { edits, reference, isNew } = await storeSecret(place, change, before.text).catch((thrown: unknown) => {
    throw forbidden(thrown, loaded.file);
  });
  const contentCheck = new ContentCheck(context);
  try {
    const edited = await editConfigFile({
      file: loaded.file,
      edits,
      expectDigest: loaded.digest,
      files,
      clock,
      check: (text) => contentCheck.check(text),
    });
    const orphans = orphansOf(kept, contentCheck.text);
    const changed = edited.changed || reference !== null;
    const outcome = { changed, loaded: contentCheck.loaded, writtenAtMs: clock.now(), stored: reference };
    return { ok: true, ...outcome, orphans, tidy: () => removeAll(place, orphans) };
  } catch (thrown) {
    if (isNew && reference !== null) await removeSecret(place, reference).catch(() => undefined);
    if (contentCheck.refused !== null && thrown === contentCheck.refused.error)
      return { ok: false, refused: contentCheck.refused };
    throw thrown;
  }
}

/** Checks the new content, and keeps the result. */
class ContentCheck {
  readonly #context: EditContext;
  text = '';
  refused: RefusedSettings | null = null;
  #loaded: LoadedSettings | null = null;

  constructor(context: EditContext) {
    this.#context = context;
  }

  async check(text: string): Promise<void> {
    const result = await this.#context.load(text);
    this.text = text;
    if (result.ok) {
      this.#loaded = result;
      return;
    }
    this.refused = result;
    throw result.error;
  }

  get loaded(): LoadedSettings {
    if (this.#loaded === null) throw coded('INTERNAL', { reason: 'settings were written without a check' });
    return this.#loaded;
  }
}

interface Stored {
  readonly edits: readonly Edit[];
  readonly reference: string | null;
  readonly isNew: boolean;
}

/**
 * A change of only the password overwrites the old secret file. A password that comes with other settings gets a new
 * file, so that the old settings never use the new password, and the new settings never use the old one.
 */
async function storeSecret(place: SecretPlace, { edits, secret }: Change, text: string): Promise<Stored> {
  if (secret === undefined) return { edits, reference: null, isNew: false };
  const key = keyName(secret.path);
  const old = edits.length === 0 ? secretFilesIn(text).find((one) => one.key === key) : undefined;
  const isOnlyHere = old !== undefined && namesOf(text, old.reference) === 1;
  if (isOnlyHere && isOwnSecret(old.reference, secret.name)) {
    await replaceSecret(place, old.reference, secret.value);
    return { edits, reference: old.reference, isNew: false };
  }
  const reference = await createSecret(place, secret.name, secret.value);
  return {
    edits: [...edits, { kind: 'set', path: secret.path, value: { file: reference } }],
    reference,
    isNew: true,
  };
}

/** Secret files of this module that are no longer used. Files that an admin named differently are not included. */
function orphansOf(before: readonly StoredSecret[], after: string): string[] {
  const orphans = before.filter(
    ({ name, reference }) => isOwnSecret(reference, name) && namesOf(after, reference) === 0,
  );
  return orphans.map(({ reference }) => reference);
}

/** How often a configuration names a file, for any use. */
function namesOf(text: string, reference: string): number {
  const count = (value: unknown): number => {
    if (value === reference) return 1;
    if (typeof value !== 'object' || value === null) return 0;
    return Object.values(value).reduce((sum: number, part) => sum + count(part), 0);
  };
  return count(readDocument(text).value);
}

async function removeAll(place: SecretPlace, orphans: readonly string[]): Promise<string[]> {
  const removed: string[] = [];
  for (const reference of orphans) {
    // The change has been made, so a file that cannot be removed is not an error.
    if (await removeSecret(place, reference).catch(() => false)) removed.push(reference);
  }
  return removed;
}

/** A secret that is in a file. */
interface StoredSecret {
  readonly name: string;
  readonly key: string;
  readonly reference: string;
}

function secretFilesIn(text: string): StoredSecret[] {
  const root = (readDocument(text).value ?? null) as Plain;
  const found: StoredSecret[] = [];
  mapLeaves(settingsSchema, root, (leaf, schema, path) => {
    if (kindOf(schema) !== 'secret' || !isSection(leaf)) return leaf;
    const { file: reference } = leaf;
    const name = secretNameAt(path, root);
    if (typeof reference === 'string' && name !== null) found.push({ name, key: keyName(path), reference });
    return leaf;
  });
  return found;
}
