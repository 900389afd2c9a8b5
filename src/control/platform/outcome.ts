// The outcome of this host in the form in which it is sent: whether it is connected and activated. It is shown by
// status, health, diagnosis, activation and menu.

import type { z } from 'zod';
import type { hostOutcomeSchema } from '#diagnose/shared-schemas.ts';
import { type Outcome, outcomeText } from '#platform/outcome/outcome.ts';

type HostOutcome = z.infer<typeof hostOutcomeSchema>;

/** The outcome in one line; `ascii`: for a display without an en dash. */
export function outcomeLine(outcome: HostOutcome, options: { readonly ascii: boolean }): string {
  return outcomeText(outcome satisfies Outcome, options);
}
