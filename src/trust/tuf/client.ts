// A client of The Update Framework for one repository and one check for updates (specification 1.0.34, chapter 5).
//
// Guarantees: `find` returns only files that the trusted roles list, after every check of the specification. Versions
// never go back, even after a restart or a restored state; the only exception is TUF 5.3.11. If a step fails, the
// results of earlier steps stay stored. The clock of this host is used only for expiry. After a crash, the next start
// continues and verifies each file again. The highest version of each role is in its file or in `versions.json`.

import { CodedError, coded } from '#errors/coded-error.ts';
import { Turns } from '#system/turns.ts';
import type { Trusted, TufContext } from './context.ts';
import { type Common, decodeTarget, type TargetEntry, type TargetsContent } from './decode.ts';
import { delegatesFor } from './delegations.ts';
import { asInvalid, type Place } from './document.ts';
import { findDifference, type Hashes } from './hashes.ts';
import { checkClock, KnownState } from './known-state.ts';
import { TUF_LIMITS } from './limits.ts';
import {
  readSnapshot,
  readTimestamp,
  type TrustedSnapshot,
  type TrustedTimestamp,
  updateSnapshot,
  updateTimestamp,
} from './online-roles.ts';
import { fingerprintOf, readInitialRoot, readStoredRoots, type TrustedRoot, updateRoot } from './root.ts';
import { TufStore } from './store.ts';
import { type Delegated, everyRole, readTargets, TargetsRoles } from './targets-roles.ts';
import type {
  KnownVersions,
  MetadataFile,
  RefreshResult,
  RepositoryFile,
  RoleStatus,
  SignedTarget,
  TrustStatus,
  TufPorts,
  TufRepository,
} from './types.ts';

export class TufClient implements TufRepository {
  readonly #context: TufContext;
  readonly #state: KnownState;
  readonly #initial: TrustedRoot;
  #root: TrustedRoot;
  #timestamp: TrustedTimestamp | null = null;
  #snapshot: TrustedSnapshot | null = null;
  /** Of the store before a refresh, for `status` only. */
  #storedTargets: Trusted<TargetsContent> | null = null;
  #targets: TargetsRoles | null = null;
  /** Searches run one at a time: two would fetch and store the same role at once. */
  readonly #turns = new Turns();

  private constructor(context: TufContext, state: KnownState, roots: { initial: TrustedRoot; newest: TrustedRoot }) {
    this.#context = context;
    this.#state = state;
    this.#initial = roots.initial;
    this.#root = roots.newest;
  }

  /**
   * Reads the trusted root and the store; requests nothing.
   * @throws CodedError TUF-ROOT-FILE, FILE-*, DISK-FULL, STATE-UNREADABLE
   */
  static async open(ports: TufPorts): Promise<TufClient> {
    const limits = { ...TUF_LIMITS, ...ports.limits };
    const store = new TufStore(ports.files, ports.dir, limits);
    const { source, nowMs, report, expiryGraceMs: graceMs = 0 } = ports;
    const context: TufContext = { source, store, limits, nowMs, graceMs, report };
    const initial = await readInitialRoot(ports.initialRoot, ports.rootFile);
    await store.prepare();
    const state = await KnownState.load(store, { minimum: ports.minimumVersions ?? null, report });
    const client = new TufClient(context, state, { initial, newest: await readStoredRoots(context, initial) });
    await client.#readStored();
    return client;
  }

