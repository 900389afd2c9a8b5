// Signs the feed of the demo: keys, a root and a first release, as docs/signing.md describes them for a vendor.
//
// The keys are new at each start. Their passphrase is random and is not stored, so nothing can be signed with them after
// the demo.

import { randomBytes } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeKey } from '#origin/signing/key-folder.ts';
import { METADATA_FOLDER } from '#origin/signing/layout.ts';
import { prepareRoot } from '#origin/signing/prepare.ts';
import { publishDraft } from '#origin/signing/publish.ts';
import { signDraft } from '#origin/signing/sign-draft.ts';
import { buildSigned } from '#origin/signing/signed-build.ts';
import { SigningKeys } from '#origin/signing/signing-keys.ts';
import { systemClock } from '#system/clock.ts';
import { SystemCommands } from '#system/process/command.ts';
import { realFiles } from '#system/real-files.ts';

/** log2 of the work of scrypt: a random passphrase cannot be guessed anyway. */
const SCRYPT_WORK = 1;
const FEED_DAYS = 30;

/**
 * Makes the keys and the repository in the folder of the packages, and copies its root to where the agent reads it.
 * Returns a function that publishes what the folder has then.
 */
export async function signFeed(
  dir: string,
  { keysDir, rootFile }: { keysDir: string; rootFile: string },
): Promise<() => Promise<void>> {
  const passphrase = randomBytes(32).toString('base64');
  const keyFolder = { files: realFiles, dir: keysDir };
  const make = async (name: string) => await makeKey(keyFolder, name, { passphrase, scryptWork: SCRYPT_WORK });
  const root = [await make('root-1'), await make('root-2'), await make('root-3')];
  const [release, online] = [await make('release'), await make('online')];
  const keys = { root, targets: [release], snapshot: [online], timestamp: [online] };
  const signer = await SigningKeys.open(keyFolder, {
    files: realFiles,
    commands: new SystemCommands(systemClock),
    environment: {},
    signal: new AbortController().signal,
    onLine: () => undefined,
    passphrases: { known: [passphrase], ask: null },
  });
  const folder = { files: realFiles, dir };
  const nowMs = systemClock.now();
  const { draft } = prepareRoot(null, { keys, thresholds: {}, lifetimes: {} }, nowMs);
  await publishDraft((await signDraft(draft, signer)).draft, null, { folder, signer, nowMs });
  const publish = async () => {
    await buildSigned({ dir, folder, team: null, expiresDays: FEED_DAYS, signer, clock: systemClock });
  };
  await publish();
  await copyFile(join(dir, METADATA_FOLDER, '1.root.json'), rootFile);
  return publish;
}
