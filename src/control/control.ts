// What may be asked of Sallyport: one table of verbs, two carriers. A running daemon is asked over its unix sockets; where
// none runs, the same handlers work in this process, without schedules. A command never knows which one it has.
//
// To add a verb, declare it here and write its handler in `daemon/verbs.ts`. Everything that crosses is plain JSON with a
// schema, so both ends agree and an old client can tell.

import { z } from 'zod';
import { diagnosisRequestSchema, diagnosisSchema } from '#diagnose/report.ts';
import { requireId } from '#system/id.ts';
import { forgottenSchema, hookRunSchema, roundSchema, updateSchema, verifiedSchema } from './answers.ts';
import { changeRequestSchema, changeVerdictSchema } from './change.ts';
import { endpointListSchema } from './endpoints.ts';
import { followedSchema, followRequestSchema } from './follow.ts';
import { settingsListSchema } from './settings.ts';
import { statusSchema } from './status.ts';
import { explanationSchema, seededSchema, seedSchema } from './timeouts.ts';
import { answer, eventsOf, field, LOG_EVENTS, type MethodsOf, nothing, whole, work } from './verb.ts';

/** A configuration of 1 MiB in JSON, which may write a character as several bytes, and the variables of a shell. */
const MAX_TEXT_BYTES = 3_145_728;
const profileSchema = z.string().max(256).nullable();

export const VERBS = {
  status: answer({ path: '/v1/status', needs: 'look', does: 'show the status', result: statusSchema }),
  /** The active settings, each with its value (secrets masked), where it comes from and who may set it. */
  settings: answer({ path: '/v1/settings', needs: 'look', does: 'show the settings', result: settingsListSchema }),
  /** The lines of the log and the progress of transfers, until the caller leaves. */
  follow: work({
    path: '/v1/follow',
    needs: 'look',
    does: 'follow the log',
    request: whole(followRequestSchema),
    events: eventsOf(followedSchema),
    result: nothing,
  }),
  /** What the settings in force need to reach, and where feeds and redirects have led. */
  endpoints: answer({ path: '/v1/endpoints', needs: 'look', does: 'list the endpoints', result: endpointListSchema }),
  listUpdates: answer({ path: '/v1/updates', needs: 'look', does: 'list the packages', result: z.array(updateSchema) }),
  /** How long a package of 1, 10, 100 MB and of this size is waited for on each route, and why. */
  explainTimeout: answer({
    path: '/v1/timeout/explain',
    needs: 'look',
    does: 'explain response timeouts',
    request: field('size', z.int().min(0).nullable()),
    result: explanationSchema,
  }),
  /** Runs a round now, or joins the one that runs. */
  check: work({
    path: '/v1/check',
    needs: 'operate',
    does: 'check for updates',
    events: LOG_EVENTS,
    result: roundSchema,
  }),
  /** Lets passwords that wait be tried once more: that of one profile, or all. */
  retryCredentials: answer({
    path: '/v1/credentials/retry',
    needs: 'operate',
    does: 'allow refused passwords once more',
    request: field('profile', profileSchema),
    result: nothing,
  }),
  /** Reads and hashes every published package. */
  verifyUpdates: work({
    path: '/v1/updates/verify',
    needs: 'operate',
    does: 'verify the packages',
    events: LOG_EVENTS,
    result: z.array(verifiedSchema),
  }),
  /** Learns what an old log has measured. */
  seedTimeout: answer({
    path: '/v1/timeout/seed',
    needs: 'operate',
    does: 'learn response timeouts from an old log',
    request: whole(seedSchema),
    result: seededSchema,
  }),
  /** Accepts the change that is being tried. @throws CodedError CHANGE-NONE */
  confirmChange: answer({
    path: '/v1/change/confirm',
    needs: 'operate',
    does: 'confirm new settings',
    result: nothing,
  }),
  /**
   * Tests the route of each purpose stage by stage, with the active settings. A failed stage is an answer. Only an admin may
   * have other settings tested. @throws CodedError CONFIG, POLICY-DIRECT, TLS-FILE for settings that cannot be used
   */
  diagnose: work({
    path: '/v1/diagnose',
    needs: 'operate',
    does: 'diagnose',
    more: {
      applies: ({ candidate }) => candidate !== null,
      needs: 'admin',
      does: 'diagnose settings that are not active',
    },
    request: whole(diagnosisRequestSchema),
    maxBytes: MAX_TEXT_BYTES,
    result: diagnosisSchema,
  }),
  /** Runs the hook for a published package now, once. */
  runHook: work({
    path: '/v1/updates/hook',
    needs: 'admin',
    does: 'run the hook',
    request: field('id', z.string().transform(requireId)),
    events: LOG_EVENTS,
    result: hookRunSchema,
  }),
  /** Forgets the serial of the feed, so that the next check accepts any. An older feed is accepted after it. */
  forgetSerial: answer({
    path: '/v1/updates/forget-serial',
    needs: 'admin',
    does: 'forget the serial of the feed',
    result: forgottenSchema,
  }),
  /**
   * Tries settings before they are written: confirmed when every stage of every purpose whose route they change passes, or by
   * `confirmChange`. The caller writes them. @throws CodedError CHANGE-PENDING, CONFIG, POLICY-DIRECT
   */
  tryChange: work({
    path: '/v1/change/try',
    needs: 'admin',
    does: 'try new settings',
    request: whole(changeRequestSchema),
    maxBytes: MAX_TEXT_BYTES,
    events: LOG_EVENTS,
    result: changeVerdictSchema,
  }),
};
export type Verbs = typeof VERBS;

/** Everything that may be asked. */
export type Control = MethodsOf<Verbs>;

export type { Diagnosis, DiagnosisRequest, PurposeReport, Stage } from '#diagnose/report.ts';
export type { Failure, ForgottenSerial, HookRun, RoundResult, UpdateRow, VerifiedRow } from './answers.ts';
export type { Status } from './status.ts';
export type { Authority } from './verb.ts';
