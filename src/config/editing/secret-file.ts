// Passwords that were typed: each in a file of its own in `secrets/` beside the configuration file, 0640, owner and group
// those of that file, which then says `{file: secrets/NAME}`.
//
// Guarantees: nobody but the owner can read the bytes before they belong to whom they are for; no file that something
// else is kept in is replaced. A crash leaves a file that nothing refers to, never half of one under a name in use.

import { basename, dirname, join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Clock } from '#system/clock.ts';
import { createDurably, removeDurably, replaceDurably } from '#system/durable.ts';
import type { Files, Ownership } from '#system/files.ts';

/** The folder, beside the configuration file. */
const FOLDER = 'secrets';
const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;
/** More files of one name are somebody's mistake. */
const MAX_SAME_NAMES = 100;

export interface SecretPlace {
  /** The configuration file, as it really is. */
  readonly config: string;
  readonly files: Files;
  readonly clock: Pick<Clock, 'now'>;
}

/** Puts a secret into a new file named after the profile; returns how the configuration refers to it. */
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

/** Puts another value into a file that the configuration refers to already. */
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

/** Removes a file that such a reference leads to. */
export async function removeSecret({ config, files }: SecretPlace, reference: string): Promise<boolean> {
  return await removeDurably(files, join(dirname(config), reference));
}

/** Whether a reference leads to a file that was made here for the profile of this name. */
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
