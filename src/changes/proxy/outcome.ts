// The state of the connection to the vendor, and the result of an activation, as the daemon reports them to a menu.

import { z } from 'zod';
import type { Control } from '#control/control.ts';
import { statusSchema } from '#control/status.ts';

export const outcomeSchema = statusSchema.shape.outcome;
export type ShownOutcome = z.infer<typeof outcomeSchema>;

/** The outcome that the daemon reports; `unknown` if none runs. */
export async function readOutcome(findDaemon: () => Promise<Control | null>): Promise<ShownOutcome> {
  const control = await findDaemon();
  if (control === null) return { kind: 'unknown' };
  try {
    return (await control.status()).outcome;
  } finally {
    await control.close();
  }
}

/** The result of an activation. */
export const activatedSchema = z.object({
  /** Null if it succeeded. */
  failure: z.object({ code: z.string(), message: z.string(), check: z.string() }).nullable(),
  outcome: outcomeSchema,
});
export type Activated = z.infer<typeof activatedSchema>;

/** Activates this host with a key, and closes the Control. @throws CodedError LICENSE-KEY */
export async function activateBy(control: Control, key: string, signal: AbortSignal): Promise<Activated> {
  try {
    const { failure, outcome } = await control.activate({ key, replace: false }, signal);
    if (failure === null) return { failure, outcome };
    const { code, message, check } = failure;
    return { failure: { code, message, check }, outcome };
  } finally {
    await control.close();
  }
}
