// The documents of TUF as the vendor's tools write them. Pure.
//
// `@tufjs/models` checks their form, makes the bytes that are signed (canonical JSON) and verifies signatures. This
// file decides the order of roles and keys in a document. TUF n.n.n is a clause of the specification 1.0.

import { createHash } from 'node:crypto';
import { Key, Metadata, MetadataKind, Signature } from '@tufjs/models';
import { identityOf } from './key-identity.ts';

/** A public key as documents contain it (TUF 4.2.1). */
export interface TufKey {
  readonly keytype: string;
  readonly scheme: string;
  readonly keyval: { readonly public: string };
}

/** Who must sign a role. */
export interface RoleRule {
  readonly keyids: readonly string[];
  readonly threshold: number;
  /** Not part of TUF, and signed with the rest: how long a new version of the role is valid. */
  readonly 'x-sallyport-lifetime-hours'?: number;
}

/** A rule with the keys that it names. */
export interface RoleKeys {
  readonly rule: RoleRule;
  readonly keys: Readonly<Record<string, TufKey>>;
}

interface Common {
  readonly spec_version: string;
  readonly version: number;
  readonly expires: string;
}

export type OnlineRole = 'targets' | 'snapshot' | 'timestamp';
export type TopRole = 'root' | OnlineRole;
export const TOP_ROLES: readonly TopRole[] = ['root', 'targets', 'snapshot', 'timestamp'];
export const ONLINE_ROLES: readonly OnlineRole[] = ['targets', 'snapshot', 'timestamp'];

export interface RootDocument extends Common {
  readonly _type: 'root';
  readonly consistent_snapshot: boolean;
  readonly keys: Readonly<Record<string, TufKey>>;
  readonly roles: Readonly<Record<TopRole, RoleRule>>;
}

/** Length and digest of a target. */
export interface TargetFacts {
  readonly length: number;
  readonly hashes: { readonly sha256: string };
}

/** A role that another one lets sign some paths (TUF 4.5). */
export interface DelegatedRule extends RoleRule {
  readonly name: string;
  readonly terminating: boolean;
  readonly paths: readonly string[];
}

export interface Delegation {
  readonly keys: Readonly<Record<string, TufKey>>;
  readonly roles: readonly DelegatedRule[];
}

export interface TargetsDocument extends Common {
  readonly _type: 'targets';
  readonly targets: Readonly<Record<string, TargetFacts>>;
  readonly delegations?: Delegation;
}

/** Version, length and digest of a metadata file. Other tools may leave out the last two. */
export interface MetaFacts {
  readonly version: number;
  readonly length?: number;
  readonly hashes?: { readonly sha256?: string };
}

export interface SnapshotDocument extends Common {
  readonly _type: 'snapshot';
  readonly meta: Readonly<Record<string, MetaFacts>>;
}

export interface TimestampDocument extends Common {
  readonly _type: 'timestamp';
  readonly meta: Readonly<Record<'snapshot.json', MetaFacts>>;
}

export type TufDocument = RootDocument | TargetsDocument | SnapshotDocument | TimestampDocument;

export interface TufSignature {
  readonly keyid: string;
  /** Hex. */
  readonly sig: string;
}

/** A document with its signatures: one metadata file. */
export interface Envelope<D extends TufDocument = TufDocument> {
  readonly signatures: readonly TufSignature[];
  readonly signed: D;
}

/** RFC 3339 in UTC (TUF 4.2.2). */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;

/** The version of the specification that these documents follow. */
export const SPEC_VERSION = '1.0.34';

/** SHA-256 of the canonical form of the key (TUF 4.2.1). */
export function keyIdOf(key: TufKey): string {
  const { keytype, scheme, keyval } = key;
  // These are the keys of the object in canonical order, and no value needs escapes that JSON has and canonical JSON lacks.
  const canonical = JSON.stringify({ keytype, keyval: { public: keyval.public }, scheme });
  return createHash('sha256').update(canonical.replaceAll('\\n', '\n')).digest('hex');
}

