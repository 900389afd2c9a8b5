// The verbs about the identity and activation of this host, and their responses.
//
// Activating needs only the level `operate`. It changes neither where Sallyport connects nor what it runs, and the key
// or the signed license proves that the vendor agrees. Giving an activation back and replacing the identity need
// `admin`, because both can lose a key that works only once.

import { z } from 'zod';
import { failureSchema } from '#control/answers.ts';
import { answer, field, whole, work } from '#control/verb.ts';
import { hostOutcomeSchema } from '#diagnose/shared-schemas.ts';

/** A longer text is not a license or a key. */
const MAX_LICENSE_CHARACTERS = 65_536;
const MAX_KEY_CHARACTERS = 256;

/** Times are RFC 3339. */
const activationSchema = z.object({
  state: z.enum(['unactivated', 'activated', 'expired', 'revoked']),
  /** Whether this host can be activated: it has license keys. */
  used: z.boolean(),
  /** Null before the first use. */
  identity: z
    .object({
      agent: z.string(),
      /** 32 bytes in base64url. */
      public_key: z.string(),
      created_at: z.string(),
      /** Where the private key is. */
      key_in: z.enum(['file', 'credential']),
      /** Whether it is bound to the machine ID of this host. */
      bound: z.boolean(),
    })
    .nullable(),
  license: z
    .object({
      id: z.string(),
      /** The host that it is for; null: every host of `site`. */
      agent: z.string().nullable(),
      site: z.string().nullable(),
      not_before: z.string(),
      expires: z.string(),
      features: z.array(z.string()),
    })
    .nullable(),
  /** The keys whose licenses this host accepts. */
  keys: z.object({
    /** How many are in `activation.license_keys`. */
    configured: z.number(),
    /** `activation.license_keys_target`; null if it is not set. */
    target: z.string().nullable(),
    /** How many the target has, as it was read last. */
    from_target: z.number(),
    /** When the target was read last; null if it never was. */
    read_at: z.string().nullable(),
    /** Why the last reading failed; null if it did not, or there was none since the start. */
    failure: z.nullable(failureSchema),
  }),
  /** Why the stored license has no effect. */
  problem: z.nullable(failureSchema),
  /** Why the last renewal failed. */
  renewal: z.nullable(failureSchema),
});
export type ShownActivationState = z.infer<typeof activationSchema>;

const activationResultSchema = z.object({
  activation: activationSchema,
  /** Null if it succeeded. */
  failure: z.nullable(failureSchema),
  /** The failure on the path to the server that `failure` reports; null if there was none. */
  cause: z.nullable(failureSchema),
  /** What this host shows now. */
  outcome: hostOutcomeSchema,
});
export type ActivationResult = z.infer<typeof activationResultSchema>;

export const ACTIVATION_VERBS = {
  showActivation: answer({
    path: '/v1/activation',
    needs: 'look',
    does: 'show the activation',
    result: activationSchema,
  }),
  /** Sends the key to the activation server. A refusal is a normal answer. @throws CodedError LICENSE-KEY */
  activate: work({
    path: '/v1/activation/activate',
    needs: 'operate',
    does: 'activate this host',
    request: whole(z.object({ key: z.string().max(MAX_KEY_CHARACTERS), replace: z.boolean() })),
    result: activationResultSchema,
  }),
  /** Accepts the license of a file. A license that cannot be used is a normal answer. */
  installLicense: work({
    path: '/v1/activation/install',
    needs: 'operate',
    does: 'install a license',
    request: field('license', z.string().max(MAX_LICENSE_CHARACTERS)),
    result: activationResultSchema,
  }),
  /** Makes a signed request for a host without a connection. @throws CodedError IDENTITY-ABSENT */
  requestActivation: answer({
    path: '/v1/activation/request',
    needs: 'operate',
    does: 'make a request for a license',
    result: z.object({ request: z.string() }),
  }),
  /** Gives the activation back to the vendor. */
  releaseActivation: work({
    path: '/v1/activation/release',
    needs: 'admin',
    does: 'release the activation',
    result: activationResultSchema,
  }),
  /** Gives this host a new identity and agent ID. */
  resetIdentity: answer({
    path: '/v1/identity/reset',
    needs: 'admin',
    does: 'replace the identity',
    result: z.object({ agent: z.string(), aside: z.string().nullable() }),
  }),
};
