// Decodes the signed part of each kind of metadata (TUF 4.3 to 4.6). Pure.
//
// Guarantees: every field that is used has the type and range of the specification. Unknown fields are ignored,
// although the signature covers them. Names from the document are used only as keys of a `Map`. Throws `FormatError`.

import { readAuthority, type SigningAuthority, type TopLevelRole } from './authority.ts';
import { type Delegations, readDelegations } from './delegations.ts';
import { FormatError, type JsonObject, readBoolean, readInteger, readObject, readText } from './document.ts';
import { type Hashes, readHashes } from './hashes.ts';
import { KeyRing } from './keys.ts';

/** Fields of every kind. */
export interface Common {
  readonly version: number;
  /** As written, for messages. */
  readonly expires: string;
  /** Milliseconds since the epoch. */
  readonly expiresMs: number;
}

export interface RootContent extends Common {
  readonly consistentSnapshot: boolean;
  readonly roles: Readonly<Record<TopLevelRole, SigningAuthority>>;
}

/** What one metadata file says about another. */
export interface ListedFile {
  readonly version: number;
  readonly length: number | null;
  readonly hashes: Hashes | null;
}

export interface TimestampContent extends Common {
  readonly snapshot: ListedFile;
}

export interface SnapshotContent extends Common {
  /** By file name, such as `targets.json`. */
  readonly meta: ReadonlyMap<string, ListedFile>;
}

/** An entry of `targets`. */
export interface TargetEntry {
  readonly length: number;
  readonly hashes: Hashes;
  readonly custom: JsonObject | null;
}

export interface TargetsContent extends Common {
  /** Entries are decoded when they are needed: a role can have 30,000. */
  readonly targets: JsonObject;
  readonly delegations: Delegations | null;
}

/** RFC 3339, which includes the form of TUF 4.2.3. Early repositories of sigstore have fractions and offsets. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;
/** Versions of the specification that this client can read: only the major version decides (TUF 4.3). */
const SPEC_VERSION = /^1\.\d+(?:\.\d+)?$/;

export function decodeRoot(signed: JsonObject): RootContent {
  const common = decodeCommon(signed, 'root');
  const keys = new KeyRing(readObject(signed['keys'], 'keys'));
  const roles = readObject(signed['roles'], 'roles');
  const authority = (role: TopLevelRole) => readAuthority(readObject(roles[role], `roles.${role}`), keys);
  return {
    ...common,
    // OPTIONAL in TUF 4.3.
    consistentSnapshot:
      signed['consistent_snapshot'] === undefined
        ? false
        : readBoolean(signed['consistent_snapshot'], 'consistent_snapshot'),
    roles: {
      root: authority('root'),
      timestamp: authority('timestamp'),
      snapshot: authority('snapshot'),
      targets: authority('targets'),
    },
  };
}

export function decodeTimestamp(signed: JsonObject): TimestampContent {
  const common = decodeCommon(signed, 'timestamp');
  const meta = readObject(signed['meta'], 'meta');
  return { ...common, snapshot: decodeListed(meta['snapshot.json'], 'snapshot.json') };
}

export function decodeSnapshot(signed: JsonObject): SnapshotContent {
  const common = decodeCommon(signed, 'snapshot');
  const meta = Object.entries(readObject(signed['meta'], 'meta'));
  return { ...common, meta: new Map(meta.map(([file, raw]) => [file, decodeListed(raw, 'an entry of meta')])) };
}

export function decodeTargets(signed: JsonObject): TargetsContent {
  const common = decodeCommon(signed, 'targets');
  const raw = signed['delegations'];
  return {
    ...common,
    targets: readObject(signed['targets'], 'targets'),
    delegations: raw === undefined ? null : readDelegations(readObject(raw, 'delegations')),
  };
}

/** The entry with exactly this path, or null. */
export function decodeTarget({ targets }: TargetsContent, path: string): TargetEntry | null {
  if (!Object.hasOwn(targets, path)) return null;
  const entry = readObject(targets[path], 'a target');
  const custom = entry['custom'];
  return {
    length: readInteger(entry['length'], 'the length of a target', 0),
    hashes: readHashes(entry['hashes'], 'the hashes of a target'),
    // Opaque (TUF 4.5): whatever is not an object is as good as none.
    custom: typeof custom === 'object' && !Array.isArray(custom) ? (custom as JsonObject | null) : null,
  };
}

function decodeListed(raw: unknown, what: string): ListedFile {
  const listed = readObject(raw, what);
  return {
    version: readInteger(listed['version'], `the version of ${what}`, 1),
    length: listed['length'] === undefined ? null : readInteger(listed['length'], `the length of ${what}`, 0),
    hashes: listed['hashes'] === undefined ? null : readHashes(listed['hashes'], `the hashes of ${what}`),
  };
}

function decodeCommon(signed: JsonObject, type: string): Common {
  // Every role signs its own type, so that one key in two roles cannot pass a document off as the other kind.
  if (signed['_type'] !== type) throw new FormatError(`its _type is not ${type}`);
  if (!SPEC_VERSION.test(readText(signed['spec_version'], 'spec_version'))) {
    throw new FormatError('its spec_version is not 1.x');
  }
  const expires = readText(signed['expires'], 'expires');
  const expiresMs = DATE_TIME.test(expires) ? Date.parse(expires) : Number.NaN;
  if (Number.isNaN(expiresMs)) throw new FormatError('expires is not a date and time');
  return { version: readInteger(signed['version'], 'version', 1), expires, expiresMs };
}
