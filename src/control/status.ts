// The status of a daemon, as it crosses and as `status --json` prints it. docs/status.schema.json is made from this schema.

import { z } from 'zod';
import { failureSchema, itemFailureSchema } from './answers.ts';
import { heldFileSchema, pendingChangeSchema } from './change.ts';

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
      /** False also where nothing is configured. */
      enabled: z.boolean(),
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
