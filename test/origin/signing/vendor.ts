// A vendor on a disk in memory: keys that are cheap to open, and a repository that is made, changed and renewed with them.

import { topRole } from '#origin/signing/documents.ts';
import { type Draft, emptyDraft, progressOf } from '#origin/signing/draft.ts';
import { type KnownKey, listSigningKeys, makeKey } from '#origin/signing/key-folder.ts';
import type { RootChange } from '#origin/signing/next-documents.ts';
import { nextTargets } from '#origin/signing/next-documents.ts';
import { prepareRoot } from '#origin/signing/prepare.ts';
import { type PublishResult, publishDraft } from '#origin/signing/publish.ts';
import { type Repository, readRepository } from '#origin/signing/repository.ts';
import { signDraft } from '#origin/signing/sign-draft.ts';
import { SigningKeys } from '#origin/signing/signing-keys.ts';
import { writeTarget } from '#origin/signing/target-files.ts';
import { systemClock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { SystemCommands } from '#system/process/command.ts';

export const PASSPHRASE = 'correct horse battery';
export const NOW_MS = Date.parse('2026-11-30T12:00:00Z');
export const DAY_MS = 86_400_000;
export const FOLDER = '/repository';
/** The least that scrypt takes. */
const SCRYPT_WORK = 1;

/** The keys of each role when a repository is made. */
export const FIRST_KEYS = {
  root: ['ada', 'bob', 'eve'],
  targets: ['release'],
  snapshot: ['online'],
  timestamp: ['online'],
};

export class Vendor {
  readonly files: Files;
  #signer: SigningKeys | null = null;

  /** With the signer of another vendor, whose keys are open already, it signs without opening any. */
  constructor(files: Files, signer: SigningKeys | null = null) {
    this.files = files;
    this.#signer = signer;
  }

  /** A vendor with the keys of FIRST_KEYS. */
  static async start(files: Files, extra: readonly string[] = []): Promise<Vendor> {
    const vendor = new Vendor(files);
    for (const name of new Set([...Object.values(FIRST_KEYS).flat(), ...extra])) await vendor.makeKey(name);
    return vendor;
  }

  async makeKey(name: string, dir = '/keys'): Promise<KnownKey> {
    return await makeKey({ files: this.files, dir }, name, { passphrase: PASSPHRASE, scryptWork: SCRYPT_WORK });
  }

  /** The keys of a folder; those of `/keys` are opened once. */
  async signer(dir = '/keys', signal = new AbortController().signal): Promise<SigningKeys> {
    const open = () =>
      SigningKeys.open(
        { files: this.files, dir },
        {
          files: this.files,
          commands: new SystemCommands(systemClock),
          environment: {},
          signal,
          onLine: () => undefined,
          passphrases: { known: [PASSPHRASE], ask: null },
        },
      );
    if (dir !== '/keys') return await open();
    this.#signer ??= await open();
    return this.#signer;
  }

  /** Forgets the opened keys, because the folder changed. */
  again(): void {
    this.#signer = null;
  }

  async keys(names: readonly string[]): Promise<readonly KnownKey[]> {
    const known = await listSigningKeys({ files: this.files, dir: '/keys' });
    return names.map((name) => known.find((key) => key.name === name) ?? raise(name));
  }

  async read(): Promise<Repository> {
    return (await readRepository(this.folder)) ?? raise('repository');
  }

  get folder() {
    return { files: this.files, dir: FOLDER };
  }

  async rootDraft(keys: Partial<Record<keyof RootChange['keys'], readonly string[]>>, over: Partial<RootChange> = {}) {
    const change: Record<string, readonly KnownKey[]> = {};
    for (const [role, names] of Object.entries(keys)) change[role] = await this.keys(names);
    const repository = await readRepository(this.folder);
    return prepareRoot(repository, { keys: change, thresholds: {}, lifetimes: {}, ...over }, NOW_MS).draft;
  }

  /** Signs with every key and publishes. */
  async publish(draft: Draft, nowMs = NOW_MS): Promise<PublishResult> {
    const signer = await this.signer();
    const signed = (await signDraft(draft, signer)).draft;
    const next = progressOf(signed).find(({ role }) => role === 'root')?.isComplete === true ? signed.root : null;
    return await publishDraft(signed, await readRepository(this.folder, next), { folder: this.folder, signer, nowMs });
  }

  /** The first root with empty targets. */
  async found(): Promise<void> {
    await this.publish(await this.rootDraft(FIRST_KEYS));
  }

  /** Publishes these targets. */
  async release(contents: Readonly<Record<string, string>>, nowMs = NOW_MS): Promise<PublishResult> {
    const repository = await this.read();
    const targets: Record<string, Awaited<ReturnType<typeof writeTarget>>> = {};
    for (const [path, content] of Object.entries(contents)) {
      targets[path] = await writeTarget(this.folder, path, Buffer.from(content));
    }
    const { rule } = topRole(repository.root.signed, 'targets');
    const next = nextTargets(repository.targets.signed, { targets }, { rule, nowMs });
    return await this.publish({ ...emptyDraft(repository), targets: next }, nowMs);
  }
}

function raise(what: string): never {
  throw new Error(`there is no ${what}`);
}
