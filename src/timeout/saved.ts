// The learned state as plain JSON, and back. What does not fit in every detail is not believed at all: the model then
// starts empty. A sample is a row of numbers, since there are many: seq, atMs, size, first byte, silence, total.

import { z } from 'zod';
import { type History, KEPT_OF_ALL, MAX_SAMPLE_MS } from './samples.ts';

/** Routes that are remembered; those not used for longest are forgotten first. */
export const MAX_ROUTES = 256;

const VERSION = 2;
/** Bytes, or a moment. */
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
    samples: z.array(row).max(KEPT_OF_ALL),
  })
  .refine(({ count, samples }) => samples.every(([seq], index) => seq < (samples[index + 1]?.[0] ?? count)));

const savedSchema = z.strictObject({
  version: z.literal(VERSION),
  routes: z.array(z.strictObject({ proxy: name, origin: name, history: historySchema })).max(MAX_ROUTES),
  proxies: z.array(z.strictObject({ proxy: name, history: historySchema })).max(MAX_ROUTES),
});

/** A route's history under its names. */
interface Remembered {
  readonly proxy: string;
  readonly origin: string;
  readonly history: History;
}

/** Everything learned, in the order of last use. */
export interface Learned {
  readonly routes: readonly Remembered[];
  readonly proxies: readonly Omit<Remembered, 'origin'>[];
}

/** Plain JSON. */
export function toSaved({ routes, proxies }: Learned): unknown {
  return {
    version: VERSION,
    routes: routes.map(({ proxy, origin, history }) => ({ proxy, origin, history: pack(history) })),
    proxies: proxies.map(({ proxy, history }) => ({ proxy, history: pack(history) })),
  };
}

/** Empty when it is damaged, of another version, or nothing. */
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
