// Runs the commands that prepare, sign and publish drafts, and that show the status of a signed repository. Loaded by
// `signing-actions.ts`.

import { resolve } from 'node:path';
import type {
  BuildArguments,
  DelegateArguments,
  RotateArguments,
  SignArguments,
  StatusOfFeedArguments,
} from '#cli/program/program-feed.ts';
import { printJson } from '#cli/terminal/json.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { type Draft, isComplete, mergeDrafts, progressOf, readDraft, renderDraft } from '#origin/signing/draft.ts';
import { type KeyFolder, listSigningKeys, namedKeys } from '#origin/signing/key-folder.ts';
import { existing, prepareRoot, prepareTeam, removeTeam } from '#origin/signing/prepare.ts';
import { type PublishResult, publishDraft } from '#origin/signing/publish.ts';
import { renew } from '#origin/signing/renew.ts';
import { type Repository, type RepositoryFolder, readRepository } from '#origin/signing/repository.ts';
import { stateOf } from '#origin/signing/repository-status.ts';
import { canAdd, describeDraft, signDraft } from '#origin/signing/sign-draft.ts';
import { buildSigned } from '#origin/signing/signed-build.ts';
import type { SigningKeys } from '#origin/signing/signing-keys.ts';
import { systemClock } from '#system/clock.ts';
import { createDurably, readWhole, removeDurably, writeDurably } from '#system/durable.ts';
import { acquireLock } from '#system/lock.ts';
import { realFiles } from '#system/real-files.ts';
import { confirm, openSigner, type SigningHost } from './signing-host.ts';
import { printPublished, progressLines, statusJson, statusLines } from './signing-text.ts';

/** A release or a draft waits for other people, or a role has to be renewed. */
const EXIT_NOT_DONE = 1;
const MAX_DRAFT_BYTES = 16 * 1024 * 1024;
const DRAFT_MODE = 0o644;

/** `feed rotate` */
export async function rotateCommand({ terminal }: SigningHost, options: RotateArguments): Promise<number> {
  const keyFolder = { files: realFiles, dir: resolve(options.keys) };
  const { root, targets, snapshot, timestamp, threshold: thresholds = {}, lifetime: lifetimes = {} } = options;
  const keys: Record<string, Awaited<ReturnType<typeof namedKeys>>> = {};
  for (const [role, names] of Object.entries({ root, targets, snapshot, timestamp })) {
    if (names !== undefined) keys[role] = await namedKeys(keyFolder, names);
  }
  const repository = await readRepository(folderOf(options.tuf));
  const { draft, warnings } = prepareRoot(repository, { keys, thresholds, lifetimes }, systemClock.now());
  await writeNewDraft(options.draft, draft);
  const names = await namesOf(keyFolder);
  for (const line of describeDraft(draft, (id) => names.get(id) ?? id)) terminal.out(line);
  for (const warning of warnings) terminal.err(`warning: ${warning}`);
  terminal.out(`Written to ${options.draft}. Sign it with: sallyport feed sign ${options.draft}`);
  return EXIT_OK;
}

/** `feed delegate` */
export async function delegateCommand(host: SigningHost, team: string, options: DelegateArguments): Promise<number> {
  if (!options.remove && options.with === undefined) throw new UsageError('Name the keys of the team: --with KEY.');
  const keys = await namedKeys({ files: realFiles, dir: resolve(options.keys) }, options.with ?? []);
  return await inRepository({ tuf: options.tuf }, async (folder, found) => {
    const repository = existing(found);
    const nowMs = systemClock.now();
    const { paths = [`${team}/*`], threshold } = options;
    const { draft } = options.remove
      ? removeTeam(repository, team, nowMs)
      : prepareTeam(repository, { team, paths, keys, threshold }, nowMs);
    const signer = await openSigner(host, options);
    const signed = (await signDraft(draft, signer)).draft;
    const published = isComplete(signed) ? await publishDraft(signed, repository, { folder, signer, nowMs }) : null;
    return await finish(host, { draft: signed, published, file: options.draft ?? 'targets.draft.json', signer });
  });
}

/** `feed build DIR --tuf DIR` */
export async function buildCommand(
  host: SigningHost,
  dir: string,
  options: BuildArguments & { readonly tuf: string },
): Promise<number> {
  const { terminal } = host;
  return await inRepository({ tuf: options.tuf }, async (folder) => {
    const { team = null, expiresDays } = options;
    const signer = await openSigner(host, options);
    const licenseKeys = await publicLicenseKeys(options);
    const made = await buildSigned({ dir, folder, team, expiresDays, licenseKeys, signer, clock: systemClock });
    for (const warning of made.built.warnings) terminal.err(warning);
    const { serial, items } = made.built.feed;
    terminal.out(`${made.built.path}: serial ${serial}, ${items.length} ${items.length === 1 ? 'update' : 'updates'}.`);
    return await finish(host, { ...made, file: options.draft ?? `${team ?? 'targets'}.draft.json`, signer });
  });
}

async function publicLicenseKeys({ licenseKeys, keys }: BuildArguments): Promise<readonly string[] | null> {
  if (licenseKeys === undefined) return null;
  const { licenseKeyOf } = await import('#origin/platform/licenses/license-signer.ts');
  return (await namedKeys({ files: realFiles, dir: resolve(keys) }, licenseKeys)).map(licenseKeyOf);
}

