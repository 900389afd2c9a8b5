// `feed build DIR --tuf DIR`: makes the feed, and signs it and its packages as targets.
//
// Guarantees: packages and feed are in the repository, under their digests, before a document names them. If the keys
// on this machine are not sufficient, nothing is published. The caller then gets a draft, which other machines sign.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuiltFeed, buildFeed } from '#origin/feed-builder.ts';
import { FEED_NAME, type FeedItem } from '#origin/feed-format.ts';
import type { Clock } from '#system/clock.ts';
import { type RoleKeys, type TargetFacts, type TargetsDocument, teamRole, topRole } from './documents.ts';
import { type Draft, draftError, emptyDraft, isComplete } from './draft.ts';
import { nextTargets } from './next-documents.ts';
import { existing } from './prepare.ts';
import { type PublishResult, publishDraft } from './publish.ts';
import { isDue } from './renew.ts';
import { type Repository, type RepositoryFolder, readRepository } from './repository.ts';
import { signDraft } from './sign-draft.ts';
import type { SigningKeys } from './signing-keys.ts';
import { copyTarget, writeTarget } from './target-files.ts';

const LICENSE_KEYS_NAME = 'license-keys.json';

export interface SignedBuildOptions {
  /** The folder with the packages. */
  readonly dir: string;
  readonly folder: RepositoryFolder;
  /** The delegated role that signs; null for targets. Its targets are below `TEAM/`. */
  readonly team: string | null;
  readonly expiresDays: number;
  /** The public keys of licenses, as base64 of their DER; null keeps those that are published. */
  readonly licenseKeys?: readonly string[] | null;
  readonly signer: SigningKeys;
  readonly clock: Clock;
}

/** The result. `published` is null if the draft needs more signatures. */
export interface SignedBuild {
  readonly built: BuiltFeed;
  readonly published: PublishResult | null;
  readonly draft: Draft;
}

/** @throws CodedError FEED-*, ID-*, REQUIRES-*, SIGNING-*, FILE-*, DISK-FULL */
export async function buildSigned(options: SignedBuildOptions): Promise<SignedBuild> {
  const { dir, folder, team, expiresDays, signer, clock } = options;
  const { files } = folder;
  const repository = existing(await readRepository(folder));
  const by = ruleOf(repository, team);
  const built = await buildFeed(dir, { expiresDays, clock, files });
  const targets = await copyTargets(built, options, publishedBy(repository, team));
  const nowMs = clock.now();
  const draft = draftOf(repository, { team, targets, by, nowMs });
  const signed = draft === null ? emptyDraft(repository) : (await signDraft(draft, signer)).draft;
  if (!isComplete(signed)) {
    return { built, published: null, draft: signed };
  }
  const published = await publishDraft(signed, repository, { folder, signer, nowMs });
  return { built, published, draft: signed };
}

function ruleOf({ root, targets }: Repository, team: string | null): RoleKeys {
  const by = team === null ? topRole(root.signed, 'targets') : teamRole(targets.signed, team);
  if (by === null) throw draftError(`nothing is delegated to ${team}; see feed delegate`);
  return by;
}

/** Copies what the feed offers. A withdrawn package is no longer a target, so that no agent downloads it any more. */
async function copyTargets(
  { feed, path }: BuiltFeed,
  { dir, folder, team, licenseKeys = null }: SignedBuildOptions,
  published: TargetsDocument | null,
): Promise<Readonly<Record<string, TargetFacts>>> {
  const prefix = team === null ? '' : `${team}/`;
  const targets: Record<string, TargetFacts> = {};
  const offered = feed.items.filter(({ withdrawn }) => withdrawn !== true);
  for (const { file, length, sha256 } of offered satisfies readonly FeedItem[]) {
    const facts = { length, hashes: { sha256 } };
    await copyTarget(folder, { from: join(dir, file), path: prefix + file, facts });
    targets[prefix + file] = facts;
  }
  targets[prefix + FEED_NAME] = await writeTarget(folder, prefix + FEED_NAME, await readFile(path));
  const keysPath = prefix + LICENSE_KEYS_NAME;
  const kept = published?.targets[keysPath];
  if (licenseKeys !== null) targets[keysPath] = await writeTarget(folder, keysPath, licenseKeysText(licenseKeys));
  else if (kept !== undefined) targets[keysPath] = kept;
  return Object.fromEntries(Object.entries(targets).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** The target that `activation.license_keys_target` of an agent names (docs/protocol-activation.md). */
function licenseKeysText(keys: readonly string[]): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: 1, keys }, null, 2)}\n`);
}

function publishedBy({ targets, teams }: Repository, team: string | null): TargetsDocument | null {
  return (team === null ? targets : (teams.get(team) ?? null))?.signed ?? null;
}

/** The next targets of the role; null if the published ones are right and not due. */
function draftOf(
  repository: Repository,
  made: {
    readonly team: string | null;
    readonly targets: Readonly<Record<string, TargetFacts>>;
    readonly by: RoleKeys;
    readonly nowMs: number;
  },
): Draft | null {
  const { team, targets, by, nowMs } = made;
  const published = team === null ? repository.targets : (repository.teams.get(team) ?? null);
  const previous = published?.signed ?? null;
  if (published !== null && isSame(published.signed, targets) && !isDue(published, by, { kind: 'targets', nowMs })) {
    return null;
  }
  // A team that was removed and comes back continues its old versions, which agents still know.
  const known = team === null ? undefined : repository.snapshot.signed.meta[`${team}.json`]?.version;
  const version = (previous?.version ?? known ?? 0) + 1;
  const next = nextTargets(previous, { targets }, { rule: by.rule, nowMs, version });
  const draft = emptyDraft(repository);
  return team === null ? { ...draft, targets: next } : { ...draft, teams: new Map([[team, next]]) };
}

function isSame(previous: TargetsDocument, targets: Readonly<Record<string, TargetFacts>>): boolean {
  const textOf = (record: Readonly<Record<string, TargetFacts>>) =>
    JSON.stringify(
      Object.entries(record)
        .map(([path, { length, hashes }]) => [path, length, hashes.sha256])
        .toSorted(([left], [right]) => (String(left) < String(right) ? -1 : 1)),
    );
  return textOf(previous.targets) === textOf(targets);
}
