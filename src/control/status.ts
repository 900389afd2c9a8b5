// The status of a daemon, as the daemon sends it and as `status --json` prints it. docs/status.schema.json is generated
// from this schema.

import * as z from 'zod/mini';
import { hostOutcomeSchema } from '#diagnose/shared-schemas.ts';
import { failureSchema, itemFailureSchema } from './answers.ts';
import { heldFileSchema, pendingChangeSchema } from './change.ts';
import { platformStatusSchema } from './platform/link-status.ts';
import { holdSchema, readySchema } from './updates/hold-rows.ts';
import { trustStateSchema } from './updates/trust.ts';
import { answer } from './verb.ts';

/** Each module has a section. Times are RFC 3339; null means not yet, or not at all. */
/** `rate` is in bytes per second; null when it cannot be computed yet. */
const transferSchema = z.object({
  id: z.string(),
  received: z.number(),
  length: z.number(),
  rate: z.nullable(z.number()),
});

export const statusSchema = z.object({
  /** When this status was made. */
  at: z.string(),
  main: z.object({
    version: z.string(),
    state: z.enum(['running', 'not running']),
    pid: z.nullable(z.number()),
    since: z.nullable(z.string()),
    agent: z.string(),
  }),
  /** Whether the service is healthy, as `status --check` reports it. */
  health: z.object({
    level: z.enum(['ok', 'warning', 'critical']),
    sentence: z.string(),
    /** Since the last successful check, or the first start; null when no daemon runs. */
    age_seconds: z.nullable(z.number()),
    stale_after_seconds: z.number(),
  }),
  /** What this host shows of its connection and activation. */
  outcome: hostOutcomeSchema,
  activation: z.object({
    state: z.enum(['unactivated', 'activated', 'expired', 'revoked']),
    /** Whether this host can be activated: it has license keys. */
    used: z.boolean(),
  }),
  config: z.object({
    file: z.string(),
    warnings: z.number(),
    /** When the active settings were read from the file. */
    since: z.string(),
    /** The present file, when it was rejected: its first error, and the number of errors. */
    refused: z.nullable(z.object({ at: z.string(), first: z.string(), count: z.number() })),
    /** Keys whose new value takes effect after a restart. */
    waiting: z.array(z.string()),
    /** The change that is being tested (`--confirm-within`). */
    trying: z.nullable(pendingChangeSchema),
    /** The present file, when `proxy_change: confirm` holds it back. */
    held: z.nullable(heldFileSchema),
  }),
  routes: z.array(
    z.object({
      purpose: z.string(),
      /** `not configured` when there is no URL to reach. */
      how: z.string(),
      /** Also false when nothing is configured. */
      enabled: z.boolean(),
      proxy: z.nullable(z.string()),
      target: z.nullable(z.string()),
      /** The settings that decided the route, each with its line in the file. */
      why: z.array(z.string()),
      last_success: z.nullable(z.string()),
      /** Which proxy may decrypt TLS (`allow_interception_by`); null if none may. */
      interception: z.nullable(
        z.object({
          key: z.string(),
          file: z.string(),
          authorities: z.array(z.object({ name: z.string(), expires: z.string() })),
          /** What the proxy can read, in words. */
          exposes: z.string(),
          /** Whether tokens and secret headers are sent while it decrypts TLS. */
          sends_tokens: z.boolean(),
          /** The CA of the proxy that decrypted the last connection; null if it was not decrypted. */
          decrypted_by: z.nullable(z.string()),
          decrypted_at: z.nullable(z.string()),
        }),
      ),
      last_failure: z.nullable(
        z.object({
          at: z.string(),
          failure: failureSchema,
          /** False if an attempt succeeded since. Compare no times: the clock may have been wrong. */
          open: z.boolean(),
        }),
      ),
      /**
       * When the failed work is retried; null when nothing failed, or when an admin has to change something first.
       */
      next_try: z.nullable(z.string()),
    }),
  ),
  /** Passwords that are held back at present. */
  credentials: z.array(
    z.object({
      proxy: z.string(),
      user: z.string(),
      /** Whether a purpose uses this proxy. */
      used: z.boolean(),
      /**
       * rejected: the proxy refused it; interrupted: the result of its last attempt is unknown; bound: it was entered
       * for other proxies.
       */
      why: z.enum(['rejected', 'interrupted', 'bound']),
      entered_for: z.array(z.string()),
      since: z.nullable(z.string()),
      worked_until: z.nullable(z.string()),
      /** Null when there is no automatic retry. */
      next_try: z.nullable(z.string()),
    }),
  ),
  updates: z.object({
    feed: z.nullable(z.string()),
    serial: z.nullable(z.number()),
    checking: z.boolean(),
    last_success: z.nullable(z.string()),
    last_failure: z.nullable(failureSchema),
    next_check: z.nullable(z.string()),
    published: z.number(),
    published_bytes: z.number(),
    /** Why nothing is published now; null when there is no hold. */
    hold: z.nullable(holdSchema),
    /** The hours of `updates.window`; null without any. */
    window: z._default(
      z.nullable(
        z.object({
          /** When the hours of downloads begin; null if they have begun, or are not limited. */
          download_opens_at: z.nullable(z.string()),
          /** When the hours of publications begin; null if they have begun, or are not limited. */
          publish_opens_at: z.nullable(z.string()),
          /** Packages that wait for the hours of downloads, as the last check found. */
          parked: z.array(z.string()),
        }),
      ),
      null,
    ),
    /** The bandwidth limit at this moment; null without `updates.bandwidth`. */
    bandwidth: z._default(
      z.nullable(
        z.object({
          /** Null without a limit at this time. */
          bytes_per_second: z.nullable(z.number()),
          /** The key that decides. */
          key: z.string(),
        }),
      ),
      null,
    ),
    /** Packages that are downloaded and verified, but not published. */
    ready: z.array(readySchema),
    /** `next_try`: the time of the automatic retry; null when the next check retries it. */
    failing: z.array(z.extend(itemFailureSchema, { next_try: z.nullable(z.string()) })),
    /** The oldest running download; null without one. */
    transfer: z.nullable(transferSchema),
    /** All running downloads, the oldest first. */
    transfers: z.array(transferSchema),
    /** The package whose first byte is awaited; null when there is none. */
    waiting: z.nullable(
      z.object({
        id: z.string(),
        elapsed_ms: z.number(),
        limit_ms: z.number(),
        /** Null for a direct connection. */
        proxy: z.nullable(z.string()),
        /** Whether that proxy can scan the response. */
        scans: z.boolean(),
        /** The longest wait observed on this route; null without history. */
        held_ms: z.nullable(z.number()),
        /** Size in bytes of the package that had this wait, when it differs from that of the present one. */
        held_size: z.nullable(z.number()),
        /** How long the proxy took to answer a probe during this wait; null if none was answered last. */
        proxy_answers_ms: z.nullable(z.number()),
        /** How long the proxy had answered no probe when this was noticed; null if probes are answered. */
        proxy_silent_ms: z.nullable(z.number()),
      }),
    ),
  }),
  /** Why updates are trusted. */
  trust: trustStateSchema,
  hook: z.object({
    command: z.nullable(z.string()),
    running: z.nullable(z.string()),
    waiting: z.array(z.string()),
    failed: z.array(z.object({ id: z.string(), ending: z.string() })),
    /** Why queued runs are not started. */
    problem: z.nullable(failureSchema),
  }),
  /** Work that is paused until the disk has free space; null when there is none. */
  paused: z.nullable(z.object({ failure: failureSchema, since: z.string(), next_try: z.string() })),
  receipts: z.object({
    waiting: z.number(),
    next_try: z.nullable(z.string()),
    /** The last failure of the waiting entries. */
    last_failure: z.nullable(z.object({ at: z.string(), code: z.string() })),
    endpoint: z.nullable(z.string()),
  }),
  /** A row for each purpose that sends data of this host, also if it is not enabled. */
  uploads: z.array(
    z.object({
      purpose: z.string(),
      title: z.string(),
      /** Why nothing of it is collected or sent, and the key that decides it; null if it is. */
      off: z.nullable(z.object({ key: z.string(), failure: failureSchema })),
      /** Null if it was never used. */
      queue: z.nullable(
        z.object({
          /** Its name in `sallyport queue`. */
          kind: z.string(),
          /** What `items` counts, such as `documents`. */
          unit: z.string(),
          waiting: z.object({ items: z.number(), bytes: z.number() }),
          quota: z.object({ items: z.number(), bytes: z.number() }),
          /** When the oldest entry was accepted. */
          oldest: z.nullable(z.string()),
          /** Entries that are sent again only by `queue retry`, or when the route changes. */
          held: z.number(),
          rejected: z.number(),
          /** Damaged entries that were set aside. */
          quarantined: z.number(),
          next_try: z.nullable(z.string()),
        }),
      ),
      /** The upload in progress: bytes that the server has confirmed; `rate` is in bytes per second. */
      transfer: z.nullable(
        z.object({ id: z.string(), confirmed: z.number(), length: z.number(), rate: z.nullable(z.number()) }),
      ),
    }),
  ),
  /** The link to the platform. */
  platform: platformStatusSchema,
  response_timeout: z.object({
    mode: z.string(),
    base_ms: z.number(),
    /** The response timeout for a small package on a route without history. */
    unknown_route_ms: z.number(),
  }),
  paths: z.array(
    z.object({
      proxy: z.string(),
      origin: z.string(),
      seen: z.string(),
      via: z.nullable(z.string()),
      ranges_work: z.nullable(z.boolean()),
      /** When this was last observed. */
      ranges_at: z.nullable(z.string()),
      /** The kind of ETag on the last package; null before the first. */
      etag: z.nullable(z.enum(['strong', 'weak', 'none'])),
      /** The kind of network path, in words; null when no transfer has shown it. */
      kind: z.nullable(z.string()),
      /** What this path does to large or resumed downloads, and what Sallyport does about it. */
      limits: z.array(
        z.object({
          kind: z.enum(['cut_by_bytes', 'cut_by_time', 'size_cap', 'wrong_ranges', 'bad_cache']),
          /** Bytes of a body at the limit; null if it is not one of bytes. */
          bytes: z.nullable(z.number()),
          /** Milliseconds from the request to the limit; null if it is not one of time. */
          ms: z.nullable(z.number()),
          /** How many times it was observed. */
          count: z.number(),
          /** When it was last observed. */
          seen: z.string(),
          words: z.string(),
          use: z.string(),
        }),
      ),
    }),
  ),
  log: z.object({ file: z.string() }),
});
export type Status = z.infer<typeof statusSchema>;

export const STATUS_VERBS = {
  status: answer({ path: '/v1/status', needs: 'look', does: 'show the status', result: statusSchema }),
};
