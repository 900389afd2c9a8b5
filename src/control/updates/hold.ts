// The requests of `sallyport updates hold`, `release` and `publish` and of `check --now`, and the answers to them.

import { z } from 'zod';
import { roundSchema } from '#control/answers.ts';
import { answer, field, whole, work } from '#control/verb.ts';
import { LOG_EVENTS } from '#control/wire.ts';
import { requireId } from '#system/id.ts';
import { MAX_REASON } from '#updates/hold/hold.ts';
import { holdSchema, readySchema } from './hold-rows.ts';

const holdRequestSchema = z.object({ until: z.string().max(64), reason: z.string().min(1).max(MAX_REASON) });

const heldSchema = z.object({
  hold: holdSchema,
  /** The hold that this one replaced. */
  replaced: z.nullable(holdSchema),
});

const releasedSchema = z.object({
  /** The hold that was released; null when there was none. */
  released: z.nullable(holdSchema),
  ready: z.array(readySchema),
  /** Whether a daemon publishes them now; without one, the next check does. */
  publishing: z.boolean(),
  /** When the hours of `updates.window.publish` begin; null if they have begun. */
  opens_at: z.string().nullable().default(null),
});

const publishedSchema = z.object({ id: z.string(), path: z.string(), already: z.boolean() });

export const HOLD_VERBS = {
  /** Runs a round that downloads and publishes outside the hours of `updates.window` as well. */
  checkNow: work({
    path: '/v1/check/now',
    needs: 'operate',
    does: 'check for updates outside their hours',
    events: LOG_EVENTS,
    result: roundSchema,
  }),
  /** Downloads and verifies updates from now on, but publishes none until a time. @throws CodedError HOLD-INVALID */
  holdUpdates: answer({
    path: '/v1/updates/hold',
    needs: 'operate',
    does: 'put updates on hold',
    request: whole(holdRequestSchema),
    result: heldSchema,
  }),
  /** Ends the hold. */
  releaseUpdates: answer({
    path: '/v1/updates/release',
    needs: 'operate',
    does: 'release the hold on updates',
    result: releasedSchema,
  }),
  /** Publishes one package that is ready, despite a hold. @throws CodedError UPDATE-NOT-READY, UPDATE-REQUIRES, READY-DAMAGED */
  publishUpdate: work({
    path: '/v1/updates/publish',
    needs: 'operate',
    does: 'publish an update',
    request: field('id', z.string().transform(requireId)),
    events: LOG_EVENTS,
    result: publishedSchema,
  }),
};
