// The store of published packages: `<id>.jar`, `<id>.json` (sidecar) and, without an endpoint for receipts,
// `<id>.receipt.json`.
//
// Guarantees: a name ending in .jar is a verified package that was put there by one rename. Unverified bytes are in
// `.staging` (0700, same file system). A removal deletes the JAR first and the sidecar last, so after a crash the
// sidecar shows what is left to delete. A file with a wrong digest is moved to `damaged/`, a withdrawn one to
// `withdrawn/`.

import { join } from 'node:path';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { NO_SECRETS, type Redactor } from '#redaction/redact.ts';
import { digestFile } from '#system/digest.ts';
import { type Content, errorOf, failureOf, publishFile, removeDurably, writeTogether } from '#system/durable.ts';
import { type FileFacts, type FileIdentity, type Files, isSameFile, type OpenFile } from '#system/files.ts';
import { requireId, validateId } from '#system/id.ts';
import { NewestMap } from '#system/newest.ts';
import { hasCheckoutOwnership, ownFolder, requireOwnFolder } from '#system/own-folder.ts';
import { readSidecar, type Sidecar, sidecarContent, writeSidecar } from '#updates/sidecar.ts';

const JAR = '.jar';
const SIDECAR = '.json';
const RECEIPT = '.receipt.json';

/** More sidecars than this are read each time: they would take more than 1 MB of memory. */
const MAX_SIDECARS = 1_000;

/** A published package. */
export interface Published {
  readonly id: string;
  readonly path: string;
  readonly sidecar: Sidecar;
}

/** A verified file to publish. */
export interface StagedPackage {
  readonly id: string;
  readonly path: string;
  readonly file: FileIdentity;
}

/** A package with its final name, and its file, which is held open. */
interface Renamed {
  readonly id: string;
  readonly from: string;
  readonly file: OpenFile;
}

/** The result of examining one published package. */
export type PackageCondition =
  | { readonly kind: 'intact' }
  | { readonly kind: 'missing'; readonly error: CodedError }
  | { readonly kind: 'damaged'; readonly error: CodedError };

/** The folder of published packages and the staging folder in it. */
export class PackageStore {
  readonly #files: Files;
  readonly dir: string;
  readonly stagingDir: string;
  readonly #redactor: Redactor;
  readonly #checkout: string | null;
  /** Sidecars that were read: a round looks at all of them several times. */
  readonly #sidecars = new NewestMap<string, { readonly facts: FileFacts; readonly sidecar: Sidecar }>(MAX_SIDECARS);

  /** Sidecars are readable by all users. With a redactor, no secret that a server sent back gets into one. */
  constructor(
    files: Files,
    dir: string,
    {
      redactor = NO_SECRETS,
      checkout = null,
    }: { readonly redactor?: Redactor; readonly checkout?: string | null } = {},
  ) {
    this.#files = files;
    this.#redactor = redactor;
    this.#checkout = checkout;
    this.dir = dir;
    this.stagingDir = join(dir, '.staging');
  }

  /**
   * Creates missing folders; packages are readable by all users, staging only by us.
   * @throws CodedError FOLDER-UNSAFE, FILE-*
   */
  async prepare(): Promise<void> {
    await this.#files.makeDirectory(this.dir, 0o755);
    await this.#files.makeDirectory(this.stagingDir, 0o700);
    await this.requireSafe();
  }

