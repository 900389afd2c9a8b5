// Histories for fast-check: outcomes of every kind on few routes, so that they share routes.

import fc from 'fast-check';
import { type AttemptOutcome, ResponseTimeoutModel, type RouteKey, type TimeoutPlan } from '#timeout/model.ts';

export const PROXY = 'http://proxy.example.com:3128';
export const ROUTE: RouteKey = { proxy: PROXY, origin: 'https://updates.example.com' };
export const DAY_MS = 86_400_000;

export const anyMs = fc.oneof(
  fc.integer({ min: 0, max: 20_000 }),
  fc.integer({ min: 0, max: 5_000_000 }),
  fc.double({ min: 0, max: 1e13, noNaN: true }),
);

export const anySize = fc.oneof(
  fc.constantFrom(0, 1, 2, 1_000_000, Number.MAX_SAFE_INTEGER),
  fc.integer({ min: 1, max: 2_000_000_000 }),
  fc.maxSafeNat(),
);

const anyTimes = fc.record({
  size: anySize,
  firstByteMs: anyMs,
  longestSilenceMs: anyMs,
  totalMs: anyMs,
  atMs: fc.integer({ min: 0, max: 400 * DAY_MS }),
});

export const success: fc.Arbitrary<AttemptOutcome> = anyTimes.map((times) => ({ ...times, ok: true, timedOut: null }));

export const timeout: fc.Arbitrary<AttemptOutcome> = fc
  .tuple(anyTimes, fc.constantFrom('first_byte', 'silence', 'total'))
  .map(([times, timedOut]) => ({ ...times, ok: false, timedOut }));

/** A page that is not the package, a reset, a refusal: neither verified nor timed out. */
export const error: fc.Arbitrary<AttemptOutcome> = fc
  .tuple(anyTimes, fc.boolean(), fc.boolean())
  .map(([times, mute, early]) => ({
    ...times,
    ok: false,
    timedOut: null,
    firstByteMs: mute ? null : times.firstByteMs,
    longestSilenceMs: mute || early ? null : times.longestSilenceMs,
  }));

const anyOutcome = fc.oneof({ weight: 4, arbitrary: success }, timeout, error);

export const anyRoute: fc.Arbitrary<RouteKey> = fc.record({
  proxy: fc.constantFrom('direct', PROXY, 'http://other.example.com:8080'),
  origin: fc.constantFrom('https://updates.example.com', 'https://cdn.example.com', 'https://x'),
});

export type Step = readonly [RouteKey, AttemptOutcome];
export const anyHistory: fc.Arbitrary<Step[]> = fc.array(fc.tuple(anyRoute, anyOutcome), { maxLength: 60 });

/** A model that has seen all this. */
export function trainedModel(history: readonly Step[], settings = {}): ResponseTimeoutModel {
  const model = new ResponseTimeoutModel(settings);
  for (const [route, outcome] of history) model.observe(route, outcome);
  return model;
}

/** The three deadlines of a plan. */
export function deadlines({ firstByteMs, silenceMs, totalMs }: TimeoutPlan): number[] {
  return [firstByteMs, silenceMs, totalMs];
}
