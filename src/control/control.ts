// What may be asked of Sallyport: one interface, two carriers. Where a daemon runs it is asked over its unix socket;
// where none does, the same object works in process, without schedules. A command never knows which one it has.
//
// Everything that crosses is plain JSON and has a schema here, so both ends agree and an old client can tell.

import { z } from 'zod';
import type { Diagnosis, DiagnosisRequest } from '#diagnose/report.ts';
import type { Report } from '#logging/events.ts';
import { type ChangeRequest, type ChangeVerdict, heldFileSchema, pendingChangeSchema } from './change.ts';
import type { EndpointList } from './endpoints.ts';
import type { TimeoutExplanation, TimeoutSeeded, TimeoutSeeds } from './timeouts.ts';

/** A failure as it crosses: code, sentence, what to check, hop, class. */
export const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  check: z.string(),
  hop: z.string().nullable(),
  class: z.string(),
});
export type Failure = z.infer<typeof failureSchema>;

const itemFailureSchema = z.object({ id: z.string(), failure: failureSchema });

/** What one round did. */
export const roundSchema = z.object({
  failure: failureSchema.nullable(),
  published: z.array(z.string()),
  failed: z.array(itemFailureSchema),
  refused: z.array(itemFailureSchema),
  withdrawn: z.array(z.string()),
  pruned: z.array(z.string()),
  left: z.number(),
  /** RFC 3339, or null when nothing asked for it. */
  retry_at: z.string().nullable(),
});
export type RoundResult = z.infer<typeof roundSchema>;

/** A published package, a line of `updates list`. */
export const updateSchema = z.object({
  id: z.string(),
  package: z.string(),
  sequence: z.number(),
  kind: z.string(),
  length: z.number(),
  sha256: z.string(),
  trust: z.string(),
  released: z.string(),
  published_at: z.string(),
  path: z.string(),
  notes: z.string().nullable(),
});
export type UpdateRow = z.infer<typeof updateSchema>;

/** What `updates verify` found of one package. */
export const verifiedSchema = z.object({ id: z.string(), path: z.string(), failure: failureSchema.nullable() });
export type VerifiedRow = z.infer<typeof verifiedSchema>;

/** What one run of the hook by hand did; a run that failed is an error. */
export const hookRunSchema = z.object({ id: z.string(), elapsed_ms: z.number() });
export type HookRun = z.infer<typeof hookRunSchema>;

/** The feed that is configured, and the serial that was known of it; null when none was. */
export const forgottenSchema = z.object({ feed: z.string(), serial: z.number().nullable() });
export type ForgottenSerial = z.infer<typeof forgottenSchema>;

/** Each room has a section. Times are RFC 3339; null means not yet, or not at all. */
export const statusSchema = z.object({
  /** When this was told. */
  at: z.string(),
  main: z.object({
    version: z.string(),
    state: z.enum(['running', 'not running']),
    pid: z.number().nullable(),
    since: z.string().nullable(),
    agent: z.string(),
  }),
  /** Is it well, as `status --check` tells it. */
  health: z.object({
    level: z.enum(['ok', 'warning', 'critical']),
    sentence: z.string(),
    /** Since the last successful check, or the first start; null where no daemon runs. */
    age_seconds: z.number().nullable(),
    stale_after_seconds: z.number(),
  }),
  config: z.object({
    file: z.string(),
    warnings: z.number(),
    /** When the settings in force were taken from the file. */
    since: z.string(),
    /** The file as it is now, when it is not in force: its first mistake, and how many there are. */
    refused: z.object({ at: z.string(), first: z.string(), count: z.number() }).nullable(),
    /** Keys whose new value waits for a restart. */
    waiting: z.array(z.string()),
    /** The change that is being tried (`--confirm-within`). */
    trying: pendingChangeSchema.nullable(),
    /** The file as it is now, when `proxy_change: confirm` holds it back. */
    held: heldFileSchema.nullable(),
  }),
  routes: z.array(
    z.object({
      purpose: z.string(),
      /** `not configured` when there is nothing to reach. */
      how: z.string(),
      proxy: z.string().nullable(),
      target: z.string().nullable(),
      /** The settings that decided, each with its line in the file. */
      why: z.array(z.string()),
      last_success: z.string().nullable(),
      /** It may be older than the last success. */
      last_failure: z.object({ at: z.string(), failure: failureSchema }).nullable(),
      /** When what failed is tried again; null when nothing has, or somebody has to change something first. */
      next_try: z.string().nullable(),
    }),
  ),
  /** Passwords that would not be sent now. */
  credentials: z.array(
    z.object({
      proxy: z.string(),
      user: z.string(),
      /** Whether some purpose goes through this proxy. */
      used: z.boolean(),
      /** rejected; interrupted: nobody learnt how its last attempt ended; bound: it was entered for other proxies. */
      why: z.enum(['rejected', 'interrupted', 'bound']),
      entered_for: z.array(z.string()),
      since: z.string().nullable(),
      worked_until: z.string().nullable(),
      /** Null when it is not tried again by itself. */
      next_try: z.string().nullable(),
    }),
  ),
  updates: z.object({
    feed: z.string().nullable(),
    serial: z.number().nullable(),
    checking: z.boolean(),
    last_success: z.string().nullable(),
    last_failure: failureSchema.nullable(),
    next_check: z.string().nullable(),
    published: z.number(),
    published_bytes: z.number(),
    /** `next_try`: when it is tried again by itself; null when that is with the next check. */
    failing: z.array(itemFailureSchema.extend({ next_try: z.string().nullable() })),
    /** `rate` is in bytes a second; null when there is no telling yet. */
    transfer: z
      .object({ id: z.string(), received: z.number(), length: z.number(), rate: z.number().nullable() })
      .nullable(),
    /** The package whose first byte is waited for; null while none is. */
    waiting: z
      .object({
        id: z.string(),
        elapsed_ms: z.number(),
        limit_ms: z.number(),
        /** Null for a direct connection. */
        proxy: z.string().nullable(),
        /** Whether that proxy can look into the response. */
        scans: z.boolean(),
        /** The longest wait that this route has shown; null without history. */
        held_ms: z.number().nullable(),
        /** Bytes of the package that waited so long, where they are not about those of this one. */
        held_size: z.number().nullable(),
      })
      .nullable(),
  }),
  hook: z.object({
    command: z.string().nullable(),
    running: z.string().nullable(),
    waiting: z.array(z.string()),
    failed: z.array(z.object({ id: z.string(), ending: z.string() })),
    /** Why what waits is not run. */
    problem: failureSchema.nullable(),
  }),
  /** Work that waits for room on the disk; null when none does. */
  paused: z.object({ failure: failureSchema, since: z.string(), next_try: z.string() }).nullable(),
  receipts: z.object({
    waiting: z.number(),
    next_try: z.string().nullable(),
    /** Of those that wait. */
    last_failure: z.object({ at: z.string(), code: z.string() }).nullable(),
    endpoint: z.string().nullable(),
  }),
  response_timeout: z.object({
    mode: z.string(),
    base_ms: z.number(),
    /** How long a small package is waited for on a route without history. */
    unknown_route_ms: z.number(),
  }),
  paths: z.array(
    z.object({
      proxy: z.string(),
      origin: z.string(),
      seen: z.string(),
      via: z.string().nullable(),
      ranges_work: z.boolean().nullable(),
      /** When that was seen last. */
      ranges_at: z.string().nullable(),
      /** What the last package came with; null before any. */
      etag: z.enum(['strong', 'weak', 'none']).nullable(),
      /** What kind of path it is, in words; null when no transfer has shown it. */
      kind: z.string().nullable(),
    }),
  ),
  log: z.object({ file: z.string() }),
});
export type Status = z.infer<typeof statusSchema>;