  /**
   * Checks that no other user could put anything into the existing folders.
   * @throws CodedError FOLDER-UNSAFE, FILE-SYMLINK
   */
  async requireSafe(): Promise<void> {
    // `packages/` is part of a checkout, and belongs to the user who made that.
    const isCloned = this.#checkout !== null && (await hasCheckoutOwnership(this.#files, this.dir, this.#checkout));
    if (!isCloned) await requireOwnFolder(this.#files, this.dir, { what: 'updates.packages_dir' });
    const staging = await this.#files.facts(this.stagingDir);
    if (staging?.kind === 'symbolic link') throw coded('FILE-SYMLINK', { path: this.stagingDir });
    await requireOwnFolder(this.#files, this.stagingDir, { what: 'unfinished downloads', isPrivate: true });
  }

  /** @throws CodedError ID-INVALID, as for every path that is made from an id */
  jarPath(id: string): string {
    return join(this.dir, requireId(id) + JAR);
  }

  receiptPath(id: string): string {
    return join(this.dir, requireId(id) + RECEIPT);
  }

  /** Every package with a sidecar of ours, sorted by id, whether or not its JAR still exists. */
  async list(): Promise<Published[]> {
    const found: Published[] = [];
    for (const entry of await this.#files.list(this.dir)) {
      const published = entry.endsWith(SIDECAR) ? await this.find(entry.slice(0, -SIDECAR.length)) : null;
      if (published !== null) found.push(published);
    }
    return found;
  }

  /** Null also for an invalid id; no file is opened then. */
  async find(id: string): Promise<Published | null> {
    if (validateId(id) !== null) return null;
    const facts = await this.#files.facts(this.#sidecarPath(id));
    if (facts?.kind !== 'file') return null;
    const known = this.#sidecars.get(id);
    if (known !== undefined && isUnchanged(known.facts, facts))
      return { id, path: this.jarPath(id), sidecar: known.sidecar };
    const read = await readSidecar(this.#files, this.#sidecarPath(id));
    if (read.kind !== 'ours' || read.sidecar.item.id !== id) return null;
    this.#sidecars.set(id, { facts, sidecar: read.sidecar });
    return { id, path: this.jarPath(id), sidecar: read.sidecar };
  }

  /** Packages whose sidecar a newer Sallyport wrote: published, and not to be changed by this version. */
  async listNewer(): Promise<{ id: string; sha256: string | null; error: CodedError }[]> {
    const found: { id: string; sha256: string | null; error: CodedError }[] = [];
    for (const entry of await this.#files.list(this.dir)) {
      const id = entry.endsWith(SIDECAR) ? entry.slice(0, -SIDECAR.length) : '';
      if (validateId(id) !== null) continue;
      const read = await readSidecar(this.#files, this.#sidecarPath(id));
      if (read.kind === 'newer') found.push({ id, sha256: read.sha256, error: read.error });
    }
    return found;
  }

  /**
   * The commit: one rename gives each verified file its final name, and the syncs of the folders are shared. Each file is
   * held open during its rename, to check that the name refers to it before and after. Any other file loses the name again.
   * Returns the failure of each one, or null: FILE-SWAPPED, FILE-*
   */
  async publish(all: readonly StagedPackage[]): Promise<(Error | null)[]> {
    const unsafe = await failureOf(() => this.requireSafe());
    if (unsafe !== null) return all.map(() => unsafe);
    const renamed = await Promise.all(all.map((staged) => this.#rename(staged)));
    try {
      const held = renamed.filter((one) => !(one instanceof Error));
      const unsynced = held.length === 0 ? null : await failureOf(() => this.#syncNames());
      return await Promise.all(
        renamed.map(async (one) =>
          one instanceof Error ? one : (unsynced ?? (await failureOf(() => this.#requireSame(one)))),
        ),
      );
    } finally {
      for (const one of renamed) if (!(one instanceof Error)) await one.file.close();
    }
  }

  async #rename({ id, path, file }: StagedPackage): Promise<Renamed | Error> {
    let held: OpenFile | null = null;
    try {
      const target = this.jarPath(id);
      held = await this.#files.openToWrite(path);
      if (!isSameFile(held.facts(), file)) throw coded('FILE-SWAPPED', { path });
      await this.#files.rename(path, target);
      return { id, from: path, file: held };
    } catch (thrown) {
      await held?.close();
      return errorOf(thrown);
    }
  }

  /** The new names are synced first: if only they are durable, the files have both names instead of none. */
  async #syncNames(): Promise<void> {
    await this.#files.syncDirectory(this.dir);
    await this.#files.syncDirectory(this.stagingDir);
  }

  async #requireSame({ id, from, file }: Renamed): Promise<void> {
    const target = this.jarPath(id);
    if (isSameFile(file.facts(), await this.#files.facts(target))) return;
    await removeDurably(this.#files, target);
    throw coded('FILE-SWAPPED', { path: from });
  }

  /** Writes the sidecars of JARs that have their final names. Returns the failure of each one, or null. */
  async describe(sidecars: readonly Omit<Sidecar, 'format' | 'file'>[]): Promise<(Error | null)[]> {
    const contents = await Promise.all(sidecars.map((sidecar) => this.#describe(sidecar)));
    const written = await writeTogether(
      this.#files,
      contents.filter((content): content is Content => !(content instanceof Error)),
    );
    return contents.map((content) => (content instanceof Error ? content : (written.shift() ?? null)));
  }

  async #describe(sidecar: Omit<Sidecar, 'format' | 'file'>): Promise<Content | Error> {
    const { item, url, via } = sidecar;
    const facts = await this.#files.facts(this.jarPath(item.id)).catch(errorOf);
    if (facts instanceof Error) return facts;
    if (facts === null) return coded('PACKAGE-MISSING', { path: this.jarPath(item.id) });
    const redact = (text: string) => this.#redactor.redact(text);
    const redacted = {
      item: item.notes === undefined ? item : { ...item, notes: redact(item.notes) },
      url: redact(url),
      via: via === null ? null : redact(via),
    };
    const look = fileLook(facts);
    return sidecarContent(this.#sidecarPath(item.id), { format: 1, ...sidecar, ...redacted, file: look });
  }

  /** Compares size, time and inode. A file is read and hashed only if one of them differs, or with `thorough`. */
  async examine(published: Published, thorough: boolean, signal: AbortSignal): Promise<PackageCondition> {
    const { path, sidecar } = published;
    const facts = await this.#files.facts(path);
    if (facts === null) return { kind: 'missing', error: coded('PACKAGE-MISSING', { path }) };
    const look = fileLook(facts);
    const same = look.modified_ms === sidecar.file.modified_ms && look.inode === sidecar.file.inode;
    if (facts.kind === 'file' && facts.size === sidecar.item.length && same && !thorough) return { kind: 'intact' };
    const found = facts.kind === 'file' ? await this.#digest(path, signal) : facts.kind;
    if (found === sidecar.item.sha256) {
      if (!same) await writeSidecar(this.#files, this.#sidecarPath(published.id), { ...sidecar, file: look });
      return { kind: 'intact' };
    }
    const aside = join(this.dir, 'damaged', requireId(published.id) + JAR);
    return {
      kind: 'damaged',
      error: coded('PACKAGE-DAMAGED', { path, found, expected: sidecar.item.sha256, aside }),
    };
  }

  /** Removes a package from the published ones: its JAR is moved to `damaged/` or `withdrawn/`. */
  async moveAside(id: string, where: 'damaged' | 'withdrawn'): Promise<string> {
    const folder = join(this.dir, where);
    await ownFolder(this.#files, folder, { mode: 0o755, what: `packages in ${where}/` });
    const target = join(folder, requireId(id) + JAR);
    if ((await this.#files.facts(this.jarPath(id))) !== null) {
      await publishFile(this.#files, this.jarPath(id), target);
    }
    return target;
  }

  /** Deletes the other files of a package whose JAR is gone or moved: the receipt copy, then the sidecar. */
  async forget(id: string): Promise<void> {
    await this.#files.remove(this.receiptPath(id));
    await removeDurably(this.#files, this.#sidecarPath(id));
  }

  /** Removes a package for good. */
  async remove(id: string): Promise<void> {
    await removeDurably(this.#files, this.jarPath(id));
    await this.forget(id);
  }

  #sidecarPath(id: string): string {
    return join(this.dir, requireId(id) + SIDECAR);
  }

  async #digest(path: string, signal: AbortSignal): Promise<string> {
    const file = await this.#files.openToRead(path);
    try {
      return await digestFile(file, signal);
    } finally {
      await file.close();
    }
  }
}

function fileLook(facts: FileFacts): Sidecar['file'] {
  return { modified_ms: facts.modifiedMs, inode: facts.inode };
}

/** Whether a file that is only ever replaced is still the same. */
function isUnchanged(before: FileFacts, now: FileFacts): boolean {
  return isSameFile(before, now) && before.size === now.size && before.modifiedMs === now.modifiedMs;
}
