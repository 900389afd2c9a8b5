// The request for a diagnosis, and its result, in the form in which Control sends them and `--json` prints the result.
// Scripts of users rely on this schema: docs/diagnosis.schema.json is generated from it.

import { z } from 'zod';
import { PURPOSES } from '#config/purposes.ts';
import { candidateTextSchema, hostOutcomeSchema, typedKeysSchema } from './shared-schemas.ts';

const purposeSchema = z.enum(PURPOSES);

/** Proxy variables by their name; the value of each without user and password. */
const variablesSchema = z.record(z.string(), z.string());
/** More than the number of names in `shell.ts`. */
const MAX_VARIABLES = 8;
/** The longest variable of a process. The total has the same limit, because masking them in the result takes time. */
const MAX_CHARACTERS = 131_072;
const shownVariablesSchema = z
  .record(z.string().max(64), z.string().max(MAX_CHARACTERS))
  .refine((variables) => Object.keys(variables).length <= MAX_VARIABLES)
  .refine((variables) => Object.values(variables).join('').length <= MAX_CHARACTERS);
export type ProxyVariables = z.infer<typeof variablesSchema>;

/**
 * Settings that are not saved. The text may contain a secret, so it is sent over the control socket only and never
 * logged.
 */
const candidateSchema = z.object({
  /** The complete new configuration file. */
  text: candidateTextSchema,
  /** Keys of secrets that were typed for this; each belongs to the proxy of its profile. */
  typed: typedKeysSchema,
});
export type ConfigCandidate = z.infer<typeof candidateSchema>;

export const diagnosisRequestSchema = z.object({
  /** Null means all. */
  purposes: z.array(purposeSchema).max(PURPOSES.length).nullable(),
  /** The proxy variables of the caller's shell. */
  shell: shownVariablesSchema,
  /** Null means the active settings. */
  candidate: candidateSchema.nullable(),
  /** Name of a profile, or `default`, that every purpose uses for this test; null: the settings decide. */
  through: z.string().max(256).nullable(),
  /** Whether an ordinary Node client also makes the request. */
  second_opinion: z.boolean().optional(),
  /**
   * `in_force`: the candidate may use secrets only as the active settings do, as for a user who may not read them.
   */
  secrets: z.literal('in_force').optional(),
});
export type DiagnosisRequest = z.infer<typeof diagnosisRequestSchema>;

/** The stages of a probe, in their order. */
const STAGES = [
  'choice',
  'resolve',
  'dial',
  'proxy_tls',
  'tunnel',
  'authentication',
  'tls',
  'http',
  'websocket',
  'range',
  'upload',
  'path',
  'clock',
] as const;
export type StageName = (typeof STAGES)[number];

const factSchema = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);

const stageSchema = z.object({
  name: z.enum(STAGES),
  /** `host:port` of the target. */
  target: z.string(),
  /** `warning`: it failed or looks wrong, but updates and uploads work anyway. */
  outcome: z.enum(['ok', 'warning', 'failed']),
  elapsed_ms: z.number().nullable(),
  /** One sentence for people. */
  says: z.string(),
  code: z.string().nullable(),
  facts: z.record(z.string(), factSchema),
});
export type Stage = z.infer<typeof stageSchema>;

/** A failure or warning: code, sentence, what to check, hop, class; the class decides the exit status. */
const findingSchema = z.object({
  code: z.string(),
  message: z.string(),
  check: z.string(),
  /** `check` without the list of what succeeded before. An older daemon does not send it. */
  advice: z.string().optional(),
  /** Where it failed; null when that is not known. */
  hop: z.string().nullable(),
  class: z.string(),
});
export type DiagnosisFinding = z.infer<typeof findingSchema>;

/** The result of an ordinary Node client for the same request through the same proxy. */
const secondOpinionSchema = z.object({
  /**
   * `same`: as Sallyport, success or failure; `gets through`: succeeds where Sallyport failed twice; `recovered`:
   * succeeds where Sallyport failed once; `fails`: fails where Sallyport succeeds; `differs`: both fail in different
   * ways; `not asked`: `says` has the reason.
   */
  outcome: z.enum(['same', 'gets through', 'recovered', 'fails', 'differs', 'not asked']),
  /** One sentence for people. */
  says: z.string(),
  /** The proxy that both used; null when Sallyport used none. */
  proxy: z.string().nullable(),
  /** The HTTP status that it received from the proxy or the server; null without one. */
  status: z.number().nullable(),
  /** Node's code of the failure, for example `ECONNREFUSED`; null without one. */
  code: z.string().nullable(),
  elapsed_ms: z.number().nullable(),
  /** Secrets that it was not given: the login of the proxy, keys of headers and tokens for the server. */
  without: z.array(z.string()),
});
export type SecondOpinion = z.infer<typeof secondOpinionSchema>;

const purposeReportSchema = z.object({
  purpose: purposeSchema,
  outcome: z.enum(['ok', 'warning', 'failed', 'not configured']),
  target: z.string().nullable(),
  /** Whether the purpose is enabled. One that is configured but not enabled is also tested. */
  enabled: z.boolean(),
  /** Name of the proxy profile; null when direct, or when none was chosen. */
  proxy: z.string().nullable(),
  how: z.enum(['tunnel', 'forward', 'direct']).nullable(),
  /** The reasons of the choice, each with its line in the file. */
  why: z.array(z.string()),
  elapsed_ms: z.number(),
  failure: findingSchema.nullable(),
  warnings: z.array(findingSchema),
  /** What succeeded, in order, in words. */
  proven: z.array(z.string()),
  /** A secret was not sent because it had been rejected before; the caller may allow one more attempt. */
  credential_waits: z.boolean(),
  stages: z.array(stageSchema),
  /** Every host of the purpose, each tried up to TLS. */
  endpoints: z.array(
    z.object({
      endpoint: z.string(),
      outcome: z.enum(['ok', 'intercepted', 'failed', 'not tried']),
      /** The issuer of its certificate; null without TLS. */
      issuer: z.string().nullable(),
      expires: z.string().nullable(),
      code: z.string().nullable(),
    }),
  ),
  /** Null when none was requested. */
  second_opinion: secondOpinionSchema.nullable(),
});
export type PurposeReport = z.infer<typeof purposeReportSchema>;

export const diagnosisSchema = z.object({
  /** The user, environment and credentials that it ran with. */
  as: z.object({ user: z.string(), pid: z.number(), service: z.boolean() }),
  version: z.string(),
  at: z.string(),
  /** The file that the settings came from. */
  config: z.string(),
  /** Whether the settings are saved and active. */
  saved: z.boolean(),
  /** The profile that every purpose used for this test; null when the settings decided. */
  through: z.string().nullable(),
  verdict: z.object({
    outcome: z.enum(['ok', 'warning', 'failed']),
    /** The first line of the answer: the cause, or that everything works. */
    sentence: z.string(),
    purpose: purposeSchema.nullable(),
    finding: findingSchema.nullable(),
  }),
  /** What this host would show after this test; null if no connection was tested. An older daemon does not send it. */
  outcome: z.nullable(hostOutcomeSchema).optional(),
  /** What else an admin should know, in sentences. */
  notes: z.array(z.string()),
  environment: z.object({ service: variablesSchema, shell: variablesSchema }),
  purposes: z.array(purposeReportSchema),
});
export type Diagnosis = z.infer<typeof diagnosisSchema>;
