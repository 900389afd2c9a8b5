// Upgrades the configuration file on the disk to the format of this version.
//
// Guarantees: the file is written like every other edit (`edit-file.ts`: digest, owner, mode, one rename). It is
// written only if a start would accept the new content, and if its settings are exactly those of the old content.

import { changesBetween } from '#config/following/changes.ts';
import type { LoadedSettings, LoadResult } from '#config/reading/load.ts';
import { coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { editConfigFile, readConfigText } from './edit-file.ts';
import { upgradeText } from './upgrade.ts';

export interface UpgradeContext {
  readonly files: Files;
  readonly clock: Pick<Clock, 'now'>;
  /** Loads this text as a start would load the file. */
  load(text: string): Promise<LoadResult>;
}

/** The text of the file before and after the upgrade. */
export interface UpgradedFile {
  readonly before: string;
  readonly after: string;
}

/** Checks the upgrade without writing it. @throws CodedError CONFIG-CHANGED, CONFIG-EDIT, CONFIG-UNREADABLE */
export async function planUpgrade(loaded: LoadedSettings, context: UpgradeContext): Promise<UpgradedFile> {
  const { file, digest } = loaded;
  const before = await readConfigText(context.files, file);
  if (before.digest !== digest) throw coded('CONFIG-CHANGED', { file });
  const after = upgradeText(before.text);
  if (after !== before.text) await refuseOtherMeaning(loaded, await context.load(after));
  return { before: before.text, after };
}

/** Upgrades the file. @throws CodedError those of `editConfigFile`; then nothing is changed */
export async function upgradeConfigFile(loaded: LoadedSettings, context: UpgradeContext): Promise<UpgradedFile> {
  const planned = await planUpgrade(loaded, context);
  const { files, clock } = context;
  const edits = () => planned.after;
  await editConfigFile({ file: loaded.file, edits, expectDigest: loaded.digest, files, clock });
  return planned;
}

function refuseOtherMeaning(loaded: LoadedSettings, result: LoadResult): Promise<void> {
  if (!result.ok) return Promise.reject(result.error);
  const [changed] = changesBetween(loaded.settings, result.settings);
  if (changed === undefined) return Promise.resolve();
  const reason = 'the upgraded file would have a different value here';
  return Promise.reject(
    coded('CONFIG-EDIT', { key: changed.key, line: loaded.lineOf(changed.key)?.line ?? 1, reason }),
  );
}
