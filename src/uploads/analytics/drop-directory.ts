// The drop directory: a program writes a file to `tmp/` and renames it to `new/`, and its documents are accepted there.
//
// Guarantees: a file is deleted only when its documents are durable. Only a regular file with one hard link is read.
// After a crash, a file is read again and its documents get the same ids, so that the collector recognizes them. A file
// with an invalid line is moved to `rejected/` with the reason. No single user can fill the spool or `rejected/`, or
// delay the files of others. On a full disk, all files wait. The service must own the directories, and they must have
// the sticky bit, so that no other user can delete a file there.

import { join } from 'node:path';
import { DROP_MARKER } from '#config/places.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Documents } from '#spool/segments/documents.ts';
import type { Clock } from '#system/clock.ts';
import type { FileFacts, Files, OpenFile } from '#system/files.ts';
import type { DocumentRules } from './documents.ts';
import { RejectedFiles } from './rejected-files.ts';
import { documentsOf, SubmissionRefused } from './submission.ts';
import type { UserShares } from './user-shares.ts';

const NEW = 'new';
const TMP = 'tmp';
const REJECTED = 'rejected';

/** Largest file. Larger amounts are handed in as several files, or by `sallyport submit`. */
export const MAX_DROP_FILE_BYTES = 256 * 1_048_576;
/** A file in `tmp/` that was not finished for this long is deleted. */
const STALE_MS = 86_400_000;
/** Files of one scan. The next one follows at once if there are more. */
const MAX_FILES = 1_000;
const CHUNK_BYTES = 65_536;
const MARKER_MODE = 0o640;

export interface DropPorts {
  readonly dir: string;
  readonly files: Files;
  readonly documents: Pick<Documents, 'append'>;
  readonly shares: UserShares;
  readonly clock: Clock;
  readonly report: ScopedReport;
  rules(): DocumentRules;
}

/** The result of one scan. */
export interface ScanResult {
  readonly files: number;
  readonly documents: number;
  /** Files that wait: the spool or the disk is full, or there are more than one scan takes. */
  readonly waiting: number;
}

interface DropFile {
  readonly name: string;
  readonly facts: FileFacts;
}

export class DropDirectory {
  readonly #ports: DropPorts;
  readonly #rejected: RejectedFiles;
  #isFullReported = false;
  /** Users whose files wait because of their share; each is reported once. */
  readonly #overShareReported = new Set<number>();

  constructor(ports: DropPorts) {
    this.#ports = ports;
    this.#rejected = new RejectedFiles(ports.files, join(ports.dir, REJECTED));
  }

  /**
   * Why the directory cannot be used; null if it can. It must belong to this user, have the sticky bit, and must not be
   * writable by everybody.
   */
  async check(): Promise<CodedError | null> {
    const { files, dir } = this.#ports;
    for (const path of [dir, ...[NEW, TMP, REJECTED].map((name) => join(dir, name))]) {
      const facts = await files.facts(path);
      const reason = wrongDirectory(facts, files.self);
      if (reason !== null) return coded('DROP-DIRECTORY', { path, reason });
    }
    return null;
  }

  /** Shows other users that files are read, also while no daemon runs. A full disk is tolerated. */
  async announce(): Promise<void> {
    const { files, dir } = this.#ports;
    const path = join(dir, DROP_MARKER);
    if ((await files.facts(path)) !== null) return;
    await files.create(path, MARKER_MODE).then((file) => file.close(), asCoded);
  }

  /** Takes in the files of `new/`, those of each user in turn. @throws the reason of the signal */
  async scan(signal: AbortSignal): Promise<ScanResult> {
    const listed = await this.#list();
    let [files, documents] = [0, 0];
    for (const [at, file] of listed.taken.entries()) {
      signal.throwIfAborted();
      const taken = await this.#take(file, signal);
      if (taken === 'full') return { files, documents, waiting: listed.taken.length - at + listed.more };
      if (taken === null) continue;
      files += 1;
      documents += taken;
    }
    if (files > 0) this.#ports.report({ name: 'documents-dropped', files, documents });
    return { files, documents, waiting: listed.more };
  }

  /** Deletes files in `tmp/` that were never finished. */
  async sweep(): Promise<void> {
    const { files, dir, clock } = this.#ports;
    for (const name of await files.list(join(dir, TMP))) {
      const path = join(dir, TMP, name);
      const facts = await files.facts(path);
      const isStale = facts !== null && facts.kind !== 'directory' && clock.now() - facts.modifiedMs > STALE_MS;
      if (isStale) await files.remove(path).catch(asCoded);
    }
  }