/** SHA-256 in hex. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads a metadata file of this kind, or returns why it is none. */
export function readEnvelope<D extends TufDocument>(
  kind: D['_type'],
  bytes: Uint8Array | string,
): { readonly envelope: Envelope<D> } | { readonly problem: string } {
  try {
    const parsed = JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')) as Envelope<D>;
    modelOf(kind, parsed);
    if (!Number.isSafeInteger(parsed.signed.version) || parsed.signed.version < 1) {
      return { problem: 'its version is not a whole number of at least 1' };
    }
    if (!TIME.test(parsed.signed.expires)) return { problem: 'its expiry is not a time in UTC' };
    return { envelope: { signatures: parsed.signatures, signed: parsed.signed } };
  } catch (thrown) {
    if (bytes.length === 0) return { problem: 'it is empty' };
    return { problem: thrown instanceof SyntaxError ? 'it is not JSON' : 'it is not TUF metadata of this role' };
  }
}

/** The bytes that a key signs (TUF 4.2.1, canonical JSON). */
export function bytesToSign(signed: TufDocument): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  modelOf(signed._type, { signatures: [], signed }).sign((given) => {
    bytes = given;
    return new Signature({ keyID: 'none', sig: '' });
  });
  return bytes;
}

/** The keys of this role that made a valid signature and that agents count: one ID for each public key. */
export function validSigners(envelope: Envelope, { rule, keys }: RoleKeys): readonly string[] {
  const model = modelOf(envelope.signed._type, envelope);
  const counted = new Set<string>();
  return rule.keyids.filter((id) => {
    const key = keys[id];
    const identity = key === undefined ? null : identityOf(key);
    if (key === undefined || identity === null || counted.has(identity)) return false;
    try {
      Key.fromJSON(id, { ...key, keyval: { ...key.keyval } }).verifySignature(model);
      counted.add(identity);
      return true;
    } catch {
      return false;
    }
  });
}

/** How many signatures these keys can give. */
export function countKeys(keys: readonly (TufKey | undefined)[]): number {
  return new Set(keys.flatMap((key) => (key === undefined ? [] : (identityOf(key) ?? [])))).size;
}

/** Whether enough keys of the role signed it. */
export function isSigned(envelope: Envelope, role: RoleKeys): boolean {
  return validSigners(envelope, role).length >= role.rule.threshold;
}

/** The same with another signature of this key. */
export function withSignature<D extends TufDocument>(envelope: Envelope<D>, made: TufSignature): Envelope<D> {
  const others = envelope.signatures.filter(({ keyid }) => keyid !== made.keyid);
  const signatures = [...others, made].toSorted((left, right) => (left.keyid < right.keyid ? -1 : 1));
  return { ...envelope, signatures };
}

/** The file of a document. */
export function renderEnvelope(envelope: Envelope): Buffer {
  return Buffer.from(`${JSON.stringify({ signatures: envelope.signatures, signed: envelope.signed }, null, 1)}\n`);
}

/** Who must sign a top-level role. */
export function topRole(root: RootDocument, role: TopRole): RoleKeys {
  return { rule: root.roles[role], keys: root.keys };
}

/** Who must sign a delegated role; null if the role is not delegated. */
export function teamRole(targets: TargetsDocument, team: string): RoleKeys | null {
  const { delegations } = targets;
  const rule = delegations?.roles.find(({ name }) => name === team);
  return delegations === undefined || rule === undefined ? null : { rule, keys: delegations.keys };
}

type Model = Metadata<Parameters<Metadata<never>['equals']>[0]>;

const KINDS: Readonly<Record<TufDocument['_type'], MetadataKind>> = {
  root: MetadataKind.Root,
  targets: MetadataKind.Targets,
  snapshot: MetadataKind.Snapshot,
  timestamp: MetadataKind.Timestamp,
};

/** @throws Error if it is not metadata of this kind */
function modelOf(kind: TufDocument['_type'], envelope: Envelope): Model {
  type Json = Parameters<typeof Metadata.fromJSON>[1];
  return Metadata.fromJSON(KINDS[kind] as MetadataKind.Root, envelope as unknown as Json) as unknown as Model;
}
