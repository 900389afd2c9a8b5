// Makes the next version of each document from its previous version. Pure: nothing is signed or written.

import {
  countKeys,
  type DelegatedRule,
  type Delegation,
  type Envelope,
  hashOf,
  type MetaFacts,
  ONLINE_ROLES,
  type RoleRule,
  type RootDocument,
  renderEnvelope,
  type SnapshotDocument,
  SPEC_VERSION,
  type TargetFacts,
  type TargetsDocument,
  type TimestampDocument,
  type TopRole,
  type TufDocument,
  type TufKey,
} from './documents.ts';
import type { KnownKey } from './key-folder.ts';
import { expiryAt, lifetimeField, lifetimeOf } from './lifetimes.ts';

/** What a new root changes. A role that is not named keeps its keys. */
export interface RootChange {
  readonly keys: Readonly<Partial<Record<TopRole, readonly KnownKey[]>>>;
  readonly thresholds: Readonly<Partial<Record<TopRole, number>>>;
  /** In days. */
  readonly lifetimes: Readonly<Partial<Record<TopRole, number>>>;
}

/** Two people must agree to a new root, unless the vendor decides otherwise. */
const DEFAULT_THRESHOLD: Readonly<Record<TopRole, number>> = { root: 2, targets: 1, snapshot: 1, timestamp: 1 };

/** The next root, or what is wrong with the change. */
export function nextRoot(
  previous: RootDocument | null,
  change: RootChange,
  nowMs: number,
): { readonly root: RootDocument } | { readonly problem: string } {
  const roles = {} as Record<TopRole, RoleRule>;
  const keys = new Map(Object.entries(previous?.keys ?? {}));
  for (const role of ['root', ...ONLINE_ROLES] as const) {
    for (const { keyId, key } of change.keys[role] ?? []) keys.set(keyId, key);
    const rule = nextRule(role, { previous: previous?.roles[role], keys }, change);
    if (typeof rule === 'string') return { problem: rule };
    roles[role] = rule;
  }
  const used = new Set(Object.values(roles).flatMap(({ keyids }) => keyids));
  const root: RootDocument = {
    _type: 'root',
    spec_version: SPEC_VERSION,
    version: (previous?.version ?? 0) + 1,
    expires: expiryAt(nowMs, lifetimeOf('root', roles.root)),
    consistent_snapshot: true,
    keys: Object.fromEntries([...keys].filter(([id]) => used.has(id)).toSorted(byName)),
    roles,
  };
  return { root };
}

function nextRule(
  role: TopRole,
  { previous, keys }: { readonly previous: RoleRule | undefined; readonly keys: ReadonlyMap<string, TufKey> },
  change: RootChange,
): RoleRule | string {
  const given = change.keys[role];
  const keyids = given === undefined ? (previous?.keyids ?? []) : [...new Set(given.map(({ keyId }) => keyId))];
  if (keyids.length === 0) return `no key is named for ${role}`;
  const threshold = change.thresholds[role] ?? previous?.threshold ?? DEFAULT_THRESHOLD[role];
  const count = countKeys(keyids.map((id) => keys.get(id)));
  if (threshold > count) {
    return `${role} needs ${threshold} signatures, but the number of its keys is ${count}`;
  }
  const days = change.lifetimes[role];
  const hours = previous?.['x-sallyport-lifetime-hours'];
  const kept = hours === undefined ? {} : { 'x-sallyport-lifetime-hours': hours };
  return { keyids, threshold, ...(days === undefined ? kept : lifetimeField(days)) };
}

/** What the next targets of a role contain. */
export interface TargetsChange {
  readonly targets?: Readonly<Record<string, TargetFacts>>;
  readonly delegations?: Delegation;
}

/** The next version of targets, or of the targets of a team. `rule` is the one that it is signed by. */
export function nextTargets(
  previous: TargetsDocument | null,
  change: TargetsChange,
  { rule, nowMs, version = (previous?.version ?? 0) + 1 }: { rule: RoleRule; nowMs: number; version?: number },
): Envelope<TargetsDocument> {
  const delegations = change.delegations ?? previous?.delegations;
  const signed: TargetsDocument = {
    _type: 'targets',
    spec_version: SPEC_VERSION,
    version,
    expires: expiryAt(nowMs, lifetimeOf('targets', rule)),
    targets: change.targets ?? previous?.targets ?? {},
    ...(delegations === undefined ? {} : { delegations }),
  };
  return { signatures: [], signed };
}

/** The delegations with this rule in place of an earlier one of its name; without it if `rule` is null. */
export function nextDelegations(
  previous: Delegation | undefined,
  name: string,
  made: { readonly rule: DelegatedRule; readonly keys: readonly KnownKey[] } | null,
): Delegation {
  const others = (previous?.roles ?? []).filter((one) => one.name !== name);
  const roles = made === null ? others : [...others, made.rule];
  const used = new Set(roles.flatMap(({ keyids }) => keyids));
  const known = new Map(Object.entries(previous?.keys ?? {}));
  for (const { keyId, key } of made?.keys ?? []) known.set(keyId, key);
  return { keys: Object.fromEntries([...known].filter(([id]) => used.has(id)).toSorted(byName)), roles };
}

/** The next snapshot: what the previous one lists, with these files in their new versions (TUF 5.5.6: none disappears). */
export function nextSnapshot(
  previous: SnapshotDocument | null,
  changed: Readonly<Record<string, Envelope>>,
  { rule, nowMs }: { rule: RoleRule; nowMs: number },
): Envelope<SnapshotDocument> {
  const facts = Object.entries(changed).map(([name, envelope]) => [name, metaFacts(envelope)] as const);
  const meta = Object.fromEntries(Object.entries({ ...previous?.meta, ...Object.fromEntries(facts) }).toSorted(byName));
  const signed: SnapshotDocument = { ...commonOf('snapshot', previous, { rule, nowMs }), _type: 'snapshot', meta };
  return { signatures: [], signed };
}

/** The next timestamp of this snapshot. */
export function nextTimestamp(
  previous: TimestampDocument | null,
  snapshot: Envelope,
  { rule, nowMs }: { rule: RoleRule; nowMs: number },
): Envelope<TimestampDocument> {
  const signed: TimestampDocument = {
    ...commonOf('timestamp', previous, { rule, nowMs }),
    _type: 'timestamp',
    meta: { 'snapshot.json': metaFacts(snapshot) },
  };
  return { signatures: [], signed };
}

function commonOf(
  kind: 'snapshot' | 'timestamp',
  previous: TufDocument | null,
  { rule, nowMs }: { rule: RoleRule; nowMs: number },
): { spec_version: string; version: number; expires: string } {
  return {
    spec_version: SPEC_VERSION,
    version: (previous?.version ?? 0) + 1,
    expires: expiryAt(nowMs, lifetimeOf(kind, rule)),
  };
}

function metaFacts(envelope: Envelope): MetaFacts {
  const bytes = renderEnvelope(envelope);
  return { version: envelope.signed.version, length: bytes.length, hashes: { sha256: hashOf(bytes) } };
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : Number(left > right);
}
