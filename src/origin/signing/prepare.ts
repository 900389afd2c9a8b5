// Prepares drafts of a new root, and of the delegation of paths to a team. They are signed and published later.

import { countKeys, type DelegatedRule, type Delegation, isSigned, teamRole, topRole } from './documents.ts';
import { type Draft, draftError, emptyDraft } from './draft.ts';
import type { KnownKey } from './key-folder.ts';
import { nextDelegations, nextRoot, nextTargets, type RootChange } from './next-documents.ts';
import { type Repository, repositoryError } from './repository.ts';

/** A draft, and what the vendor should think about before it is signed. */
export interface Prepared {
  readonly draft: Draft;
  readonly warnings: readonly string[];
}

/**
 * The next root; the first one without a repository. Targets are part of the draft if their keys change, because they must be
 * valid under the new root at once.
 * @throws CodedError SIGNING-DRAFT if the change is not possible
 */
export function prepareRoot(repository: Repository | null, change: RootChange, nowMs: number): Prepared {
  const made = nextRoot(repository?.root.signed ?? null, change, nowMs);
  if ('problem' in made) throw draftError(made.problem);
  const { root } = made;
  const by = topRole(root, 'targets');
  const before = repository?.targets ?? null;
  const targets =
    before !== null && isSigned(before, by) ? null : nextTargets(before?.signed ?? null, {}, { rule: by.rule, nowMs });
  const draft = { ...emptyDraft(repository), root: { signatures: [], signed: root }, targets };
  const { keyids, threshold } = root.roles.root;
  const online = new Set([...root.roles.snapshot.keyids, ...root.roles.timestamp.keyids]);
  return {
    draft,
    warnings: [
      ...(threshold === 1 ? ['One key alone can replace every other key: give root a threshold of 2 or more.'] : []),
      ...(keyids.length === threshold
        ? ['Every root key must sign: if one is lost, the root is lost. Add a spare key.']
        : []),
      ...(keyids.some((id) => online.has(id))
        ? ['A root key also signs snapshot or timestamp: keep root keys offline.']
        : []),
    ],
  };
}

/** A name is a part of file names. The names of the top-level roles are taken. */
const TEAM_NAME = /^[a-z][a-z0-9-]{0,62}$/;
const RESERVED = new Set(['root', 'targets', 'snapshot', 'timestamp']);
const MAX_PATTERN_LENGTH = 256;

/** What a team may sign. */
export interface TeamChange {
  readonly team: string;
  /** Patterns such as `team-b/*`: `*` does not match a slash (TUF 4.5). */
  readonly paths: readonly string[];
  readonly keys: readonly KnownKey[];
  readonly threshold: number;
}

/** Delegates paths to a team, or changes its paths or keys. @throws CodedError SIGNING-DRAFT */
export function prepareTeam(repository: Repository, change: TeamChange, nowMs: number): Prepared {
  const { team, paths, keys, threshold } = change;
  checkTeam(change);
  const rule: DelegatedRule = {
    name: team,
    keyids: [...new Set(keys.map(({ keyId }) => keyId))],
    threshold,
    terminating: true,
    paths,
  };
  const { draft, delegations } = withDelegations(
    repository,
    (before) => nextDelegations(before, team, { rule, keys }),
    nowMs,
  );
  const published = repository.teams.get(team);
  const by = { rule, keys: delegations.keys };
  const next =
    published === undefined || isSigned(published, by) ? null : nextTargets(published.signed, {}, { rule, nowMs });
  return { draft: { ...draft, teams: next === null ? new Map() : new Map([[team, next]]) }, warnings: [] };
}

/** Takes the paths of a team back. Its packages are no longer signed. @throws CodedError SIGNING-DRAFT */
export function removeTeam(repository: Repository, team: string, nowMs: number): Prepared {
  if (teamRole(repository.targets.signed, team) === null) throw draftError(`nothing is delegated to ${team}`);
  const { draft } = withDelegations(repository, (before) => nextDelegations(before, team, null), nowMs);
  return { draft, warnings: [] };
}

function withDelegations(
  repository: Repository,
  change: (before: Delegation | undefined) => Delegation,
  nowMs: number,
): { readonly draft: Draft; readonly delegations: Delegation } {
  const { root, targets } = repository;
  const delegations = change(targets.signed.delegations);
  const { rule } = topRole(root.signed, 'targets');
  const next = nextTargets(targets.signed, { delegations }, { rule, nowMs });
  return { draft: { ...emptyDraft(repository), targets: next }, delegations };
}

function checkTeam({ team, paths, keys, threshold }: TeamChange): void {
  if (!TEAM_NAME.test(team) || RESERVED.has(team)) {
    throw draftError('the name of a team has at most 63 small letters, digits and dashes, and begins with a letter');
  }
  const bad = paths.find((path) => path === '' || path.length > MAX_PATTERN_LENGTH || path.startsWith('/'));
  if (paths.length === 0 || bad !== undefined) {
    throw draftError('a pattern has 1 to 256 characters and does not begin with a slash, such as team-b/*');
  }
  const count = countKeys(keys.map(({ key }) => key));
  if (threshold > count)
    throw draftError(`${team} needs ${threshold} signatures, but the number of its keys is ${count}`);
}

/** @throws CodedError SIGNING-REPOSITORY */
export function existing(repository: Repository | null): Repository {
  if (repository !== null) return repository;
  const fix = 'make the first root with sallyport feed rotate, or check whether --tuf names another folder';
  throw repositoryError('1.root.json', 'there is no root yet', fix);
}
