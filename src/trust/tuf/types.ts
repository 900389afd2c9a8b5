// The types of the results of the TUF client. TUF n.n.n is a clause of the specification 1.0.

import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import type { TufSource } from './source.ts';

/** A file that a trusted role lists (TUF 5.6.7). */
export interface SignedTarget {
  /** The path in the metadata, such as `packages/a.jar`. Text from outside: it may contain `..` or control characters. */
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  /** Digests in lower-case hex by algorithm. There is at least `sha256` or `sha512`. */
  readonly hashes: ReadonlyMap<string, string>;
  /** The role that lists it. */
  readonly role: string;
  /** The vendor's own data, opaque to TUF; null if there is none. */
  readonly custom: Readonly<Record<string, unknown>> | null;
  /**
   * Paths below the URL of the targets, best first: with consistent snapshots one for each digest (`DIGEST.NAME`), otherwise
   * the path itself (TUF 5.7.3).
   */
  readonly names: readonly string[];
}

/** A key that made a valid signature. */
export interface Signer {
  /** The name of the key in the metadata of the delegating role. */
  readonly keyId: string;
  /** `ed25519`, `rsassa-pss-sha256`, ... */
  readonly scheme: string;
}

/** One role as it is trusted now. */
export interface RoleStatus {
  readonly role: string;
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly expiresMs: number;
  /** At least as many as the threshold. */
  readonly signers: readonly Signer[];
  readonly threshold: number;
}

/** The last accepted rotation of the root. */
export interface RootRotation {
  readonly from: number;
  readonly to: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** What is trusted now, as far as the store or the last refresh has it; expired roles included. */
export interface TrustStatus {
  /** root, timestamp, snapshot, targets, then delegated roles in the order in which they were used. */
  readonly roles: readonly RoleStatus[];
  /** SHA-256 of the trusted root file, in hex. */
  readonly rootSha256: string;
  readonly lastRotation: RootRotation | null;
  /** When the repository last said that there is no newer root; milliseconds since the epoch. */
  readonly rootCheckedMs: number | null;
  readonly consistentSnapshot: boolean;
}

/** Result of a refresh. */
export interface RefreshResult {
  /** Whether the timestamp has a higher version than the one known before, so anything may have changed. */
  readonly changed: boolean;
  readonly status: TrustStatus;
}

/** Something that the admin should know and that does not end the refresh. */
export type TufEvent =
  /** A new root was accepted. `fingerprint` is the SHA-256 of its file, in hex. */
  | { readonly kind: 'root-rotated'; readonly from: number; readonly to: number; readonly fingerprint: string }
  /** Keys of the timestamp or snapshot were taken away: their versions start over (TUF 5.3.11). */
  | { readonly kind: 'online-keys-rotated'; readonly root: number }
  /** A damaged or foreign file of the store was set aside or ignored; it is fetched again. */
  | { readonly kind: 'set-aside'; readonly file: string; readonly error: CodedError }
  /** STATE-RESTORED: `minimumVersions` are higher than those of the store. */
  | { readonly kind: 'state-restored'; readonly error: CodedError }
  /**
   * CLOCK-BACK: an earlier check had a later time. `forgotten`: that time was more than a day ahead of now, so it is
   * taken for a wrong clock and forgotten.
   */
  | { readonly kind: 'clock-back'; readonly forgotten: boolean; readonly error: CodedError };

/** Limits on what a repository can make the client read. */
export interface TufLimits {
  readonly rootBytes: number;
  readonly timestampBytes: number;
  readonly snapshotBytes: number;
  /** For targets and each delegated role. */
  readonly targetsBytes: number;
  /** For a target that `download` reads into memory, such as the feed. */
  readonly downloadBytes: number;
  /** New roots in one refresh. */
  readonly rootSteps: number;
  /** Roles in the search for one target, without the top-level role. */
  readonly delegations: number;
}

/**
 * The highest versions that were accepted, to be kept in a second place as well. `versions.ts` reads and writes them as
 * JSON and merges two of them.
 */
export interface KnownVersions {
  readonly root: number;
  readonly timestamp: number;
  readonly snapshot: number;
  /** Roles whose metadata was used: `targets` and delegated ones. */
  readonly roles: ReadonlyMap<string, number>;
  /**
   * SHA-256 of the keys of the timestamp and snapshot roles. If one was taken away since, the versions of these roles
   * and of all roles in the snapshot start over (TUF 5.3.11).
   */
  readonly onlineKeys: readonly string[];
}

/** What a client is made of. */
export interface TufPorts {
  readonly files: Files;
  /** The folder of this repository below the state folder. Created if missing. */
  readonly dir: string;
  readonly source: TufSource;
  /** Wall clock at the start, milliseconds since the epoch. It judges expiry for the life of the client (TUF 5.1). */
  readonly nowMs: number;
  /**
   * The root that the admin trusts. Every later one is verified from it again at each start (TUF 5.2). A root of another
   * repository needs an empty `dir` and no `minimumVersions`, because the old versions still count.
   */
  readonly initialRoot: Uint8Array;
  /** Where it was read, for messages. */
  readonly rootFile: string;
  readonly limits?: Partial<TufLimits>;
  /** Versions from the second place. Metadata below them are refused. */
  readonly minimumVersions?: KnownVersions | null;
  /** How long metadata is still accepted after it has expired; 0 unless set. For imports from a medium only. */
  readonly expiryGraceMs?: number;
  readonly report: (event: TufEvent) => void;
}

/** A metadata file. `name` is the plain name in the repository, such as `12.team/b.json`. The bytes are as received. */
export interface MetadataFile {
  readonly kind: 'metadata';
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file of the repository, as a mirror keeps it. */
export type RepositoryFile = { readonly kind: 'target'; readonly target: SignedTarget } | MetadataFile;

/** One repository for one round. */
export interface TufRepository {
  /**
   * Fetches what is new: root, timestamp, snapshot, targets (TUF 5.3 to 5.6). What was verified is stored durably even
   * if a later step fails. Call it once.
   * @throws CodedError TUF-*, FILE-*, DISK-FULL, and codes of the source
   */
  refresh(signal: AbortSignal): Promise<RefreshResult>;
  /**
   * The target with exactly this path, or null if no role lists it. Fetches only the roles that this path needs.
   * Needs a successful `refresh` before.
   * @throws CodedError TUF-*, FILE-*, DISK-FULL, and codes of the source
   */
  find(path: string, signal: AbortSignal): Promise<SignedTarget | null>;
  /** The content of a small target, with its length and every digest checked. @throws CodedError TUF-LIMIT, TUF-MISMATCH, TUF-MISSING */
  download(target: SignedTarget, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Everything that a client can get from this repository: every target that `find` returns, every delegated role, the top
   * level, every root from the initial one. In an order in which a mirror can write them: a file that names others comes
   * after them, and the timestamp is last. Fetches all delegated roles. Needs a successful `refresh` before.
   * @throws CodedError TUF-*, FILE-*, DISK-FULL, and codes of the source
   */
  everything(signal: AbortSignal): AsyncGenerator<RepositoryFile>;
  /**
   * The metadata that was used since `refresh`: what another client needs for the targets that `find` returned. In the
   * order of `everything`. Needs a successful `refresh` before.
   * @throws CodedError FILE-*
   */
  usedMetadata(): AsyncGenerator<MetadataFile>;
  status(): TrustStatus;
  /** The highest versions accepted so far, for the second place. */
  knownVersions(): KnownVersions;
}
