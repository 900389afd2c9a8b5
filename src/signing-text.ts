// Texts of the commands that sign: keys, signatures, what was published, and the state of a repository.

import { type Terminal, widthOf } from '#cli/terminal/terminal.ts';
import { formatTable } from '#control/text/table.ts';
import { showDuration, showForeign } from '#errors/template.ts';
import type { Progress } from '#origin/signing/draft.ts';
import type { KnownKey } from '#origin/signing/key-folder.ts';
import type { PublishResult } from '#origin/signing/publish.ts';
import type { RepositoryState, RoleState } from '#origin/signing/repository-status.ts';
import { utcTime } from '#system/moment.ts';

const DAY_MS = 86_400_000;
const SIGNS_BY = { file: 'here', command: 'a command', nothing: 'elsewhere' } as const;

/** The keys of a folder as a table. */
export function keyLines(keys: readonly KnownKey[], { screen }: Terminal): readonly string[] {
  if (keys.length === 0) return ['There are no keys in this folder.'];
  const rows = keys.map(({ name, keyId, key, signsBy }) => [name, key.scheme, SIGNS_BY[signsBy], keyId]);
  return formatTable(['NAME', 'SCHEME', 'PRIVATE HALF', 'KEY ID'], rows, widthOf(screen));
}

/** How many signatures each document has, and whose are missing. */
export function progressLines(progress: readonly Progress[], nameOf: (keyId: string) => string): readonly string[] {
  return progress.flatMap(({ role, version, requirements }) =>
    requirements.map(({ listedIn, by: { rule }, signers, isNeeded }) => {
      const missing = rule.keyids.filter((id) => !signers.includes(id)).map(nameOf);
      const [count, needed] = [signers.length, rule.threshold];
      const need = `${isNeeded ? 'required' : 'recommended'} ${needed === 1 ? 'signature' : 'signatures'}`;
      const source = [...(count === 0 ? [] : [signers.map(nameOf).join(', ')]), `keys of ${listedIn}`].join('; ');
      const rest = count >= needed ? '' : `; can sign: ${missing.join(', ')}`;
      return `${showForeign(role)} ${version}: ${count} of ${needed} ${need} (${source})${rest}`;
    }),
  );
}

/** Prints what was written. */
export function printPublished(terminal: Terminal, published: PublishResult): void {
  if (published.kind === 'keys-missing') {
    terminal.out(
      `Nothing was published, because no key here can sign ${published.roles.map((role) => `the ${role}`).join(' or ')}.`,
    );
    return;
  }
  for (const warning of published.warnings) terminal.err(`warning: ${warning}`);
  const { files } = published;
  terminal.out(files.length === 0 ? 'Everything is up to date.' : `Published ${files.join(', ')}.`);
}

/** A repository as a table, and what is wrong with it. */
export function statusLines(
  state: RepositoryState,
  { nowMs, names, screen }: { nowMs: number; names: ReadonlyMap<string, string>; screen: Terminal['screen'] },
): readonly string[] {
  const nameOf = (id: string) => names.get(id) ?? id.slice(0, 12);
  const rows = state.roles.map((role) => [
    role.role,
    role.version,
    role.expires,
    stateText(role, nowMs),
    `${role.signers.map(nameOf).join(', ')} (${role.threshold} of ${role.keys.length} needed)`,
  ]);
  const { unpublished, missing, targets } = state;
  return [
    ...formatTable(['ROLE', 'VERSION', 'EXPIRES', 'STATE', 'SIGNED BY'], rows, widthOf(screen)),
    ...unpublished.map((team) => `${team} has published nothing yet.`),
    missing === null
      ? `${targets} ${targets === 1 ? 'target' : 'targets'}, all files present.`
      : `The file targets/${missing} is missing or incomplete.`,
  ];
}

function stateText({ state, expiresMs }: RoleState, nowMs: number): string {
  if (state === 'expired') return `EXPIRED ${span(nowMs - expiresMs)} ago`;
  return `${state === 'valid' ? 'valid' : 'RENEW NOW'}, ${span(expiresMs - nowMs)} left`;
}

function span(ms: number): string {
  return ms < 2 * DAY_MS ? showDuration(ms) : `${Math.floor(ms / DAY_MS)} d`;
}

/** The same for programs. */
export function statusJson(state: RepositoryState, names: ReadonlyMap<string, string>): unknown {
  const keysOf = (ids: readonly string[]) => ids.map((keyid) => ({ keyid, name: names.get(keyid) ?? null }));
  return {
    ok: state.isGood,
    roles: state.roles.map(({ role, version, expires, overdueMs, threshold, keys, signers, state: now }) => ({
      role,
      version,
      expires,
      renew_before: utcTime(overdueMs),
      state: now,
      threshold,
      keys: keysOf(keys),
      signers: keysOf(signers),
    })),
    unpublished_teams: state.unpublished,
    targets: state.targets,
    missing_file: state.missing === null ? null : `targets/${state.missing}`,
  };
}