/** `feed sign DRAFT` */
export async function signCommand(host: SigningHost, file: string, options: SignArguments): Promise<number> {
  const { terminal } = host;
  const copies = await Promise.all((options.merge ?? []).map(readDraftFile));
  const merged = await mergeDrafts(await readDraftFile(file), copies);
  const signer = await openSigner(host, options);
  const nameOf = (id: string) => signer.nameOf(id);
  // An unknown key by its whole id: the first digits can be imitated.
  const idOrName = (id: string) => showForeign(signer.known.get(id)?.name ?? id);
  for (const line of describeDraft(merged, idOrName)) terminal.out(line);
  const adds = canAdd(merged, signer);
  if (adds) await confirm(host, options.yes);
  const { draft, added } = adds ? await signDraft(merged, signer) : { draft: merged, added: [] };
  await writeDurably(realFiles, resolve(file), renderDraft(draft), DRAFT_MODE);
  for (const { role, key } of added) terminal.out(`Signed ${showForeign(role)} with ${key}.`);
  for (const line of progressLines(progressOf(draft), nameOf)) terminal.out(line);
  if (options.tuf === undefined) {
    const next = isComplete(draft) ? `publish it with: sallyport feed sign ${file} --tuf DIR` : 'pass it on';
    terminal.out(`Written to ${file}; ${next}.`);
    return EXIT_OK;
  }
  if (!isComplete(draft)) return EXIT_NOT_DONE;
  return await inRepository({ tuf: options.tuf, draft }, async (folder, repository) => {
    const published = await publishDraft(draft, repository, { folder, signer, nowMs: systemClock.now() });
    printPublished(terminal, published);
    if (published.kind === 'keys-missing') return EXIT_NOT_DONE;
    // What it contains is in the repository now.
    await removeDurably(realFiles, resolve(file));
    return EXIT_OK;
  });
}

/** `feed sign` without a draft */
export async function renewCommand(host: SigningHost, options: SignArguments): Promise<number> {
  const { tuf } = options;
  if (tuf === undefined) throw new UsageError('Name a draft to sign, or the repository to renew: --tuf DIR.');
  return await inRepository({ tuf }, async (folder, repository) => {
    const signer = await openSigner(host, options);
    const renewed = await renew(existing(repository), { folder, signer, nowMs: systemClock.now() });
    printPublished(host.terminal, renewed);
    return renewed.kind === 'published' ? EXIT_OK : EXIT_NOT_DONE;
  });
}

/** `feed status` */
export async function feedStatusCommand(
  { terminal }: SigningHost,
  { tuf, keys, json }: StatusOfFeedArguments,
): Promise<number> {
  const folder = folderOf(tuf);
  const nowMs = systemClock.now();
  const state = await stateOf(existing(await readRepository(folder)), { folder, nowMs });
  const names = await namesOf({ files: realFiles, dir: resolve(keys) });
  if (json) printJson(terminal, statusJson(state, names));
  else for (const line of statusLines(state, { nowMs, names, screen: terminal.screen })) terminal.out(line);
  return state.isGood ? EXIT_OK : EXIT_NOT_DONE;
}

/** Prints the result. What could not be published is left as a draft. */
async function finish(
  { terminal }: SigningHost,
  made: {
    readonly draft: Draft;
    readonly published: PublishResult | null;
    readonly file: string;
    readonly signer: SigningKeys;
  },
): Promise<number> {
  const { draft, published, file, signer } = made;
  if (published !== null) printPublished(terminal, published);
  if (published?.kind === 'published') return EXIT_OK;
  await writeNewDraft(file, draft);
  for (const line of progressLines(progressOf(draft), (id) => signer.nameOf(id))) terminal.out(line);
  terminal.out(`Not published. Sign ${file} where the missing keys are: sallyport feed sign ${file} --tuf DIR`);
  return EXIT_NOT_DONE;
}

/** Reads the repository and works on it, alone: a timer must not publish during a release. @throws CodedError LOCK-HELD */
async function inRepository(
  { tuf, draft = null }: { readonly tuf: string; readonly draft?: Draft | null },
  work: (folder: RepositoryFolder, repository: Repository | null) => Promise<number>,
): Promise<number> {
  const folder = folderOf(tuf);
  await realFiles.makeDirectory(folder.dir, 0o755);
  const lock = await acquireLock(resolve(tuf, '.lock'), { files: realFiles, clock: systemClock, mode: 'command' });
  try {
    return await work(folder, await readRepository(folder, draft?.root ?? null));
  } finally {
    lock.release();
  }
}

function folderOf(tuf: string): RepositoryFolder {
  return { files: realFiles, dir: resolve(tuf) };
}

async function namesOf(folder: KeyFolder): Promise<ReadonlyMap<string, string>> {
  return new Map((await listSigningKeys(folder)).map(({ keyId, name }) => [keyId, name]));
}

async function readDraftFile(file: string): Promise<Draft> {
  return readDraft(await readWhole(realFiles, resolve(file), MAX_DRAFT_BYTES));
}

/** An earlier draft may have signatures, so it is not replaced. */
async function writeNewDraft(file: string, draft: Draft): Promise<void> {
  const path = resolve(file);
  if ((await realFiles.facts(path)) !== null) {
    throw new UsageError(`${file} exists already: publish it or delete it, or choose another name with --draft.`);
  }
  const to = { owner: realFiles.self, group: process.getgid?.() ?? 0, mode: DRAFT_MODE };
  await createDurably(realFiles, path, { bytes: renderDraft(draft), to });
}
