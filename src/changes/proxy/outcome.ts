// The outcome of the connection as a menu shows it: what the running daemon says.

import type { z } from 'zod';
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
