// Publishes signed documents: adds the snapshot and the timestamp, and writes everything.
//
// Guarantees: the repository is complete at every moment. Files that an old timestamp needs are never replaced. The
// timestamp is written after the files that it refers to, and a new root last. If that root changes the keys of online
// roles, their documents are signed by the old and the new keys, so that they are valid under either root. A crash
// leaves the old repository, and files that nothing refers to; the next call replaces those.

import { join } from 'node:path';
import { writeDurably } from '#system/durable.ts';
import {
  bytesToSign,
  type Envelope,
  isSigned,
  type OnlineRole,
  type RoleKeys,
  type RootDocument,
  renderEnvelope,
  type SnapshotDocument,
  type TargetsDocument,
  type TimestampDocument,
  type TufDocument,
  topRole,
} from './documents.ts';
import { type Draft, draftError, progressOf } from './draft.ts';
import { isHalfOver, lifetimeOf } from './lifetimes.ts';
import { nextSnapshot, nextTimestamp } from './next-documents.ts';
import {
  MAX_METADATA_BYTES,
  metadataDir,
  type Repository,
  type RepositoryFolder,
  repositoryError,
} from './repository.ts';
import type { SigningKeys } from './signing-keys.ts';
import { missingTargets } from './target-files.ts';

/** What publishing needs. */
export interface PublishPorts {
  readonly folder: RepositoryFolder;
  readonly signer: SigningKeys;
  /** Wall time, ms since the epoch. */
  readonly nowMs: number;
}

/** What was written; or which roles cannot be signed on this machine, and then nothing was. */
export type PublishResult =
  | { readonly kind: 'published'; readonly files: readonly string[]; readonly warnings: readonly string[] }
  | { readonly kind: 'keys-missing'; readonly roles: readonly OnlineRole[] };

/** Static servers run as another user. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
/** What agents read at most, in bytes (the limits of tuf-js). */
const MAX_BYTES: Readonly<Record<TufDocument['_type'], number>> = {
  root: 512_000,
  timestamp: 16_384,
  snapshot: 2_000_000,
  targets: MAX_METADATA_BYTES,
};

/**
 * Publishes a complete draft, and renews snapshot and timestamp where that is due. Without documents it only renews.
 * @throws CodedError SIGNING-DRAFT if it does not continue the repository, SIGNING-REPOSITORY, SIGNING-*, FILE-*, DISK-FULL
 */
export async function publishDraft(
  draft: Draft,
  repository: Repository | null,
  ports: PublishPorts,
): Promise<PublishResult> {
  const root = checkDraft(draft, repository);
  const next = new Online(root, repository?.root ?? null, ports);
  const changed = filesOf(draft, repository);
  const snapshot = await next.snapshot(repository?.snapshot ?? null, changed);
  const timestamp = snapshot === null ? null : await next.timestamp(repository?.timestamp ?? null, snapshot);
  if (snapshot === null || timestamp === null) return { kind: 'keys-missing', roles: next.missing };
  const missing = await missingTargets(ports.folder, Object.values(changed));
  if (missing !== null) {
    const fix = 'copy it into the folder of the repository, then publish the draft again';
    throw repositoryError(`targets/${missing}`, 'it is missing or incomplete', fix);
  }
  // From here on in the order in which readers may see them.
  const files = [
    ...Object.entries(changed).map(([name, envelope]) => [`${envelope.signed.version}.${name}`, envelope] as const),
    ...(snapshot.isNew ? [[`${snapshot.envelope.signed.version}.snapshot.json`, snapshot.envelope] as const] : []),
    ...(timestamp.isNew ? [['timestamp.json', timestamp.envelope] as const] : []),
    ...(root === repository?.root ? [] : [[`${root.signed.version}.root.json`, root] as const]),
  ];
  await write(ports.folder, files);
  return { kind: 'published', files: files.map(([name]) => name), warnings: next.warnings };
}

/** The root that is valid afterwards. */
function checkDraft(draft: Draft, repository: Repository | null): Envelope<RootDocument> {
  for (const { role, version, isComplete } of progressOf(draft)) {
    if (!isComplete) throw draftError(`${role} ${version} still needs signatures`);
  }
  const published = repository?.root ?? null;
  const root = draft.root !== null && !isSame(draft.root, published) ? draft.root : published;
  if (root === null) throw draftError('there is no root yet');
  if (root !== published) refuseGap('root', root, published);
  else if (draft.trustedRoot !== null && draft.root === null && !isSame(draft.trustedRoot, published)) {
    throw draftError('a new root was published since it was made');
  }
  for (const [role, envelope, before] of contentsOf(draft, repository)) {
    if (!isSame(envelope, before)) refuseGap(role, envelope, before);
  }
  const targets = draft.targets ?? repository?.targets ?? null;
  if (targets === null || !isSigned(targets, topRole(root.signed, 'targets'))) {
    throw draftError(
      `root ${root.signed.version} has other keys for targets, but the draft has no targets signed by them`,
    );
  }
  return root;
}

function refuseGap(role: string, made: Envelope, before: Envelope | null): void {
  const version = before?.signed.version ?? 0;
  if (made.signed.version === version + 1) return;
  throw draftError(`it has ${role} ${made.signed.version}, but the repository has ${role} ${version}; make it again`);
}

type Content = readonly [role: string, made: Envelope<TargetsDocument>, before: Envelope<TargetsDocument> | null];

