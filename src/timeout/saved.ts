// Converts the learned state to plain JSON, and back. If any detail is invalid, the whole state is rejected, and the
// model starts empty. A sample is a row of numbers, to save space: seq, atMs, size, first byte, silence, total.

import { z } from 'zod';
import { type History, MAX_SAMPLE_MS, MAX_SAMPLES } from './samples.ts';

/** Maximum number of routes. The least recently used is dropped first. */
export const MAX_ROUTES = 256;

const VERSION = 2;
/** A number of bytes or a timestamp. */
const amount = z.number().nonnegative().max(Number.MAX_SAFE_INTEGER);
const span = z.number().min(0).max(MAX_SAMPLE_MS);
const row = z.tuple([z.int().nonnegative(), amount, amount, span.nullable(), span.nullable(), span.nullable()]);
const name = z.string().max(2_048);
const times = z.int().nonnegative();
const byPhase = z.strictObject({ first_byte: times, silence: times, total: times });

const historySchema = z
  .strictObject({
    count: z.int().nonnegative(),
    largest: amount,
    timeouts: byPhase,
    timedOutAt: byPhase,
    muteEver: times,
    longerUntil: times,
    samples: z.array(row).max(MAX_SAMPLES),
  })
  .refine(({ count, samples }) => samples.every(([seq], index) => seq < (samples[index + 1]?.[0] ?? count)));

const savedSchema = z.strictObject({
  version: z.literal(VERSION),
  routes: z.array(z.strictObject({ proxy: name, origin: name, history: historySchema })).max(MAX_ROUTES),
  proxies: z.array(z.strictObject({ proxy: name, history: historySchema })).max(MAX_ROUTES),
});

/** The history of a route with the route's names. */
interface Remembered {
  readonly proxy: string;
  readonly origin: string;
  readonly history: History;
}

/** Everything that was learned, in order of last use. */
export interface Learned {
  readonly routes: readonly Remembered[];
  readonly proxies: readonly Omit<Remembered, 'origin'>[];
}

/** Converts what was learned to plain JSON. */
export function toSaved({ routes, proxies }: Learned): unknown {
  return {
    version: VERSION,
    routes: routes.map(({ proxy, origin, history }) => ({ proxy, origin, history: pack(history) })),
    proxies: proxies.map(({ proxy, history }) => ({ proxy, history: pack(history) })),
  };
}

/** Reads saved JSON. The result is empty when it is absent, damaged, or of another version. */
export function fromSaved(saved: unknown): Learned {
  const read = savedSchema.safeParse(saved);
  if (!read.success) return { routes: [], proxies: [] };
  return {
    routes: read.data.routes.map((route) => ({ ...route, history: unpack(route.history) })),
    proxies: read.data.proxies.map((proxy) => ({ ...proxy, history: unpack(proxy.history) })),
  };
}

function pack({ samples, ...rest }: History) {
  return {
    ...rest,
    timeouts: { ...rest.timeouts },
    timedOutAt: { ...rest.timedOutAt },
    samples: samples.map(({ seq, atMs, size, ms }) => [seq, atMs, size, ms.first_byte, ms.silence, ms.total]),
  };
}

function unpack({ samples, ...rest }: z.infer<typeof historySchema>): History {
  return {
    ...rest,
    samples: samples.map(([seq, atMs, size, firstByte, silence, total]) => ({
      seq,
      atMs,
      size,
      ms: { first_byte: firstByte, silence, total },
    })),
  };
}
