// The settings of the model. Settings that are not given get the defaults of the schema. Every deadline stays within
// their range.

import { responseTimeout } from '#config/schema/response-timeout.ts';
import type { Settings } from '#config/settings.ts';
import type { TimeoutPhase, TimeoutSettings } from './types.ts';

/** The shortest deadline that any setting allows. */
const MIN_TIMEOUT_MS = 1_000;

/** The manual's maximum, and the longest timer: no limit in practice (24.8 days). */
export const NO_LIMIT_MS = 2_147_483_647;

/** Converts the section `response_timeout` to the model's names and units. */
export function timeoutSettings({ response_timeout: section }: Pick<Settings, 'response_timeout'>): TimeoutSettings {
  return {
    mode: section.mode,
    baseMs: section.base_ms,
    minMs: section.min_ms,
    maxMs: section.max_ms,
    totalMaxMs: section.total_max_ms,
  };
}

/** The defaults, overridden by what is given. */
export function withDefaults(given: Partial<TimeoutSettings>): TimeoutSettings {
  const shipped = timeoutSettings({ response_timeout: responseTimeout.parse({}) });
  return {
    mode: given.mode ?? shipped.mode,
    baseMs: given.baseMs ?? shipped.baseMs,
    minMs: given.minMs ?? shipped.minMs,
    maxMs: given.maxMs ?? shipped.maxMs,
    totalMaxMs: given.totalMaxMs ?? shipped.totalMaxMs,
  };
}

/** A deadline in whole milliseconds within the configured bounds. If `min_ms` exceeds a maximum, the maximum wins. */
export function withinBounds(ms: number, phase: TimeoutPhase, settings: TimeoutSettings): number {
  const ceiling = maxDeadlineMs(phase, settings);
  return Math.min(ceiling, Math.max(MIN_TIMEOUT_MS, settings.minMs, Math.ceil(ms)));
}

/** The longest deadline of a phase. */
export function maxDeadlineMs(phase: TimeoutPhase, { maxMs, totalMaxMs }: TimeoutSettings): number {
  return Math.min(NO_LIMIT_MS, Math.max(MIN_TIMEOUT_MS, phase === 'total' ? totalMaxMs : maxMs));
}
