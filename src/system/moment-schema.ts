// Schemas of the moments and durations of `moment.ts`. They are in a separate file, because loading the schema library
// takes longer than a short command that only formats times.

import { z } from 'zod';
import { clampMoment, MAX_SPAN_MS } from './moment.ts';

/**
 * Wall time in a state file. It is clamped rather than refused, so that one wrong time does not make the file
 * invalid.
 */
export const momentSchema = z.number().transform(clampMoment);

/** A measured duration in milliseconds. */
export const spanSchema = z.number().min(0).max(MAX_SPAN_MS);
