// Two files of signed metadata: the timestamp and the snapshot (TUF 5.4, 5.5). They name the current versions of the
// files that list the packages (targets roles).

import { coded } from '#errors/coded-error.ts';
import {
  fetchFile,
  requireListed,
  requireUnexpired,
  requireVersion,
  type Trusted,
  type TufContext,
} from './context.ts';
import { type Common, decodeSnapshot, decodeTimestamp, type SnapshotContent, type TimestampContent } from './decode.ts';
import { asInvalid, type JsonObject, type Place, readSignedDocument } from './document.ts';
import { findDifference } from './hashes.ts';
import type { TrustedRoot } from './root.ts';
import { requireThreshold } from './threshold.ts';
import type { KnownVersions } from './types.ts';

export type TrustedTimestamp = Trusted<TimestampContent>;
export type TrustedSnapshot = Trusted<SnapshotContent>;

/** Verifies the signatures of a timestamp and decodes it. @throws CodedError TUF-INVALID, TUF-SIGNATURE */
export function readTimestamp(bytes: Uint8Array, root: TrustedRoot, place: Place): Promise<TrustedTimestamp> {
  return readSigned(bytes, { root, role: 'timestamp', decode: decodeTimestamp }, place);
}

/** The same for a snapshot. @throws CodedError TUF-INVALID, TUF-SIGNATURE */
export function readSnapshot(bytes: Uint8Array, root: TrustedRoot, place: Place): Promise<TrustedSnapshot> {
  return readSigned(bytes, { root, role: 'snapshot', decode: decodeSnapshot }, place);
}

/** A role of the root that lists other files. */
async function readSigned<C extends Common>(
  bytes: Uint8Array,
  by: {
    readonly root: TrustedRoot;
    readonly role: 'timestamp' | 'snapshot';
    readonly decode: (signed: JsonObject) => C;
  },
  place: Place,
): Promise<Trusted<C>> {
  const authority = by.root.content.roles[by.role];
  const document = await readSignedDocument(bytes, place);
  const signers = await requireThreshold(document, authority, place);
  const content = asInvalid(place, () => by.decode(document.signed));
  return { content, bytes, signers, threshold: authority.threshold };
}

/** What is trusted before the step. */
interface Before<T> {
  readonly root: TrustedRoot;
  readonly trusted: T | null;
  readonly known: KnownVersions;
}

/**
 * TUF 5.4. Returns the trusted one if the version has not changed.
 * @throws CodedError TUF-* and codes of the source
 */
export async function updateTimestamp(
  context: TufContext,
  { root, trusted, known }: Before<TrustedTimestamp>,
  signal: AbortSignal,
): Promise<TrustedTimestamp> {
  const place: Place = { file: 'timestamp.json', role: 'timestamp', clause: '5.4.1' };
  const limitBytes = context.limits.timestampBytes;
  const bytes = await fetchFile(context, place, { limitBytes, revalidate: true, signal });
  if (bytes === null) throw coded('TUF-MISSING', { ...place, version: null, listedBy: 'the specification' });

  const fetched = await readTimestamp(bytes, root, { ...place, clause: '5.4.2' });
  requireNotOlder(fetched.content.version, Math.max(known.timestamp, trusted?.content.version ?? 0), {
    ...place,
    clause: '5.4.3.1',
  });
  if (fetched.content.version === trusted?.content.version) {
    requireUnexpired(context, trusted.content, { ...place, clause: '5.4.4' });
    return trusted;
  }
  const knownSnapshot = Math.max(known.snapshot, trusted?.content.snapshot.version ?? 0);
  requireNotOlder(fetched.content.snapshot.version, knownSnapshot, { ...place, role: 'snapshot', clause: '5.4.3.2' });
  requireUnexpired(context, fetched.content, { ...place, clause: '5.4.4' });
  await context.store.save('timestamp', bytes);
  return fetched;
}

/**
 * TUF 5.5. Returns the trusted one if it is what the timestamp lists.
 * @throws CodedError TUF-* and codes of the source
 */
export async function updateSnapshot(
  context: TufContext,
  { root, trusted, known, timestamp }: Before<TrustedSnapshot> & { readonly timestamp: TrustedTimestamp },
  signal: AbortSignal,
): Promise<TrustedSnapshot> {
  const listed = timestamp.content.snapshot;
  const isConsistent = root.content.consistentSnapshot;
  const file = isConsistent ? `${listed.version}.snapshot.json` : 'snapshot.json';
  const place = { file, role: 'snapshot', clause: '5.5.1', listedBy: 'timestamp.json' };
  const check = (snapshot: TrustedSnapshot) => {
    requireVersion(snapshot.content.version, listed.version, { ...place, clause: '5.5.4' });
    requireUnexpired(context, snapshot.content, { ...place, clause: '5.5.6' });
  };
  const isCurrent = (stored: TrustedSnapshot) =>
    findDifference(stored.bytes, listed) === null && doesNotThrow(() => check(stored));
  if (trusted !== null && isCurrent(trusted)) {
    requireNothingOlder(trusted, null, { known, file });
    return trusted;
  }

  const limitBytes = Math.min(listed.length ?? Number.POSITIVE_INFINITY, context.limits.snapshotBytes);
  const bytes = await fetchFile(context, place, { limitBytes, revalidate: !isConsistent, signal });
  if (bytes === null) throw coded('TUF-MISSING', { ...place, version: listed.version });
  requireListed(bytes, listed, { ...place, clause: '5.5.2' });
  const fetched = await readSnapshot(bytes, root, { ...place, clause: '5.5.3' });
  check(fetched);
  requireNothingOlder(fetched, trusted, { known, file });
  await context.store.save('snapshot', bytes);
  return fetched;
}

/** TUF 5.5.5: every role that was listed or used before is still listed, in at least the same version. */
function requireNothingOlder(
  fetched: TrustedSnapshot,
  trusted: TrustedSnapshot | null,
  { known, file }: { readonly known: KnownVersions; readonly file: string },
): void {
  const minimum = new Map([...known.roles].map(([role, version]) => [`${role}.json`, version]));
  for (const [name, { version }] of trusted?.content.meta ?? []) {
    minimum.set(name, Math.max(version, minimum.get(name) ?? 0));
  }
  for (const [name, version] of minimum) {
    const found = fetched.content.meta.get(name)?.version ?? null;
    const role = name.slice(0, -'.json'.length);
    if (found === null || found < version) {
      throw coded('TUF-ROLLBACK', { file, role, found, known: version, clause: '5.5.5' });
    }
  }
}

function requireNotOlder(found: number, known: number, place: Place): void {
  if (found < known) throw coded('TUF-ROLLBACK', { ...place, found, known });
}

function doesNotThrow(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
