// Reads the repository that was published last, and checks it as an agent would. The next version continues it.
//
// Guarantees: if the repository is damaged, unsigned or incomplete, no next version is made, so that no version number
// goes back. Expiry is not checked here. `timestamp.json` exists as soon as the first root does (`publish.ts`), so if
// it is missing, it was lost.

import { join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { readWhole } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import {
  type Envelope,
  hashOf,
  isSigned,
  type MetaFacts,
  type OnlineRole,
  type RoleKeys,
  type RootDocument,
  readEnvelope,
  type SnapshotDocument,
  type TargetsDocument,
  type TimestampDocument,
  type TufDocument,
  teamRole,
  topRole,
} from './documents.ts';
import { METADATA_FOLDER, TARGETS_FOLDER } from './layout.ts';

/** A repository that agents can read. */
export interface Repository {
  readonly root: Envelope<RootDocument>;
  readonly targets: Envelope<TargetsDocument>;
  readonly snapshot: Envelope<SnapshotDocument>;
  readonly timestamp: Envelope<TimestampDocument>;
  /** Delegated roles that are published, by name. */
  readonly teams: ReadonlyMap<string, Envelope<TargetsDocument>>;
}

/** A folder on a disk. */
export interface RepositoryFolder {
  readonly files: Files;
  readonly dir: string;
}

/** Larger files would not be read by agents either (the limits of tuf-js and go-tuf). */
export const MAX_METADATA_BYTES = 5_000_000;
const ROOT_FILE = /^(\d{1,15})\.root\.json$/;

export const metadataDir = (folder: RepositoryFolder): string => join(folder.dir, METADATA_FOLDER);
export const targetsDir = (folder: RepositoryFolder): string => join(folder.dir, TARGETS_FOLDER);

/**
 * The repository, or null if no root was ever published here. `next` is a complete root that is about to be published:
 * after a crash the other documents may be signed by its keys already.
 * @throws CodedError SIGNING-REPOSITORY, FILE-*
 */
export async function readRepository(
  folder: RepositoryFolder,
  next: Envelope<RootDocument> | null = null,
): Promise<Repository | null> {
  const reader = new Reader(folder);
  const root = await reader.readRoots();
  if (root === null) return null;
  const rules = (role: OnlineRole): readonly RoleKeys[] =>
    (next === null ? [root] : [root, next]).map(({ signed }) => topRole(signed, role));
  const timestamp = await reader.read<TimestampDocument>('timestamp.json', {
    kind: 'timestamp',
    by: rules('timestamp'),
  });
  const snapshot = await reader.read<SnapshotDocument>('snapshot.json', {
    kind: 'snapshot',
    by: rules('snapshot'),
    facts: timestamp.signed.meta['snapshot.json'],
  });
  const targets = await reader.read<TargetsDocument>('targets.json', {
    kind: 'targets',
    by: rules('targets'),
    facts: factsIn(snapshot, 'targets.json'),
  });
  const teams = new Map<string, Envelope<TargetsDocument>>();
  for (const { name } of targets.signed.delegations?.roles ?? []) {
    const facts = snapshot.signed.meta[`${name}.json`];
    const by = teamRole(targets.signed, name);
    if (facts === undefined || by === null) continue;
    teams.set(name, await reader.read<TargetsDocument>(`${name}.json`, { kind: 'targets', by: [by], facts }));
  }
  return { root, targets, snapshot, timestamp, teams };
}

function factsIn(snapshot: Envelope<SnapshotDocument>, name: string): MetaFacts {
  const facts = snapshot.signed.meta[name];
  if (facts === undefined) throw repositoryError('snapshot.json', `it does not list ${name}`);
  return facts;
}

const PUT_BACK = 'put back the repository that you published last, or publish a draft again that was interrupted';

/** `fix` is what to do about it, as a phrase. */
export function repositoryError(file: string, reason: string, fix: string = PUT_BACK): Error {
  return coded('SIGNING-REPOSITORY', { file, reason, fix });
}

interface Wanted {
  readonly kind: TufDocument['_type'];
  /** One of these must have signed it. */
  readonly by: readonly RoleKeys[];
  /** What the document above says of it; none for the timestamp. */
  readonly facts?: MetaFacts;
}

class Reader {
  readonly #folder: RepositoryFolder;
  readonly #dir: string;

  constructor(folder: RepositoryFolder) {
    this.#folder = folder;
    this.#dir = metadataDir(folder);
  }

  /** The newest root, if the chain from the first one to it is whole (TUF 5.3). */
  async readRoots(): Promise<Envelope<RootDocument> | null> {
    const names = await this.#folder.files.list(this.#dir);
    const versions = names.flatMap((name) => Number(ROOT_FILE.exec(name)?.[1] ?? Number.NaN) || []);
    if (versions.length === 0) return null;
    let trusted: Envelope<RootDocument> | null = null;
    for (let version = 1; version <= Math.max(...versions); version += 1) {
      const file = `${version}.root.json`;
      const read = readEnvelope<RootDocument>('root', await this.#bytes(file));
      if ('problem' in read) throw repositoryError(file, read.problem);
      const { envelope } = read;
      if (envelope.signed.version !== version) throw repositoryError(file, `it has version ${envelope.signed.version}`);
      for (const { signed } of trusted === null ? [envelope] : [trusted, envelope]) {
        if (!isSigned(envelope, topRole(signed, 'root'))) {
          throw repositoryError(file, `too few keys of root ${signed.version} signed it`);
        }
      }
      trusted = envelope;
    }
    return trusted;
  }

  async read<D extends TufDocument>(name: string, { kind, by, facts }: Wanted): Promise<Envelope<D>> {
    const file = facts === undefined ? name : `${facts.version}.${name}`;
    const bytes = await this.#bytes(file);
    if (facts !== undefined && !fits(bytes, facts)) throw repositoryError(file, 'its length or digest is wrong');
    const read = readEnvelope<D>(kind, bytes);
    if ('problem' in read) throw repositoryError(file, read.problem);
    const { envelope } = read;
    if (facts !== undefined && envelope.signed.version !== facts.version) {
      throw repositoryError(file, `it has version ${envelope.signed.version}`);
    }
    if (!by.some((one) => isSigned(envelope, one))) throw repositoryError(file, 'too few of its keys signed it');
    return envelope;
  }

  async #bytes(file: string): Promise<Uint8Array> {
    const path = join(this.#dir, file);
    if ((await this.#folder.files.facts(path)) === null) throw repositoryError(file, 'it is missing');
    return await readWhole(this.#folder.files, path, MAX_METADATA_BYTES);
  }
}

function fits(bytes: Uint8Array, { length, hashes }: MetaFacts): boolean {
  if (length !== undefined && length !== bytes.length) return false;
  return hashes?.sha256 === undefined || hashes.sha256 === hashOf(bytes);
}
