// Parts of a diagnosis that other answers have too. Short commands load them, so this file loads nothing else.

import * as z from 'zod/mini';

/** A configuration has at most 1 MiB; a character is at least a byte. */
export const candidateTextSchema = z.string().check(z.maxLength(1_048_576));
/** Keys such as `proxies[63].password`. */
export const typedKeysSchema = z.array(z.string().check(z.maxLength(256))).check(z.maxLength(256));

/** What this host shows of its connection and activation (`platform/outcome`). `advice` is safe to print. */
export const hostOutcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('connected'), name: z.string(), address: z.nullable(z.string()) }),
  z.object({ kind: z.literal('user-login') }),
  z.object({
    kind: z.literal('configuration-error'),
    code: z.string(),
    leg: z.nullable(z.string()),
    advice: z.string(),
  }),
  z.object({ kind: z.literal('unknown') }),
]);
