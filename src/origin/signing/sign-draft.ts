// Adds the signatures of this machine's keys to a draft, and describes a draft to the people who sign it.

import { showForeign } from '#errors/template.ts';
import { type RoleKeys, type RootDocument, type TargetsDocument, TOP_ROLES, validSigners } from './documents.ts';
import { type Draft, draftDocuments, mapDocuments, progressOf, requirementsOf } from './draft.ts';
import type { SigningKeys } from './signing-keys.ts';

/** A draft after this machine's keys signed it. */
export interface SignedDraft {
  readonly draft: Draft;
  /** What was added: the role, and the name of the key. */
  readonly added: readonly { readonly role: string; readonly key: string }[];
}

/** Signs every document with the keys of the folder, where signatures are missing. @throws CodedError SIGNING-* */
export async function signDraft(draft: Draft, signer: SigningKeys): Promise<SignedDraft> {
  const added: { role: string; key: string }[] = [];
  const signed = await mapDocuments(draft, async (envelope, role) => {
    const wanted = new Set(
      requirementsOf(draft, role).flatMap(({ by }) => wantedKeys(validSigners(envelope, by), by, signer)),
    );
    for (const id of wanted) added.push({ role, key: signer.nameOf(id) });
    return await signer.sign(envelope, [...wanted]);
  });
  return { draft: signed, added };
}

/** Whether a key of this machine could still sign something. */
export function canAdd(draft: Draft, signer: SigningKeys): boolean {
  return progressOf(draft).some(({ requirements }) =>
    requirements.some(({ by, signers }) => wantedKeys(signers, by, signer).length > 0),
  );
}

/** The keys of this machine that can add to these signatures; none if there are enough. */
function wantedKeys(signers: readonly string[], { rule }: RoleKeys, signer: SigningKeys): readonly string[] {
  if (signers.length >= rule.threshold) return [];
  return rule.keyids.filter((id) => signer.has(id) && !signers.includes(id));
}

/**
 * What a draft changes, in lines for the people who are to sign it. `nameOf` names a key. Anyone can make a draft, so its
 * texts are escaped, and every key is listed even if the draft says that it is unchanged.
 */
export function describeDraft(draft: Draft, nameOf: (keyId: string) => string): readonly string[] {
  const lines = draftDocuments(draft).flatMap(([role, { signed }]) => {
    const head = `${showForeign(role)} ${signed.version}, expires ${showForeign(signed.expires)}`;
    if (signed._type === 'root') return [head, ...rootLines(signed, draft.trustedRoot?.signed ?? null, nameOf)];
    const previous = role === 'targets' ? (draft.trustedTargets?.signed ?? null) : null;
    return [head, ...targetsLines(signed as TargetsDocument, previous, nameOf)];
  });
  return lines;
}

type NameOf = (keyId: string) => string;

function rootLines(root: RootDocument, before: RootDocument | null, nameOf: NameOf): readonly string[] {
  return TOP_ROLES.map((role) => {
    const { keyids, threshold } = root.roles[role];
    const old = before?.roles[role];
    const changes = [
      ...added(old?.keyids ?? [], keyids).map((id) => `adds ${nameOf(id)}`),
      ...added(keyids, old?.keyids ?? []).map((id) => `removes ${nameOf(id)}`),
      ...(old === undefined || old.threshold === threshold ? [] : [`threshold was ${old.threshold}`]),
    ];
    const change = before === null ? '' : ` (${changes.length === 0 ? 'unchanged' : changes.join(', ')})`;
    return `  ${role}: ${threshold} of ${keyids.map(nameOf).join(', ')}${change}`;
  });
}

function targetsLines(made: TargetsDocument, before: TargetsDocument | null, nameOf: NameOf): readonly string[] {
  const paths = Object.keys(made.targets);
  const count = `${paths.length} ${paths.length === 1 ? 'target' : 'targets'}`;
  const differing = before === null ? [] : paths.filter((path) => digestIn(made, path) !== digestIn(before, path));
  const gone = before === null ? [] : added(paths, Object.keys(before.targets));
  return [
    `  ${count}`,
    ...differing.map((path) => `  adds or changes ${showForeign(path)}`),
    ...gone.map((path) => `  removes ${showForeign(path)}`),
    ...(made.delegations?.roles ?? []).map(
      ({ name, paths: patterns, keyids, threshold }) =>
        `  delegates ${patterns.map(showForeign).join(', ')} to ${showForeign(name)}: ${threshold} of ${keyids.map(nameOf).join(', ')}`,
    ),
  ];
}

function digestIn({ targets }: TargetsDocument, path: string): string | undefined {
  return targets[path]?.hashes.sha256;
}

/** What the second list has and the first has not. */
function added(from: readonly string[], to: readonly string[]): readonly string[] {
  return to.filter((one) => !from.includes(one));
}
