// The stored facts about the activation of this host, and the state that follows from them at a given time. Pure.
//
// Guarantees: a host is activated only by a license that is signed with a key of the vendor. A wrong clock does not
// remove the license: the state is computed again at the next check.

import { z } from 'zod';
import { ACTIVATION_STATES, type ActivationState } from '#platform/outcome/outcome.ts';
import { checkLicense, envelopeSchema, type LicenseQuestion, type LicenseVerdict } from './license.ts';

export const storedActivationSchema = z.strictObject({
  /** The identity that was activated. With another one, nothing of this counts. */
  agent: z.string(),
  public_key: z.string(),
  /** The last state, for a check that cannot decide. */
  state: z.enum(ACTIVATION_STATES),
  license: envelopeSchema.nullable(),
  /** `server`: the server knows this host and can renew the license; `file`: the license came as a file. */
  source: z.enum(['server', 'file']),
  /** The server has revoked the activation. */
  revoked: z.boolean(),
});
export type StoredActivation = z.infer<typeof storedActivationSchema>;

/** The state at a time, with what the license says. */
export interface JudgedActivation {
  readonly state: ActivationState;
  /** Null without a license. */
  readonly verdict: LicenseVerdict | null;
}

const NONE: JudgedActivation = { state: 'unactivated', verdict: null };

/** The state of what is stored, for this identity. */
export function classifyActivation(
  stored: StoredActivation | null,
  question: LicenseQuestion & { readonly publicKey: string },
): JudgedActivation {
  if (stored === null || stored.license === null) return NONE;
  if (stored.agent !== question.agent || stored.public_key !== question.publicKey) return NONE;
  const verdict = checkLicense(stored.license, question);
  if (verdict.kind === 'invalid') return { state: 'unactivated', verdict };
  if (stored.revoked) return { state: 'revoked', verdict };
  if (verdict.kind === 'valid') return { state: 'activated', verdict };
  // It was accepted before, so the clock of this host has gone back: the last state stands.
  return { state: verdict.kind === 'expired' ? 'expired' : stored.state, verdict };
}

const DAY_MS = 86_400_000;
/** A license is renewed when this part of its validity is left, at most this many days before it ends. */
const RENEWAL_PART = 1 / 3;
const RENEWAL_DAYS = 30;

/** Whether the server should be asked for a new license: it ends soon, has ended, or was revoked. */
export function isRenewalDue({ state, verdict }: JudgedActivation, stored: StoredActivation, nowMs: number): boolean {
  if (stored.source !== 'server' || verdict === null || verdict.kind === 'invalid') return false;
  if (state === 'revoked' || state === 'expired') return true;
  const { notBeforeMs, expiresMs } = verdict.license;
  const before = Math.min((expiresMs - notBeforeMs) * RENEWAL_PART, RENEWAL_DAYS * DAY_MS);
  return nowMs >= expiresMs - before;
}
