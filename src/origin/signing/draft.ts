// A draft: a file with documents that still need signatures. People carry it from machine to machine, or send a copy to
// each signer.
//
// The file has everything that a signer needs to check it: the new documents, and the documents that agents trust now.
// It contains no secret, and no signature in it is trusted without a check.

import { coded } from '#errors/coded-error.ts';
import {
  bytesToSign,
  type Envelope,
  type RoleKeys,
  type RootDocument,
  readEnvelope,
  type TargetsDocument,
  type TufDocument,
  teamRole,
  topRole,
  validSigners,
  withSignature,
} from './documents.ts';
import type { Repository } from './repository.ts';

/** What is to be published together. */
export interface Draft {
  /** The root that agents trust; null before the first one. */
  readonly trustedRoot: Envelope<RootDocument> | null;
  /** The targets that agents trust, which name the keys of teams; null if no team is in the draft. */
  readonly trustedTargets: Envelope<TargetsDocument> | null;
  readonly root: Envelope<RootDocument> | null;
  readonly targets: Envelope<TargetsDocument> | null;
  readonly teams: ReadonlyMap<string, Envelope<TargetsDocument>>;
}

/** One set of keys that signs a document. */
export interface Requirement {
  /** Such as `root version 2`: where the keys are listed. */
  readonly listedIn: string;
  readonly by: RoleKeys;
  /** Without it the document cannot be published. Others only spare agents a retry (`publish.ts`). */
  readonly isNeeded: boolean;
}

/** How far the signatures of a document are. */
export interface Progress {
  readonly role: string;
  readonly version: number;
  readonly requirements: readonly (Requirement & { readonly signers: readonly string[] })[];
  readonly isComplete: boolean;
}

const FORMAT = 'sallyport-draft-1';

/** A draft that continues this repository, without documents. */
export function emptyDraft(repository: Repository | null): Draft {
  const { root = null, targets = null } = repository ?? {};
  return { trustedRoot: root, trustedTargets: targets, root: null, targets: null, teams: new Map() };
}

/** Every document with its role, in the order in which they are shown. */
export function draftDocuments(draft: Draft): readonly (readonly [role: string, Envelope])[] {
  const top = [['root', draft.root] as const, ['targets', draft.targets] as const];
  return [...top, ...draft.teams].flatMap(([role, envelope]) => (envelope === null ? [] : [[role, envelope] as const]));
}

/** Whose signatures a document of the draft needs. @throws CodedError SIGNING-DRAFT for a team that is not delegated */
export function requirementsOf(draft: Draft, role: string): readonly Requirement[] {
  const next = draft.root ?? draft.trustedRoot;
  if (next === null) throw draftError(`it has no root`);
  const listed = ({ signed }: Envelope<RootDocument>, top: 'root' | 'targets', isNeeded: boolean): Requirement => ({
    listedIn: `root version ${signed.version}`,
    by: topRole(signed, top),
    isNeeded,
  });
  const before = draft.root === null || draft.trustedRoot === null ? [] : [draft.trustedRoot];
  // A new root needs the keys of the previous one as well (TUF 5.3.4). Targets are read under either root for a moment.
  if (role === 'root') return [...before.map((one) => listed(one, 'root', true)), listed(next, 'root', true)];
  if (role === 'targets') {
    return [listed(next, 'targets', true), ...before.map((one) => listed(one, 'targets', false))];
  }
  const delegator = draft.targets ?? draft.trustedTargets;
  const by = delegator === null ? null : teamRole(delegator.signed, role);
  if (by === null) throw draftError(`targets delegates nothing to ${role}`);
  return [{ listedIn: `targets version ${delegator?.signed.version}`, by, isNeeded: true }];
}

/** How far each document is. */
export function progressOf(draft: Draft): readonly Progress[] {
  return draftDocuments(draft).map(([role, envelope]) => {
    const requirements = requirementsOf(draft, role).map((one) => ({
      ...one,
      signers: validSigners(envelope, one.by),
    }));
    const isComplete = requirements.every(
      ({ isNeeded, signers, by }) => !isNeeded || signers.length >= by.rule.threshold,
    );
    return { role, version: envelope.signed.version, requirements, isComplete };
  });
}

