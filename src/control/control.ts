// One table of everything that can be requested from Sallyport. Each kind of request is a verb. A running daemon
// handles the verbs over its unix sockets. If no daemon is running, the same handlers run in the process of the
// command, without schedules. Commands are written in the same way for both.
//
// To add a verb, declare it here and write its handler in `daemon/verbs.ts`. All data is plain JSON with a schema, so
// both ends agree, and an old client detects that a response does not match.

import { z } from 'zod';
import { diagnosisRequestSchema, diagnosisSchema } from '#diagnose/report.ts';
import { requireId } from '#system/id.ts';
import { forgottenSchema, hookRunSchema, roundSchema, updateSchema, verifiedSchema } from './answers.ts';
import { changeRequestSchema, changeVerdictSchema } from './change.ts';
import { endpointListSchema } from './endpoints.ts';
import { followedSchema, followRequestSchema } from './follow.ts';
import { ACTIVATION_VERBS } from './platform/activation.ts';
import { PLATFORM_VERBS } from './platform/link.ts';
import { QUEUE_VERBS } from './queue.ts';
import { settingsListSchema } from './settings.ts';
import { STATUS_VERBS } from './status.ts';
import { explanationSchema, seededSchema, seedSchema } from './timeouts.ts';
import { HOLD_VERBS } from './updates/hold.ts';
import { MEDIUM_VERBS } from './updates/medium.ts';
import { TRUST_VERBS } from './updates/trust.ts';
import { SEND_LOGS_VERBS } from './uploads/send-logs.ts';
import { answer, eventsOf, field, type MethodsOf, nothing, whole, work } from './verb.ts';
import { LOG_EVENTS } from './wire.ts';

/** A configuration of 1 MiB in JSON, which may write a character as several bytes, and the variables of a shell. */
const MAX_TEXT_BYTES = 3_145_728;
/** OpenMetrics for Prometheus, or the older text format for the textfile collector. */
const metricsFormatSchema = z.enum(['openmetrics', 'text']);
export type MetricsFormat = z.infer<typeof metricsFormatSchema>;

const profileSchema = z.string().max(256).nullable();

export const VERBS = {
  ...STATUS_VERBS,
  /** The active settings, each with its value (secrets masked), where it comes from and who may set it. */
  settings: answer({ path: '/v1/settings', needs: 'look', does: 'show the settings', result: settingsListSchema }),
  /** The lines of the log and the progress of transfers, until the caller disconnects. */
  follow: work({
    path: '/v1/follow',
    needs: 'look',
    does: 'follow the log',
    request: whole(followRequestSchema),
    events: eventsOf(followedSchema),
    result: nothing,
  }),
  /** Counters and gauges as text. @throws CodedError METRICS-OFF */
  metrics: answer({
    path: '/v1/metrics',
    needs: 'look',
    does: 'read the metrics',
    request: field('format', metricsFormatSchema),
    result: z.object({ text: z.string() }),
  }),
  /** The hosts that the active settings need to reach, and those that feeds and redirects have pointed to. */
  endpoints: answer({ path: '/v1/endpoints', needs: 'look', does: 'list the endpoints', result: endpointListSchema }),
  listUpdates: answer({ path: '/v1/updates', needs: 'look', does: 'list the packages', result: z.array(updateSchema) }),
  /** The response timeout for packages of 1, 10 and 100 MB and of this size on each route, and the reason. */
  explainTimeout: answer({
    path: '/v1/timeout/explain',
    needs: 'look',
    does: 'explain response timeouts',
    request: field('size', z.int().min(0).nullable()),
    result: explanationSchema,
  }),
  /** Runs a round now, or joins the running one. */
  check: work({
    path: '/v1/check',
    needs: 'operate',
    does: 'check for updates',
    events: LOG_EVENTS,
    result: roundSchema,
  }),
  /** Allows passwords that are held back to be tried once more: that of one profile, or all. */
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
  /** Imports the measurements of an old log. */
  seedTimeout: answer({
    path: '/v1/timeout/seed',
    needs: 'operate',
    does: 'learn response timeouts from an old log',
    request: whole(seedSchema),
    result: seededSchema,
  }),
  /** Accepts the change that is being tested. @throws CodedError CHANGE-NONE */
  confirmChange: answer({
    path: '/v1/change/confirm',
    needs: 'operate',
    does: 'confirm new settings',
    result: nothing,
  }),
  /**
   * Tests the route of each purpose, with the active settings. Reports each stage. A failed stage is a normal answer. Only
   * an admin may have other settings tested.
   * @throws CodedError CONFIG, POLICY-DIRECT, TLS-FILE for settings that cannot be used
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
    events: LOG_EVENTS,
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
  /** Deletes the stored serial of the feed. The next check then accepts any serial, also that of an older feed. */
  forgetSerial: answer({
    path: '/v1/updates/forget-serial',
    needs: 'admin',
    does: 'forget the serial of the feed',
    result: forgottenSchema,
  }),
  /**
   * Tests settings before they are written. They are confirmed when every stage passes for every purpose whose route
   * they change, or by `confirmChange`. The caller writes them.
   * @throws CodedError CHANGE-PENDING, CONFIG, POLICY-DIRECT
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
  ...PLATFORM_VERBS,
  ...HOLD_VERBS,
  ...TRUST_VERBS,
  ...MEDIUM_VERBS,
  ...QUEUE_VERBS,
  ...SEND_LOGS_VERBS,
  ...ACTIVATION_VERBS,
};
export type Verbs = typeof VERBS;

/** All methods. */
export type Control = MethodsOf<Verbs>;

export type { Diagnosis, DiagnosisRequest, PurposeReport, Stage } from '#diagnose/report.ts';
export type { Failure, ForgottenSerial, HookRun, RoundResult, UpdateRow, VerifiedRow } from './answers.ts';
export type { Status } from './status.ts';
export type { Authority } from './verb.ts';