/** Whose password may be tried once more: that of this profile, or null for each. */
export const retryRequestSchema = z.object({ profile: z.string().max(256).nullable() });
export type RetryRequest = z.infer<typeof retryRequestSchema>;

export type { Diagnosis, DiagnosisRequest, PurposeReport, Stage } from '#diagnose/report.ts';

/** What somebody may ask: `admin` is root and the user of the service, `group` everybody else who reaches the daemon. */
export type Authority = 'admin' | 'group';

/** Everything that may be asked. Each rejects with a CodedError. */
export interface Control {
  status(): Promise<Status>;
  /** Runs a round now, or joins the one that runs; events are told as they happen. */
  check(onEvent: Report, signal: AbortSignal): Promise<RoundResult>;
  /**
   * Lets each password that waits, because a proxy refused it or its address changed, be tried once more; only that of one
   * profile where one is named.
   */
  retryCredentials(profile: string | null): Promise<void>;
  listUpdates(): Promise<UpdateRow[]>;
  /** Reads and hashes every published package. */
  verifyUpdates(onEvent: Report, signal: AbortSignal): Promise<VerifiedRow[]>;
  /** Runs the hook for a published package now, once. */
  runHook(id: string, onEvent: Report, signal: AbortSignal): Promise<HookRun>;
  /** Forgets the serial of the feed, so that the next check takes any. @throws CodedError CONTROL-ADMIN, CONFIG-INCOMPLETE */
  forgetSerial(): Promise<ForgottenSerial>;
  /** How long a package of 1, 10, 100 MB and of this size is waited for on each route, and why. */
  explainTimeout(size: number | null): Promise<TimeoutExplanation>;
  /** Teaches what an old log has measured. */
  seedTimeout(seeds: TimeoutSeeds): Promise<TimeoutSeeded>;
  /**
   * Tries settings before they are written: confirmed when every stage of every purpose that they send another way passes,
   * or by `confirmChange`. Who asked writes them. @throws CodedError CHANGE-PENDING, CONFIG, POLICY-DIRECT
   */
  tryChange(request: ChangeRequest, onEvent: Report, signal: AbortSignal): Promise<ChangeVerdict>;
  /** The change that is being tried is to count. @throws CodedError CHANGE-NONE */
  confirmChange(): Promise<void>;
  /**
   * Walks the route of each purpose, stage by stage: of the settings in force, or of a candidate that is not saved. Ways
   * that fail are its answer. @throws CodedError CONFIG, POLICY-DIRECT, TLS-FILE for a candidate that cannot be taken
   */
  diagnose(request: DiagnosisRequest, signal: AbortSignal): Promise<Diagnosis>;
  /** What the settings in force need to reach, and where feeds and redirects have led. */
  endpoints(): Promise<EndpointList>;
  /** Lets go of what this carrier holds; the daemon goes on. */
  close(): Promise<void>;
}
