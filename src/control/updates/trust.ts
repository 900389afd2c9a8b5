// The requests of `sallyport trust`, which show and change how a signed feed is trusted.

import * as z from 'zod/mini';
import { failureSchema } from '#control/answers.ts';
import { answer, nothing, whole } from '#control/verb.ts';

/** A root with the keys of a large vendor has about 20 KB. */
const MAX_ROOT_CHARACTERS = 524_288;

const replacementSchema = z.object({
  at: z.string(),
  /** Fingerprint of the root that was trusted before; null if there was none. */
  from: z.nullable(z.string()),
  to: z.string(),
  by: z.string(),
});

/** How updates are trusted. Times are RFC 3339; fingerprints are SHA-256 in hex. */
export const trustStateSchema = z.object({
  /** `updates.trust`. */
  kind: z.enum(['tls', 'tuf']),
  /** Whether this host has accepted a signed feed, so that `tls` would be a downgrade. */
  signed: z.boolean(),
  root: z.nullable(
    z.object({
      version: z.number(),
      sha256: z.string(),
      /** The file that the chain of roots begins with. */
      file: z.string(),
      /** When the repository last said that there is no newer root. */
      checked_at: z.nullable(z.string()),
      rotated: z.nullable(z.object({ from: z.number(), to: z.number(), at: z.string() })),
    }),
  ),
  roles: z.array(
    z.object({
      role: z.string(),
      version: z.number(),
      expires: z.string(),
      threshold: z.number(),
      /** The keys that made valid signatures. */
      signers: z.array(z.object({ key: z.string(), scheme: z.string() })),
    }),
  ),
  /** The last time that root replaced the trusted root by hand. */
  replaced: z.nullable(replacementSchema),
  /** One sentence for each. */
  warnings: z.array(z.string()),
  /** Why root and roles cannot be shown. */
  problem: z.nullable(failureSchema),
});
export type TrustRow = z.infer<typeof trustStateSchema>;

const importSchema = z.object({
  /** The content of the file. */
  root: z.string().check(z.maxLength(MAX_ROOT_CHARACTERS)),
  /** The fingerprint that the admin has from the vendor. */
  fingerprint: z.string().check(z.maxLength(64)),
  replace: z.boolean(),
});

const importedSchema = z.object({
  version: z.number(),
  sha256: z.string(),
  /** The root that was trusted before; null if there was none. */
  replaced: z.nullable(z.string()),
});

export const TRUST_VERBS = {
  showTrust: answer({ path: '/v1/trust', needs: 'look', does: 'show the trust in updates', result: trustStateSchema }),
  /** Trusts a root. @throws CodedError TUF-ROOT-FILE, TRUST-OTHER-ROOT */
  importRoot: answer({
    path: '/v1/trust/import',
    needs: 'admin',
    does: 'import the root of a signed feed',
    request: whole(importSchema),
    result: importedSchema,
  }),
  /** Deletes the metadata of the signed feed and the highest versions. The root of trust stays. */
  forgetTrust: answer({
    path: '/v1/trust/forget',
    needs: 'admin',
    does: 'forget the metadata of the signed feed',
    result: nothing,
  }),
};