/** Whether every document can be published. */
export function isComplete(draft: Draft): boolean {
  return progressOf(draft).every((one) => one.isComplete);
}

/** The draft with each document as `change` returns it. */
export async function mapDocuments(
  draft: Draft,
  change: <D extends TufDocument>(envelope: Envelope<D>, role: string) => Promise<Envelope<D>>,
): Promise<Draft> {
  const root = draft.root === null ? null : await change(draft.root, 'root');
  const targets = draft.targets === null ? null : await change(draft.targets, 'targets');
  const teams = new Map<string, Envelope<TargetsDocument>>();
  for (const [role, envelope] of draft.teams) teams.set(role, await change(envelope, role));
  return { ...draft, root, targets, teams };
}

/** Adds the valid signatures of copies of the same draft. @throws CodedError SIGNING-DRAFT if a copy differs */
export async function mergeDrafts(draft: Draft, copies: readonly Draft[]): Promise<Draft> {
  const fingerprint = (one: Draft) => draftDocuments(one).map(([role, { signed }]) => [role, bytesToSign(signed)]);
  const own = JSON.stringify(fingerprint(draft));
  if (copies.some((copy) => JSON.stringify(fingerprint(copy)) !== own)) {
    throw draftError('the copies have different documents; sign copies of one draft');
  }
  return await mapDocuments(draft, (envelope, role) => {
    const found = copies.flatMap((copy) => new Map(draftDocuments(copy)).get(role)?.signatures ?? []);
    const merged = found.reduce((before, made) => withValid(draft, before, { role, made }), envelope);
    return Promise.resolve(merged);
  });
}

function withValid<D extends TufDocument>(
  draft: Draft,
  envelope: Envelope<D>,
  { role, made }: { role: string; made: Envelope['signatures'][number] },
): Envelope<D> {
  const one: Envelope = { signatures: [made], signed: envelope.signed };
  const isValid = requirementsOf(draft, role).some(({ by }) => validSigners(one, by).length > 0);
  return isValid ? withSignature(envelope, made) : envelope;
}

/** The content of the file of a draft. */
export function renderDraft(draft: Draft): Buffer {
  const { trustedRoot, trustedTargets, root, targets, teams } = draft;
  // The targets can be large, and only a team's keys are read in them.
  const trusted = { root: trustedRoot, ...(teams.size > 0 && targets === null ? { targets: trustedTargets } : {}) };
  const documents = { root, targets, teams: Object.fromEntries(teams) };
  return Buffer.from(`${JSON.stringify({ format: FORMAT, trusted, documents }, null, 1)}\n`);
}

/** Reads the file of a draft. @throws CodedError SIGNING-DRAFT */
export function readDraft(bytes: Uint8Array): Draft {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw draftError('it is not JSON');
  }
  const { format, trusted, documents } = fieldsOf(parsed);
  if (format !== FORMAT) throw draftError(`it is not a draft of this program (${FORMAT})`);
  const { root, targets, teams } = fieldsOf(documents);
  const kept = fieldsOf(trusted);
  const draft: Draft = {
    trustedRoot: readPart<RootDocument>('root', kept['root']),
    trustedTargets: readPart<TargetsDocument>('targets', kept['targets']),
    root: readPart<RootDocument>('root', root),
    targets: readPart<TargetsDocument>('targets', targets),
    teams: new Map(
      Object.entries(fieldsOf(teams)).flatMap(([name, value]) => {
        const read = readPart<TargetsDocument>('targets', value);
        return read === null ? [] : [[name, read] as const];
      }),
    ),
  };
  if (draftDocuments(draft).length === 0) throw draftError('it has no document');
  return draft;
}

export function draftError(reason: string): Error {
  return coded('SIGNING-DRAFT', { reason });
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function readPart<D extends TufDocument>(kind: D['_type'], value: unknown): Envelope<D> | null {
  if (value === null || value === undefined) return null;
  const read = readEnvelope<D>(kind, JSON.stringify(value));
  if ('problem' in read) throw draftError(`its ${kind} is not valid: ${read.problem}`);
  return read.envelope;
}
