// `feed sign --tuf DIR` without a draft: renews the roles that are due and can be signed on this machine. It is meant
// for a timer.

import { type Envelope, isSigned, type RoleKeys, type TopRole, teamRole, topRole } from './documents.ts';
import { emptyDraft } from './draft.ts';
import { isHalfOver, lifetimeOf } from './lifetimes.ts';
import { nextTargets } from './next-documents.ts';
import { canSign, type PublishPorts, type PublishResult, publishDraft } from './publish.ts';
import type { Repository } from './repository.ts';
import { signDraft } from './sign-draft.ts';

/** Whether a document should be made again: less than half of its life is left, or its keys no longer sign for it. */
export function isDue(
  envelope: Envelope,
  by: RoleKeys,
  { kind, nowMs }: { readonly kind: TopRole; readonly nowMs: number },
): boolean {
  return (
    !isSigned(envelope, by) || isHalfOver(envelope.signed.expires, { lifetimeMs: lifetimeOf(kind, by.rule), nowMs })
  );
}

/** Renews targets, teams, snapshot and timestamp where that is due. @throws CodedError SIGNING-*, FILE-*, DISK-FULL */
export async function renew(repository: Repository, ports: PublishPorts): Promise<PublishResult> {
  const { signer, nowMs } = ports;
  const contents = [
    { role: 'targets', envelope: repository.targets, by: topRole(repository.root.signed, 'targets') },
    ...[...repository.teams].flatMap(([role, envelope]) => {
      const by = teamRole(repository.targets.signed, role);
      return by === null ? [] : [{ role, envelope, by }];
    }),
  ];
  const due = contents.filter(({ envelope, by }) => isDue(envelope, by, { kind: 'targets', nowMs }));
  const notes = due
    .filter(({ by }) => !canSign(signer, by))
    .map(
      ({ role, envelope: { signed } }) =>
        `${role} is due for renewal (it expires ${signed.expires}), but its keys are not here.`,
    );
  const made = due
    .filter(({ by }) => canSign(signer, by))
    .map(({ role, envelope, by }) => [role, nextTargets(envelope.signed, {}, { rule: by.rule, nowMs })] as const);
  const draft = {
    ...emptyDraft(repository),
    targets: made.find(([role]) => role === 'targets')?.[1] ?? null,
    teams: new Map(made.filter(([role]) => role !== 'targets')),
  };
  const published = await publishDraft((await signDraft(draft, signer)).draft, repository, ports);
  return published.kind === 'published' ? { ...published, warnings: [...notes, ...published.warnings] } : published;
}
