// Stores each entered password in a file of its own: `secrets/NAME` next to the configuration file, which then contains
// `{file: secrets/NAME}`. The secret file has mode 0640, and the owner and group of the configuration file.
//
// Guarantees: until owner, group and mode are set, only the creating user can read the file. A new secret never
// replaces an existing file. A file in use is always complete. A crash leaves at most a file that no setting refers to.

import { basename, dirname, join } from 'node:path';
import { type KeyPath, keyName } from '#config/problem.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Clock } from '#system/clock.ts';
import { createDurably, removeDurably, replaceDurably } from '#system/durable.ts';
import type { Files, Ownership } from '#system/files.ts';
import { partAt } from './edit.ts';
import { isSection, type Plain } from './edit-render.ts';

/** The folder, next to the configuration file. */
const FOLDER = 'secrets';
const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;
/** More files for one profile are a sign of a mistake. */
const MAX_SAME_NAMES = 100;

export interface SecretPlace {
  /** Path of the configuration file, with symbolic links resolved. */
  readonly config: string;
  readonly files: Files;
  readonly clock: Pick<Clock, 'now'>;
}

/** Writes a secret to a new file named after the profile. Returns the reference for the configuration. */
export async function createSecret(place: SecretPlace, name: string, value: Secret): Promise<string> {
  const { config, files } = place;
  const to = await ownershipOf(place);
  const folder = join(dirname(config), FOLDER);
  if ((await files.facts(folder)) === null) {
    await files.makeDirectory(folder, FOLDER_MODE);
    await files.give(folder, { ...to, mode: FOLDER_MODE });
  }
  const bytes = Buffer.from(`${value.reveal()}\n`);
  for (let number = 1; ; number += 1) {
    const file = number === 1 ? name : `${name}.${number}`;
    try {
      await createDurably(files, join(folder, file), { bytes, to });
      return `${FOLDER}/${file}`;
    } catch (thrown) {
      if (!isTaken(thrown) || number === MAX_SAME_NAMES) throw thrown;
    }
  }
}

/** Replaces the value in a file that the configuration already refers to. */
export async function replaceSecret(place: SecretPlace, reference: string, value: Secret): Promise<void> {
  const { config, files, clock } = place;
  const path = join(dirname(config), reference);
  const bytes = Buffer.from(`${value.reveal()}\n`);
  await replaceDurably(files, path, {
    bytes,
    to: await ownershipOf(place),
    lastCheck: async () => undefined,
    now: clock.now(),
  });
}

/** Removes the file of a reference. */
export async function removeSecret({ config, files }: SecretPlace, reference: string): Promise<boolean> {
  return await removeDurably(files, join(dirname(config), reference));
}

/**
 * The name of the file for a secret: that of its profile for the password of a proxy, otherwise that of its key. Null if
 * the profile has no name.
 */
export function secretNameAt(path: KeyPath, root: Plain): string | null {
  const [section, index, key] = path;
  if (section !== 'proxies' || typeof index !== 'number' || key !== 'password')
    return keyName(path).replaceAll(/[^\w.-]+/g, '-');
  const profile = partAt(root, [section, index]);
  const name = isSection(profile) ? profile['name'] : undefined;
  return typeof name === 'string' ? name : null;
}

/** Whether a reference has the form of a file that this module creates for the profile of this name. */
export function isOwnSecret(reference: string, name: string): boolean {
  if (dirname(reference) !== FOLDER) return false;
  const file = basename(reference);
  return file === name || (file.startsWith(`${name}.`) && /^\d+$/.test(file.slice(name.length + 1)));
}

async function ownershipOf({ config, files }: SecretPlace): Promise<Ownership> {
  const { owner = 0, group = 0 } = (await files.facts(config)) ?? {};
  return { owner, group, mode: FILE_MODE };
}

function isTaken(thrown: unknown): boolean {
  if (!(thrown instanceof CodedError)) return false;
  return thrown.facts['errno'] === 'EEXIST' || thrown.code === 'FILE-SYMLINK' || thrown.code === 'FILE-SPECIAL';
}