function contentsOf(draft: Draft, repository: Repository | null): readonly Content[] {
  const { targets } = draft;
  return [
    ...[...draft.teams].map(([name, made]): Content => [name, made, repository?.teams.get(name) ?? null]),
    ...(targets === null ? [] : [['targets', targets, repository?.targets ?? null] as const]),
  ];
}

/** The files of the draft that are not published yet, by their names without the version. */
function filesOf(draft: Draft, repository: Repository | null): Readonly<Record<string, Envelope<TargetsDocument>>> {
  const changed = contentsOf(draft, repository).filter(([, made, before]) => !isSame(made, before));
  return Object.fromEntries(changed.map(([role, made]) => [`${role}.json`, made]));
}

function isSame(one: Envelope, other: Envelope | null): boolean {
  return other !== null && bytesToSign(one.signed).equals(bytesToSign(other.signed));
}

interface Next<D extends TufDocument> {
  readonly envelope: Envelope<D>;
  readonly isNew: boolean;
}

/** The roles that every publication signs again, under the next root and, for a moment, under the previous one. */
class Online {
  readonly #root: Envelope<RootDocument>;
  readonly #before: Envelope<RootDocument> | null;
  readonly #ports: PublishPorts;
  readonly missing: OnlineRole[] = [];
  readonly warnings: string[] = [];

  constructor(root: Envelope<RootDocument>, before: Envelope<RootDocument> | null, ports: PublishPorts) {
    this.#root = root;
    this.#before = before === null || root.signed.version === before.signed.version ? null : before;
    this.#ports = ports;
  }

  async snapshot(
    previous: Envelope<SnapshotDocument> | null,
    changed: Readonly<Record<string, Envelope>>,
  ): Promise<Next<SnapshotDocument> | null> {
    const isKept = Object.keys(changed).length === 0 && this.#mayStay('snapshot', previous);
    if (previous !== null && isKept) return { envelope: previous, isNew: false };
    return await this.#sign('snapshot', nextSnapshot(previous?.signed ?? null, changed, this.#terms('snapshot')));
  }

  async timestamp(
    previous: Envelope<TimestampDocument> | null,
    snapshot: Next<SnapshotDocument>,
  ): Promise<Next<TimestampDocument> | null> {
    const isKept = !snapshot.isNew && this.#mayStay('timestamp', previous);
    if (previous !== null && isKept) return { envelope: previous, isNew: false };
    const made = nextTimestamp(previous?.signed ?? null, snapshot.envelope, this.#terms('timestamp'));
    return await this.#sign('timestamp', made);
  }

  #terms(role: 'snapshot' | 'timestamp') {
    return { rule: this.#root.signed.roles[role], nowMs: this.#ports.nowMs };
  }

  /** Whether it is valid and not yet due, or due where none of its keys is: then it stays until another machine renews it. */
  #mayStay(role: 'snapshot' | 'timestamp', envelope: Envelope | null): boolean {
    const by = topRole(this.#root.signed, role);
    if (envelope === null || !isSigned(envelope, by)) return false;
    const terms = { lifetimeMs: lifetimeOf(role, by.rule), nowMs: this.#ports.nowMs };
    if (!isHalfOver(envelope.signed.expires, terms)) return true;
    if (canSign(this.#ports.signer, by)) return false;
    this.warnings.push(
      `${role} is due for renewal (it expires ${envelope.signed.expires}), but its keys are not here.`,
    );
    return true;
  }

  async #sign<D extends TufDocument>(role: 'snapshot' | 'timestamp', made: Envelope<D>): Promise<Next<D> | null> {
    const { signer } = this.#ports;
    const by = topRole(this.#root.signed, role);
    const before = this.#before === null ? null : topRole(this.#before.signed, role);
    if (!canSign(signer, by)) {
      this.missing.push(role);
      return null;
    }
    const keyIds = [...by.rule.keyids, ...(before?.rule.keyids ?? [])].filter((id) => signer.has(id));
    const envelope = await signer.sign(made, keyIds);
    if (!isSigned(envelope, by)) {
      const fix = 'check the programs that sign with its keys (NAME.signer)';
      throw repositoryError(`${role}.json`, 'too few of its keys made a valid signature', fix);
    }
    if (before !== null && !isSigned(envelope, before)) {
      this.warnings.push(
        `${role} is not signed by its previous keys, which are not on this machine. Agents that read between the two ` +
          'uploads report TUF-SIGNATURE once and try again.',
      );
    }
    return { envelope, isNew: true };
  }
}

/** Whether enough keys of the role are on this machine. */
export function canSign(signer: SigningKeys, { rule }: RoleKeys): boolean {
  return rule.keyids.filter((id) => signer.has(id)).length >= rule.threshold;
}

async function write(folder: RepositoryFolder, files: readonly (readonly [string, Envelope])[]): Promise<void> {
  const dir = metadataDir(folder);
  const rendered = files.map(([name, envelope]) => [name, renderEnvelope(envelope), envelope.signed._type] as const);
  for (const [name, bytes, kind] of rendered) {
    if (bytes.length > MAX_BYTES[kind]) {
      const reason = `it would have ${bytes.length} bytes; agents read at most ${MAX_BYTES[kind]}`;
      throw repositoryError(name, reason, 'remove old updates from the feed, or delegate packages to teams');
    }
  }
  await folder.files.makeDirectory(dir, FOLDER_MODE);
  for (const [name, bytes] of rendered) await writeDurably(folder.files, join(dir, name), bytes, FILE_MODE);
}
