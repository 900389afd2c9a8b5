// The requests about response timeouts and their responses: plain JSON, with schemas that both ends use.

import { z } from 'zod';
import { LAST_MOMENT_MS } from '#system/moment.ts';
import { spanSchema } from '#system/moment-schema.ts';

const planSchema = z.object({
  size: z.number(),
  first_byte_ms: z.number(),
  silence_ms: z.number(),
  total_ms: z.number(),
  expected_ms: z.number().nullable(),
  why: z.string(),
});

const routeSchema = z.object({
  proxy: z.string(),
  origin: z.string(),
  /** The kind of network path, in words; null when no transfer has shown it. */
  kind: z.string().nullable(),
  plans: z.array(planSchema),
  /** The verified downloads that the plans are based on. Times are RFC 3339. */
  evidence: z.object({
    downloads: z.number(),
    newest: z.string().nullable(),
    largest: z.number().nullable(),
    longest_wait_ms: z.number().nullable(),
    longest_wait_size: z.number().nullable(),
  }),
  /** The last time that the plan changed by more than half. */
  changed: z
    .object({
      at: z.string(),
      size: z.number(),
      from_ms: z.number(),
      to_ms: z.number(),
      before: z.string(),
      after: z.string(),
    })
    .nullable(),
});

/** Every route with its plans. */
export const explanationSchema = z.object({
  mode: z.string(),
  base_ms: z.number(),
  min_ms: z.number(),
  max_ms: z.number(),
  total_max_ms: z.number(),
  routes: z.array(routeSchema),
});
export type TimeoutExplanation = z.infer<typeof explanationSchema>;

/** A download that was measured in an old log. */
const oneSeedSchema = z.object({
  id: z.string().max(64),
  size: z.int().positive(),
  elapsed_ms: spanSchema,
  longest_silence_ms: spanSchema,
  /** Milliseconds since the epoch. */
  ended_at: z.number().min(0).max(LAST_MOMENT_MS),
});
export const seedSchema = z.array(oneSeedSchema).max(1_000);
export type TimeoutSeeds = z.infer<typeof seedSchema>;

/** Whether a daemon would accept it: the contents of a log are not trusted. */
export const isSeed = (seed: TimeoutSeeds[number]): boolean => oneSeedSchema.safeParse(seed).success;

/** What happened to the seeds. */
export const seededSchema = z.object({
  /** The route that they were recorded for; null when it is not known yet, and then none was accepted. */
  route: z.object({ proxy: z.string(), origin: z.string() }).nullable(),
  taken: z.number(),
  known_before: z.number(),
});
export type TimeoutSeeded = z.infer<typeof seededSchema>;
