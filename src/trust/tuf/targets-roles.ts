// The signed files that list packages: the targets role and delegated roles (TUF 5.6). Each is loaded when a search
// needs it.
//
// Guarantees: a role is used only in the version that the snapshot lists, and only if the delegating role permits its
// keys. If two roles delegate to the same role, it is verified with the keys of each delegation.

import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import type { SigningAuthority } from './authority.ts';
import {
  fetchFile,
  requireListed,
  requireUnexpired,
  requireVersion,
  type Trusted,
  type TufContext,
} from './context.ts';
import { decodeTargets, type ListedFile, type TargetsContent } from './decode.ts';
import { everyDelegate } from './delegations.ts';
import { asInvalid, betweenSteps, type Place, readSignedDocument, type SignedDocument } from './document.ts';
import type { TrustedSnapshot } from './online-roles.ts';
import { requireThreshold } from './threshold.ts';
import type { Signer } from './types.ts';

export type TrustedTargets = Trusted<TargetsContent>;

/** A role and who may sign it, according to the role that delegates to it. */
export interface Delegated {
  readonly role: string;
  readonly authority: SigningAuthority;
}

/** Verifies the signatures of a targets role and decodes it. @throws CodedError TUF-INVALID, TUF-SIGNATURE */
export function readTargets(bytes: Uint8Array, { authority }: Delegated, place: Place): Promise<TrustedTargets> {
  return readLoaded(bytes, authority, place);
}

async function readLoaded(bytes: Uint8Array, authority: SigningAuthority, place: Place): Promise<Loaded> {
  const document = await readSignedDocument(bytes, place);
  const signers = await requireThreshold(document, authority, place);
  const content = asInvalid(place, () => decodeTargets(document.signed));
  const verifiedFor = new Map([[authority, signers]]);
  return { content, bytes, signers, threshold: authority.threshold, document, verifiedFor };
}

interface Loaded extends TrustedTargets {
  readonly document: SignedDocument;
  /** Authorities that it was verified for. */
  readonly verifiedFor: Map<SigningAuthority, readonly Signer[]>;
}

/** The targets roles of one client, between a successful refresh and the end of the round. */
export class TargetsRoles {
  readonly #context: TufContext;
  readonly #snapshot: TrustedSnapshot;
  readonly #options: RolesOptions;
  readonly #loaded = new Map<string, Loaded>();

  constructor(context: TufContext, snapshot: TrustedSnapshot, options: RolesOptions) {
    this.#context = context;
    this.#snapshot = snapshot;
    this.#options = options;
  }

  /** Roles in the order in which they were loaded. */
  get loaded(): ReadonlyMap<string, TrustedTargets> {
    return this.#loaded;
  }

  /**
   * The role, verified for this authority: from memory, from the store, or from the repository.
   * @throws CodedError TUF-*, FILE-*, DISK-FULL and codes of the source
   */
  async load({ role, authority }: Delegated, signal: AbortSignal): Promise<TrustedTargets> {
    const known = this.#loaded.get(role);
    if (known !== undefined) {
      const place: Place = { file: `${role}.json`, role, clause: '5.6.3' };
      if (!known.verifiedFor.has(authority)) {
        known.verifiedFor.set(authority, await requireThreshold(known.document, authority, place));
      }
      return known;
    }
    const listed = this.#snapshot.content.meta.get(`${role}.json`);
    const file = listed !== undefined && this.#options.isConsistent ? `${listed.version}.${role}.json` : `${role}.json`;
    const step: Step = { role, authority, place: { file, role, clause: '5.6.1', listedBy: 'the snapshot' } };
    if (listed === undefined) throw coded('TUF-MISSING', { ...step.place, version: null, listedBy: 'a delegation' });
    const loaded = (await this.#fromStore(step, listed)) ?? (await this.#fromSource(step, listed, signal));
    this.#loaded.set(role, loaded);
    this.#options.accepted(role, loaded.content.version);
    return loaded;
  }

  /** The stored file, if it is what the snapshot lists. Another one is out of date, or signed by keys of the past. */
  async #fromStore(step: Step, listed: ListedFile): Promise<Loaded | null> {
    const bytes = await this.#context.store.read(step.role);
    if (bytes === null) return null;
    try {
      return await this.#verify(bytes, step, listed);
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      if (thrown.code !== 'TUF-INVALID') return null;
      const aside = await this.#context.store.setAside(step.role, asCoded(thrown));
      this.#context.report({ kind: 'set-aside', ...aside });
      return null;
    }
  }

  async #fromSource(step: Step, listed: ListedFile, signal: AbortSignal): Promise<Loaded> {
    const limitBytes = Math.min(listed.length ?? Number.POSITIVE_INFINITY, this.#context.limits.targetsBytes);
    const revalidate = !this.#options.isConsistent;
    const bytes = await fetchFile(this.#context, step.place, { limitBytes, revalidate, signal });
    if (bytes === null) throw coded('TUF-MISSING', { ...step.place, version: listed.version });
    const loaded = await this.#verify(bytes, step, listed);
    await this.#context.store.save(step.role, bytes);
    return loaded;
  }

  /** TUF 5.6.2 to 5.6.5. */
  async #verify(bytes: Uint8Array, { authority, place }: Step, listed: ListedFile): Promise<Loaded> {
    requireListed(bytes, listed, { ...place, clause: '5.6.2' });
    await betweenSteps(bytes);
    const loaded = await readLoaded(bytes, authority, { ...place, clause: '5.6.3' });
    requireVersion(loaded.content.version, listed.version, { ...place, clause: '5.6.4' });
    requireUnexpired(this.#context, loaded.content, { ...place, clause: '5.6.5' });
    return loaded;
  }
}

/** Maximum number of roles that a mirror follows: bins can be 2^32. */
const MAX_ROLES = 65_536;

/** Every role that the top level delegates to, directly or through others, after the roles that it delegates to itself. */
export async function* everyRole(
  roles: TargetsRoles,
  top: Delegated,
  signal: AbortSignal,
): AsyncGenerator<TrustedTargets & { readonly role: string }> {
  const order: Delegated[] = [];
  const found = new Set<string>();
  const stack = [top];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (found.has(next.role)) continue;
    found.add(next.role);
    order.push(next);
    const { delegations } = (await roles.load(next, signal)).content;
    for (const delegate of delegations === null ? [] : everyDelegate(delegations)) {
      if (stack.length >= MAX_ROLES) {
        throw coded('TUF-DELEGATIONS', { path: '*', limit: MAX_ROLES, clause: '5.6.7.1' });
      }
      stack.push(delegate);
    }
  }
  for (const next of order.toReversed()) yield { ...(await roles.load(next, signal)), role: next.role };
}

interface RolesOptions {
  readonly isConsistent: boolean;
  /** Called for each role that was loaded. */
  readonly accepted: (role: string, version: number) => void;
}

interface Step extends Delegated {
  readonly place: Place & { readonly listedBy: string };
}