  async refresh(signal: AbortSignal): Promise<RefreshResult> {
    checkClock(this.#state, this.#context);
    const before = this.#timestamp?.content.version ?? 0;
    await this.#saving(async () => {
      await this.#refreshRoot(signal);
      await this.#refreshRoles(signal);
    });
    return { changed: (this.#timestamp?.content.version ?? 0) !== before, status: this.status() };
  }

  /** Saves the versions that were accepted, also before a failure. */
  async #saving<T>(work: () => Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await work();
    } catch (thrown) {
      // The caller needs the first failure, not one of this save.
      await this.#state.save().catch(() => undefined);
      throw thrown;
    }
    await this.#state.save();
    return result;
  }

  /** TUF 5.3. */
  async #refreshRoot(signal: AbortSignal): Promise<void> {
    const { nowMs } = this.#context;
    const from = this.#root.content.version;
    const accepted = (root: TrustedRoot) => {
      this.#root = root;
      const to = root.content.version;
      this.#state.rotated({ from, to, atMs: nowMs });
      this.#context.report({ kind: 'root-rotated', from: to - 1, to, fingerprint: fingerprintOf(root) });
    };
    await updateRoot(this.#context, this.#root, { signal, accepted });
    this.#state.rootChecked(nowMs);
    const hasStartedOver = await this.#state.acceptRoot(this.#root, this.#context);
    if (this.#root.content.version !== from || hasStartedOver) await this.#readStored();
  }

  /** TUF 5.4 to 5.6.6. */
  async #refreshRoles(signal: AbortSignal): Promise<void> {
    const root = this.#root;
    const before = { root, known: this.#state.known };
    this.#timestamp = await updateTimestamp(this.#context, { ...before, trusted: this.#timestamp }, signal);
    this.#state.accepted('timestamp', this.#timestamp.content.version);
    const timestamp = this.#timestamp;
    this.#snapshot = await updateSnapshot(this.#context, { ...before, trusted: this.#snapshot, timestamp }, signal);
    this.#state.accepted('snapshot', this.#snapshot.content.version);
    const roles = new TargetsRoles(this.#context, this.#snapshot, {
      isConsistent: root.content.consistentSnapshot,
      accepted: (role, version) => this.#state.accepted(role, version),
    });
    await roles.load(this.#topLevel, signal);
    this.#targets = roles;
  }

  /** The top-level role as a delegation of the root. */
  get #topLevel(): Delegated {
    return { role: 'targets', authority: this.#root.content.roles.targets };
  }

  /** TUF 5.6.7: pre-order, depth first, in the order of the delegations. */
  find(path: string, signal: AbortSignal): Promise<SignedTarget | null> {
    return this.#turns.run(() => this.#saving(() => this.#search(path, signal)));
  }

  async #search(path: string, signal: AbortSignal): Promise<SignedTarget | null> {
    const roles = this.#refreshed;
    const { limits } = this.#context;
    const stack: Delegated[] = [this.#topLevel];
    const visited = new Set<string>();
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (visited.has(next.role)) continue;
      if (visited.size > limits.delegations) {
        throw coded('TUF-DELEGATIONS', { path, limit: limits.delegations, clause: '5.6.7.1' });
      }
      visited.add(next.role);
      const { content } = await roles.load(next, signal);
      const place = { file: `${next.role}.json`, role: next.role, clause: '4.5' };
      const entry = asInvalid(place, () => decodeTarget(content, path));
      if (entry !== null) return asSignedTarget({ path, role: next.role }, entry, this.#root);
      const delegates = content.delegations === null ? [] : delegatesFor(content.delegations, path);
      // A terminating delegation ends the search after its own descendants (TUF 5.6.7.2.1).
      if (delegates.at(-1)?.terminating === true) stack.length = 0;
      stack.push(...delegates.toReversed());
    }
    return null;
  }

  /** TUF 5.7. */
  async download(target: SignedTarget, signal: AbortSignal): Promise<Uint8Array> {
    const limit = this.#context.limits.downloadBytes;
    const place = { file: target.path, role: target.role, clause: '5.7.3' };
    if (target.length > limit) throw coded('TUF-LIMIT', { ...place, limit });
    const bytes = await this.#context.source.target({ names: target.names, limitBytes: target.length, signal });
    const difference = findDifference(bytes, target);
    if (difference === null) return bytes;
    throw coded('TUF-MISMATCH', { ...place, ...difference, listedBy: 'the metadata' });
  }

  async *everything(signal: AbortSignal): AsyncGenerator<RepositoryFile> {
    const roles = this.#refreshed;
    for await (const { role, content, bytes } of everyRole(roles, this.#topLevel, signal)) {
      for (const path of Object.keys(content.targets)) {
        // A role may list paths that it is not trusted for.
        const target = await this.#search(path, signal);
        if (target?.role === role) yield { kind: 'target', target };
      }
      yield this.#metadataFile(role, { content, bytes });
    }
    yield* this.#topMetadata();
    await this.#state.save();
  }

  async *usedMetadata(): AsyncGenerator<MetadataFile> {
    for (const [role, loaded] of this.#refreshed.loaded) yield this.#metadataFile(role, loaded);
    yield* this.#topMetadata();
  }

  /** Snapshot, roots and timestamp, in the order in which a mirror writes them. */
  async *#topMetadata(): AsyncGenerator<MetadataFile> {
    const [snapshot, timestamp] = [this.#snapshot, this.#timestamp];
    if (snapshot === null || timestamp === null) return;
    yield this.#metadataFile('snapshot', snapshot);
    yield* this.#everyRoot();
    yield { kind: 'metadata', name: 'timestamp.json', bytes: timestamp.bytes };
  }

  async *#everyRoot(): AsyncGenerator<MetadataFile> {
    const { content, bytes } = this.#initial;
    yield { kind: 'metadata', name: `${content.version}.root.json`, bytes };
    for (let version = content.version + 1; version <= this.#root.content.version; version += 1) {
      const stored = await this.#context.store.readRoot(version);
      if (stored !== null) yield { kind: 'metadata', name: `${version}.root.json`, bytes: stored };
    }
  }

  /** A role under the name that a client requests. */
  #metadataFile(role: string, { content, bytes }: Pick<Trusted<Common>, 'content' | 'bytes'>): MetadataFile {
    const isConsistent = this.#root.content.consistentSnapshot;
    return { kind: 'metadata', name: isConsistent ? `${content.version}.${role}.json` : `${role}.json`, bytes };
  }

  status(): TrustStatus {
    const { lastRotation, rootCheckedMs } = this.#state;
    const delegated = [...(this.#targets?.loaded ?? [])].filter(([role]) => role !== 'targets');
    const trusted: readonly (readonly [string, Trusted<Common> | null])[] = [
      ['root', this.#root],
      ['timestamp', this.#timestamp],
      ['snapshot', this.#snapshot],
      ['targets', this.#targets?.loaded.get('targets') ?? this.#storedTargets],
      ...delegated,
    ];
    return {
      roles: trusted.flatMap(([role, one]) => (one === null ? [] : statusOf(role, one))),
      rootSha256: fingerprintOf(this.#root),
      lastRotation,
      rootCheckedMs,
      consistentSnapshot: this.#root.content.consistentSnapshot,
    };
  }

  knownVersions(): KnownVersions {
    return this.#state.known;
  }

  get #refreshed(): TargetsRoles {
    if (this.#targets === null) throw new Error('refresh() must succeed before targets are searched');
    return this.#targets;
  }

  /** The stored roles, if they are signed for the trusted root. Expired ones still forbid to go back. */
  async #readStored(): Promise<void> {
    const root = this.#root;
    this.#timestamp = await this.#readRole('timestamp', (bytes, place) => readTimestamp(bytes, root, place));
    this.#snapshot = await this.#readRole('snapshot', (bytes, place) => readSnapshot(bytes, root, place));
    this.#storedTargets = await this.#readRole('targets', (bytes, place) => readTargets(bytes, this.#topLevel, place));
    if (this.#timestamp !== null) this.#state.accepted('timestamp', this.#timestamp.content.version);
    if (this.#snapshot !== null) this.#state.accepted('snapshot', this.#snapshot.content.version);
  }

  async #readRole<T>(role: string, read: (bytes: Uint8Array, place: Place) => Promise<T>): Promise<T | null> {
    const { store, report } = this.#context;
    const bytes = await store.read(role);
    if (bytes === null) return null;
    try {
      return await read(bytes, { file: `${role}.json`, role, clause: '5.2' });
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      // A file with too few signatures is one of an earlier root. It is replaced, not damaged.
      if (thrown.code === 'TUF-INVALID') report({ kind: 'set-aside', ...(await store.setAside(role, thrown)) });
      return null;
    }
  }
}

function statusOf(role: string, { content, signers, threshold }: Trusted<Common>): RoleStatus {
  return { role, version: content.version, expiresMs: content.expiresMs, signers, threshold };
}

function asSignedTarget(
  { path, role }: { readonly path: string; readonly role: string },
  { length, hashes, custom }: TargetEntry,
  { content }: TrustedRoot,
): SignedTarget {
  return {
    path,
    role,
    length,
    hashes,
    custom,
    names: content.consistentSnapshot ? prefixedNames(path, hashes) : [path],
  };
}

/** TUF 6.2.1: `DIGEST.NAME` in the same folder, for each digest. A repository never serves the plain path. */
function prefixedNames(path: string, hashes: Hashes): readonly string[] {
  const name = path.lastIndexOf('/') + 1;
  return [...hashes.values()].map((digest) => `${path.slice(0, name)}${digest}.${path.slice(name)}`);
}
