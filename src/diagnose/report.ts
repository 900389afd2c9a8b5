// What a diagnosis is asked and what it answers, as both cross Control and as `--json` prints it. The schema is the
// contract with other people's scripts: docs/diagnosis.schema.json is made from it.

import { z } from 'zod';
import { PURPOSES } from '#config/purposes.ts';

const purposeSchema = z.enum(PURPOSES);

/** Proxy variables by their name; the value of each without user and password. */
const variablesSchema = z.record(z.string(), z.string());
/** As many as there are names in `shell.ts`, with room. */
const MAX_VARIABLES = 8;
/** As long as a variable of a process can be. All together have no more: masking them in the answer takes its time. */
const MAX_CHARACTERS = 131_072;
const shownVariablesSchema = z
  .record(z.string().max(64), z.string().max(MAX_CHARACTERS))
  .refine((variables) => Object.keys(variables).length <= MAX_VARIABLES)
  .refine((variables) => Object.values(variables).join('').length <= MAX_CHARACTERS);
export type ProxyVariables = z.infer<typeof variablesSchema>;

/** A configuration has at most 1 MiB; a character is at least a byte. */
export const candidateTextSchema = z.string().max(1_048_576);
/** Keys such as `proxies[63].password`. */
export const typedKeysSchema = z.array(z.string().max(256)).max(256);

/** Settings that are not saved. The text may hold a secret: it crosses the control socket only, and no log. */
const candidateSchema = z.object({
  /** The whole configuration file as it would be. */
  text: candidateTextSchema,
  /** Keys of secrets that were typed for this: they belong to the proxy that they stand beside. */
  typed: typedKeysSchema,
});
export type ConfigCandidate = z.infer<typeof candidateSchema>;

export const diagnosisRequestSchema = z.object({
  /** Null means all. */
  purposes: z.array(purposeSchema).max(PURPOSES.length).nullable(),
  /** What the shell of whoever asks has. */
  shell: shownVariablesSchema,
  /** Null means the settings in force. */
  candidate: candidateSchema.nullable(),
  /** Name of a profile, or `default`, that every purpose is to go through, whatever the settings say; null: as they say. */
  through: z.string().max(256).nullable(),
  /** Whether an ordinary Node client makes the same request. */
  second_opinion: z.boolean().optional(),
  /** `in_force`: the candidate may use secrets only as the active settings do, as for somebody who may not read them. */
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
  'path',
  'clock',
] as const;
export type StageName = (typeof STAGES)[number];

const factSchema = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);

const stageSchema = z.object({
  name: z.enum(STAGES),
  /** `host:port` of what it was on the way to. */
  target: z.string(),
  /** `warning`: it failed or looks wrong, and the work goes on all the same. */
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
  /** Where it failed; null where that is not known. */
  hop: z.string().nullable(),
  class: z.string(),
});
export type DiagnosisFinding = z.infer<typeof findingSchema>;

/** What an ordinary Node client got for the same request through the same proxy. */
const secondOpinionSchema = z.object({
  /**
   * `same`: as Sallyport, success or failure; `gets through`: where Sallyport failed twice; `recovered`: where Sallyport failed
   * once; `fails`: where Sallyport gets through; `differs`: both fail in different ways; `not asked`: `says` has the reason.
   */
  outcome: z.enum(['same', 'gets through', 'recovered', 'fails', 'differs', 'not asked']),
  /** One sentence for people. */
  says: z.string(),
  /** The proxy that both used; null where Sallyport used none. */
  proxy: z.string().nullable(),
  /** The HTTP status that it got, from the proxy or the server; null without one. */
  status: z.number().nullable(),
  /** What Node called its failure, such as `ECONNREFUSED`; null without one. */
  code: z.string().nullable(),
  elapsed_ms: z.number().nullable(),
  /** What it was not given: the login of the proxy, keys of headers and tokens for the server. */
  without: z.array(z.string()),
});
export type SecondOpinion = z.infer<typeof secondOpinionSchema>;

const purposeReportSchema = z.object({
  purpose: purposeSchema,
  outcome: z.enum(['ok', 'warning', 'failed', 'not configured']),
  target: z.string().nullable(),
  /** Whether the purpose may do its work; one that is configured but not enabled is tested all the same. */
  enabled: z.boolean(),
  /** Name of the proxy profile; null when direct, or before any choice. */
  proxy: z.string().nullable(),
  how: z.enum(['tunnel', 'forward', 'direct']).nullable(),
  /** The reasons of the choice, each with its line in the file. */
  why: z.array(z.string()),
  elapsed_ms: z.number(),
  failure: findingSchema.nullable(),
  warnings: z.array(findingSchema),
  /** What went well, in order, in words. */
  proven: z.array(z.string()),
  /** A secret was not sent because it had been refused before; whoever asks may allow it once more. */
  credential_waits: z.boolean(),
  stages: z.array(stageSchema),
  /** Every host of the purpose, each tried up to TLS. */
  endpoints: z.array(
    z.object({
      endpoint: z.string(),
      outcome: z.enum(['ok', 'intercepted', 'failed', 'not tried']),
      /** Who issued its certificate; null without TLS. */
      issuer: z.string().nullable(),
      expires: z.string().nullable(),
      code: z.string().nullable(),
    }),
  ),
  /** Null where none was asked for. */
  second_opinion: secondOpinionSchema.nullable(),
});
export type PurposeReport = z.infer<typeof purposeReportSchema>;

export const diagnosisSchema = z.object({
  /** Whose user, environment and credentials it ran with. */
  as: z.object({ user: z.string(), pid: z.number(), service: z.boolean() }),
  version: z.string(),
  at: z.string(),
  /** The file that the settings came from. */
  config: z.string(),
  /** Whether the settings are saved and in force. */
  saved: z.boolean(),
  /** The profile that every purpose went through, whatever the settings say; null where it went as they say. */
  through: z.string().nullable(),
  verdict: z.object({
    outcome: z.enum(['ok', 'warning', 'failed']),
    /** The first line of the answer: the cause, or that all is well. */
    sentence: z.string(),
    purpose: purposeSchema.nullable(),
    finding: findingSchema.nullable(),
  }),
  /** What else an admin should know, in sentences. */
  notes: z.array(z.string()),
  environment: z.object({ service: variablesSchema, shell: variablesSchema }),
  purposes: z.array(purposeReportSchema),
});
export type Diagnosis = z.infer<typeof diagnosisSchema>;