  async #list(): Promise<{ taken: DropFile[]; more: number }> {
    const { files, dir } = this.#ports;
    const names = (await files.list(join(dir, NEW))).filter((name) => !name.startsWith('.'));
    const found: DropFile[] = [];
    for (const name of names.slice(0, MAX_FILES * 10)) {
      const facts = await files.facts(join(dir, NEW, name));
      if (facts !== null) found.push({ name, facts });
    }
    return { taken: inTurns(found).slice(0, MAX_FILES), more: Math.max(0, names.length - MAX_FILES) };
  }

  /** The number of documents; null if the file is none of ours or was rejected; `full` if it has to wait. */
  async #take(file: DropFile, signal: AbortSignal): Promise<number | 'full' | null> {
    const { files, dir, report, shares } = this.#ports;
    const path = join(dir, NEW, file.name);
    const reason = wrongFile(file.facts);
    if (reason !== null) return await this.#reject(file, reason);
    const overShare = shares.refusal(file.facts.owner, file.facts.size);
    if (overShare !== null) return this.#overShare(file, overShare);
    try {
      const documents = await this.#append(file, path, signal);
      shares.count(file.facts.owner, file.facts.size);
      this.#isFullReported = false;
      this.#overShareReported.delete(file.facts.owner);
      await files.remove(path);
      return documents;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      if (thrown instanceof SubmissionRefused) return await this.#reject(file, thrown.coded(file.name));
      const error = asCoded(thrown);
      if (isFull(error)) return this.#full(error);
      report({ name: 'drop-failed', file: file.name, error });
      return null;
    }
  }

  async #append({ name, facts }: DropFile, path: string, signal: AbortSignal): Promise<number> {
    const { files, documents, rules } = this.#ports;
    const file = await files.openToRead(path);
    try {
      const opened = file.facts();
      const isSame = opened.device === facts.device && opened.inode === facts.inode && opened.links === 1;
      if (!isSame) throw coded('FILE-SWAPPED', { path });
      const identity = { key: identityOf(name, opened), atMs: opened.modifiedMs };
      const source = documentsOf(chunksOf(file, opened.size, signal), rules());
      return (await documents.append({ documents: source, identity })).documents;
    } finally {
      await file.close();
    }
  }

  #full(error: CodedError): 'full' {
    if (!this.#isFullReported) this.#ports.report({ name: 'drop-waits', error });
    this.#isFullReported = true;
    return 'full';
  }

  async #reject(file: DropFile, reason: string | CodedError): Promise<null> {
    const { dir, report } = this.#ports;
    const error =
      typeof reason === 'string' ? coded('DOCUMENTS-INVALID', { what: file.name, count: 1, reason }) : reason;
    try {
      const kept = await this.#rejected.keep(join(dir, NEW, file.name), file, error.safeText);
      report({ name: kept ? 'drop-rejected' : 'drop-discarded', file: file.name, user: file.facts.owner, error });
    } catch (thrown) {
      report({ name: 'drop-failed', file: file.name, error: asCoded(thrown) });
    }
    return null;
  }

  /** The files of this user wait; those of others do not. */
  #overShare({ facts }: DropFile, error: CodedError): null {
    if (!this.#overShareReported.has(facts.owner)) this.#ports.report({ name: 'drop-waits', error });
    this.#overShareReported.add(facts.owner);
    return null;
  }
}

/** The file is not the reason: it is accepted once there is space. */
function isFull({ code }: CodedError): boolean {
  return code === 'SPOOL-FULL' || code === 'DISK-FULL';
}

function wrongFile({ kind, links, size }: FileFacts): string | null {
  if (kind !== 'file') return `it is a ${kind}`;
  if (links !== 1) return `it has ${links} names (hard links)`;
  return size > MAX_DROP_FILE_BYTES ? `it has ${size} bytes; at most ${MAX_DROP_FILE_BYTES} are allowed` : null;
}

function wrongDirectory(facts: FileFacts | null, self: number): string | null {
  if (facts === null) return 'it does not exist';
  if (facts.kind !== 'directory') return `it is a ${facts.kind}`;
  if (facts.owner !== self) return `it belongs to the user with uid ${facts.owner}, not to that of the service`;
  if ((facts.mode & 0o002) !== 0) return 'every user can write to it';
  if ((facts.mode & 0o020) !== 0 && (facts.mode & 0o1000) === 0) return 'it has no sticky bit';
  return null;
}

/** The same file has the same identity after a restart; a changed one has another. */
function identityOf(name: string, { device, inode, size, modifiedMs }: FileFacts): string {
  return [device, inode, size, Math.floor(modifiedMs), name].join('\n');
}

/** The first file of each user, then the second, and so on. */
function inTurns(found: readonly DropFile[]): DropFile[] {
  const byUser = [...Map.groupBy(found, ({ facts }) => facts.owner).values()];
  const most = Math.max(0, ...byUser.map(({ length }) => length));
  return Array.from({ length: most }, (_none, at) => byUser.flatMap((files) => files[at] ?? [])).flat();
}

/** Reads up to the size that the file had when it was opened, through one buffer. */
async function* chunksOf(
  file: OpenFile,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; at < size; ) {
    signal.throwIfAborted();
    const got = file.read(buffer.subarray(0, Math.min(CHUNK_BYTES, size - at)), at);
    if (got === 0) return;
    at += got;
    yield buffer.subarray(0, got);
    await Promise.resolve();
  }
}
