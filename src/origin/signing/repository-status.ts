// `feed status`: which roles of a repository must be renewed, and by whom. Pure, except that it checks the files that
// targets name.

import {
  type Envelope,
  type RoleKeys,
  type TargetsDocument,
  type TopRole,
  teamRole,
  topRole,
  validSigners,
} from './documents.ts';
import { lifetimeOf, renewalOf } from './lifetimes.ts';
import type { Repository, RepositoryFolder } from './repository.ts';
import { missingTargets } from './target-files.ts';

/** One role of the repository. */
export interface RoleState {
  readonly role: string;
  readonly version: number;
  /** RFC 3339. */
  readonly expires: string;
  readonly expiresMs: number;
  /** From here on `feed status` fails. Milliseconds since the epoch. */
  readonly overdueMs: number;
  readonly state: 'valid' | 'overdue' | 'expired';
  readonly threshold: number;
  /** Ids of the keys that may sign, and of those that did. */
  readonly keys: readonly string[];
  readonly signers: readonly string[];
}

export interface RepositoryState {
  readonly roles: readonly RoleState[];
  /** Teams that may sign, but have not published anything. */
  readonly unpublished: readonly string[];
  readonly targets: number;
  /** A file that targets name and that is not there. */
  readonly missing: string | null;
  /** Nothing is overdue, expired or missing. */
  readonly isGood: boolean;
}

/** @throws CodedError FILE-* */
export async function stateOf(
  repository: Repository,
  { folder, nowMs }: { readonly folder: RepositoryFolder; readonly nowMs: number },
): Promise<RepositoryState> {
  const { root, targets, snapshot, timestamp, teams } = repository;
  const top = (role: TopRole, envelope: Envelope): RoleState =>
    roleState({ role, kind: role, envelope, by: topRole(root.signed, role), nowMs });
  const delegated = targets.signed.delegations?.roles ?? [];
  const roles = [
    top('root', root),
    top('targets', targets),
    ...[...teams].flatMap(([role, envelope]) => {
      const by = teamRole(targets.signed, role);
      return by === null ? [] : [roleState({ role, kind: 'targets', envelope, by, nowMs })];
    }),
    top('snapshot', snapshot),
    top('timestamp', timestamp),
  ];
  const documents: readonly Envelope<TargetsDocument>[] = [targets, ...teams.values()];
  const missing = await missingTargets(folder, documents);
  return {
    roles,
    unpublished: delegated.map(({ name }) => name).filter((name) => !teams.has(name)),
    targets: documents.reduce((sum, { signed }) => sum + Object.keys(signed.targets).length, 0),
    missing,
    isGood: missing === null && roles.every(({ state }) => state === 'valid'),
  };
}

function roleState(of: {
  readonly role: string;
  readonly kind: TopRole;
  readonly envelope: Envelope;
  readonly by: RoleKeys;
  readonly nowMs: number;
}): RoleState {
  const { role, kind, envelope, by, nowMs } = of;
  const { version, expires } = envelope.signed;
  const expiresMs = Date.parse(expires);
  const overdueMs = expiresMs - renewalOf(kind, lifetimeOf(kind, by.rule));
  const late = nowMs < overdueMs ? 'valid' : 'overdue';
  return {
    role,
    version,
    expires,
    expiresMs,
    overdueMs,
    state: nowMs >= expiresMs ? 'expired' : late,
    threshold: by.rule.threshold,
    keys: by.rule.keyids,
    signers: validSigners(envelope, by),
  };
}
