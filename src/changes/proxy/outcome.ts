// The outcome of the connection as a menu shows it: the schema of `platform/outcome` for the change service, and the
// outcome of a daemon.

import { z } from 'zod';
import type { Control } from '#control/control.ts';

export const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('connected'), name: z.string(), address: z.string().nullable() }),
  z.object({ kind: z.literal('user-login') }),
  z.object({
    kind: z.literal('configuration-error'),
    code: z.string(),
    leg: z.string().nullable(),
    advice: z.string(),
  }),
  z.object({ kind: z.literal('unknown') }),
]);
export type ShownOutcome = z.infer<typeof outcomeSchema>;

/** The outcome that the daemon reports; `unknown` if none runs. */
export async function readOutcome(findDaemon: () => Promise<Control | null>): Promise<ShownOutcome> {
  const control = await findDaemon();
  if (control === null) return { kind: 'unknown' };
  try {
    const { platform } = (await control.status()) as { readonly platform?: { readonly outcome?: unknown } };
    const parsed = outcomeSchema.safeParse(platform?.outcome);
    return parsed.success ? parsed.data : { kind: 'unknown' };
  } finally {
    await control.close();
  }
}
