// A change of the configuration by a command, with the secrets that go with it, as one step for whoever reads the file.
//
// Guarantees: the rename of the configuration file is the commit. A new secret is in a file of its own before it, under a
// name that nothing refers to; an old one stays until the caller has it removed (`tidy`), because settings that are still in
// force may read it. The new content is judged as a whole, as at a start, before it is
// written. A crash leaves the old settings with their secrets or the new ones with theirs, and at most a file of a secret
// that nothing refers to.

import { type KeyPath, keyName } from '#config/problem.ts';
import { readDocument } from '#config/reading/document.ts';
import type { LoadedSettings, LoadResult, RefusedSettings } from '#config/reading/load.ts';
import { coded } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { type Edit, spliceEdits } from './edit.ts';
import { editConfigFile, forbidden, readConfigText } from './edit-file.ts';
import { isSection } from './edit-render.ts';
import { requireNewNames } from './renamed-keys.ts';
import { createSecret, isOwnSecret, removeSecret, replaceSecret, type SecretPlace } from './secret-file.ts';

/** What is to be done. */
export interface Change {
  readonly edits: readonly Edit[];
  /** A password that was typed, for the profile of this name; `path` is its key once the edits are made. */
  readonly secret?: { readonly name: string; readonly path: KeyPath; readonly value: Secret } | undefined;
}

export interface EditContext {
  readonly files: Files;
  readonly clock: Pick<Clock, 'now'>;
  /** Reads the settings as a start would; of this text instead of the file where one is given. */
  load(text?: string): Promise<LoadResult>;
}

/** What came of it. */
export type Changed =
  | {
      readonly ok: true;
      /** False where the file said all of it already. */
      readonly changed: boolean;
      readonly loaded: LoadedSettings;
      /** Wall time after which a reader finds what is new. */
      readonly writtenAtMs: number;
      /** The file that the secret was put into, as the configuration names it; null where there was none. */
      readonly stored: string | null;
      /** Files of secrets that the new content does not refer to any more. */
      readonly orphans: readonly string[];
      /** Removes them; tells which are gone. For when nobody works with the settings of before any more. */
      tidy(): Promise<string[]>;
    }
  | { readonly ok: false; readonly refused: RefusedSettings };

/**
 * The file as it would be, with a typed secret in it, for who tries it before it is made; and the keys of such secrets.
 * Nothing is written. @throws CodedError CONFIG-CHANGED, CONFIG-EDIT, CONFIG-RENAMED, CONFIG-UNREADABLE
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

/** Makes the change. @throws CodedError CONFIG-RENAMED, what `editConfigFile` throws; then nothing is changed */
export async function applyChange(loaded: LoadedSettings, change: Change, context: EditContext): Promise<Changed> {
  const { files, clock } = context;
  const before = await readConfigText(files, loaded.file);
  if (before.digest !== loaded.digest) throw coded('CONFIG-CHANGED', { file: loaded.file });
  requireNewNames(before.text, change.edits);
  const place: SecretPlace = { config: before.path, files, clock };
  const kept = keptIn(before.text);
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

/** Judges the new content, and keeps the verdict. */
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
 * A new password alone takes the place of the old one in its file. One that comes with other settings gets a file of its
 * own, so that the old settings never meet the new password, nor the new ones the old.
 */
async function storeSecret(place: SecretPlace, { edits, secret }: Change, text: string): Promise<Stored> {
  if (secret === undefined) return { edits, reference: null, isNew: false };
  const old = edits.length === 0 ? keptIn(text).find(({ name }) => name === secret.name) : undefined;
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

/** Files that were made here for a password that is gone; what an admin keeps under another name is left alone. */
function orphansOf(before: readonly Kept[], after: string): string[] {
  const orphans = before.filter(
    ({ name, reference }) => isOwnSecret(reference, name) && namesOf(after, reference) === 0,
  );
  return orphans.map(({ reference }) => reference);
}

/** How often a configuration names a file, for whatever it is used. */
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
    // The change is made; a file that cannot be removed is no reason to say that it is not.
    if (await removeSecret(place, reference).catch(() => false)) removed.push(reference);
  }
  return removed;
}

/** A profile whose password is in a file. */
interface Kept {
  readonly name: string;
  readonly reference: string;
}

function keptIn(text: string): Kept[] {
  const { value } = readDocument(text);
  const { proxies } = (isSection(value) ? value : {}) as { readonly proxies?: unknown };
  return (Array.isArray(proxies) ? (proxies as unknown[]) : []).flatMap((profile) => {
    if (!isSection(profile) || !isSection(profile['password'])) return [];
    const { name, password } = profile as { readonly name: unknown; readonly password: { readonly file?: unknown } };
    return typeof name === 'string' && typeof password.file === 'string' ? [{ name, reference: password.file }] : [];
  });
}
