// Collects the answer to `sallyport status`: a section for each part of Sallyport, with the values in use and where
// they come from.

import { isPurpose, PURPOSES, type Purpose, purposeRow } from '#config/purposes.ts';
import type { HeldFile, PendingChange } from '#control/change.ts';
import type { Status } from '#control/control.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import { hostOutcome } from '#daemon/platform/outcome.ts';
import { describePlatform, platformWarning } from '#daemon/platform/platform-status.ts';
import type { ReloadCoordinator } from '#daemon/reload/reload.ts';
import { describeTrust } from '#daemon/updates/trust-status.ts';
import { describeUpdates, type UpdatesActivity } from '#daemon/updates/updates-status.ts';
import type { OpenKind } from '#daemon/uploads/kinds.ts';
import { placedReason } from '#diagnose/places.ts';
import { shownUrl } from '#http/check-url.ts';
import { redactError } from '#logging/record.ts';
import { KIND_WORDS, type PathKind } from '#path/kind.ts';
import type { Reason } from '#proxy/reason.ts';
import { expiringAuthority } from '#proxy/tls/interceptions.ts';
import { utcTime } from '#system/moment.ts';
import type { HookState } from '#updates/hook/hook.ts';
import { listReady } from '#updates/package/ready.ts';
import { configuredFeed, configuredPackages, isOpaqueOrigin } from '#updates/request.ts';
import { waitingCredentials } from './credentials.ts';
import { proxiesInUse } from './endpoints.ts';
import { type CheckHealth, classifyHealth, type HealthFacts } from './health.ts';
import { interceptionRow } from './interception.ts';
import { placesIn } from './read-endpoints.ts';
import { describeRoutes } from './routes.ts';
import { describeUploads, queueFacts } from './uploads-status.ts';

/** What the agent knows about its own work. */
export interface Activity extends UpdatesActivity {
  readonly hook: HookState;
  readonly trying: PendingChange | null;
  readonly held: HeldFile | null;
  /** Null when no daemon runs. */
  readonly checks: CheckHealth | null;
}

/** Gathers every section. */
export async function describeStatus(parts: Parts, activity: Activity): Promise<Status> {
  const { ports, mode, redactor } = parts;
  const settings = ports.settings();
  const published = await ports.store.list();
  const credentials = waitingCredentials(parts.credentialGuard, settings, proxiesInUse(settings));
  const endpoint = settings.updates.acknowledge_url;
  const hold = ports.hold.current(parts.clock.now());
  const ready = await listReady(ports);
  const trust = await describeTrust(parts);
  return {
    at: utcTime(parts.clock.now()),
    main: {
      version: ports.agent.version,
      state: mode === 'daemon' ? 'running' : 'not running',
      pid: mode === 'daemon' ? process.pid : null,
      since: mode === 'daemon' ? toTime(parts.startedAtMs) : null,
      agent: ports.agent.id,
    },
    health: describeHealth(parts, activity, {
      credentials,
      waitingRequests: await waitingRequests(parts, activity),
      hold: hold === null ? null : { ...hold, ready: ready.length },
      trustWarning: trust.warnings[0] ?? null,
      platformWarning: platformWarning(parts),
    }),
    outcome: hostOutcome(parts),
    activation: { state: parts.activation.state, used: parts.activation.isUsed },
    config: { ...describeConfig(parts.config), trying: activity.trying, held: activity.held },
    routes: describePurposes(parts, activity),
    credentials,
    updates: describeUpdates(parts, activity, { published, ready, hold }),
    trust,
    hook: {
      ...activity.hook,
      waiting: [...activity.hook.waiting],
      failed: [...activity.hook.failed],
      problem: activity.hook.problem === null ? null : toFailure(activity.hook.problem, redactor),
    },
    paused: describePause(parts),
    receipts: {
      waiting: ports.spool.size,
      next_try: toTime(ports.spool.nextDueAt()),
      last_failure: describeUnsent(parts),
      endpoint: endpoint === undefined ? null : shownUrl(new URL(endpoint)),
    },
    uploads: uploadsOf(parts),
    platform: describePlatform(parts),
    response_timeout: describeTimeout(parts),
    paths: ports.habits.list().map((habits) => ({
      proxy: habits.proxy,
      origin: habits.origin,
      seen: utcTime(habits.seen_at),
      via: habits.via,
      ranges_work: habits.ranges_work,
      ranges_at: toTime(habits.ranges_at),
      etag: habits.etag,
      kind: kindWords(ports.habits.kindOf(habits)),
      limits: ports.habits.limitsOf(habits).map(({ at, ...limit }) => ({ ...limit, seen: utcTime(at) })),
    })),
    log: { file: parts.logFile },
  };
}

function uploadsOf({ ports, uploads, redactor }: Parts): Status['uploads'] {
  const { kinds, bundles } = uploads;
  return describeUploads({ settings: ports.settings(), kinds, redactor, transfer: bundles.uploading });
}

/** A direct route borrows no history, and no origin has the empty name. */
const UNKNOWN_ROUTE = { proxy: 'direct', origin: '' };

function describeTimeout({ ports, clock }: Parts): Status['response_timeout'] {
  const settings = ports.settings();
  const { mode, base_ms: baseMs } = settings.response_timeout;
  const origin = configuredPackages(settings)?.origin ?? '';
  const route = { ...UNKNOWN_ROUTE, isOpaque: isOpaqueOrigin(settings, origin) };
  const { firstByteMs: unknownMs } = ports.model.plan(route, 1, clock.now());
  return { mode, base_ms: baseMs, unknown_route_ms: unknownMs };
}

/** Each purpose: its route with the reasons, and the result of its last work. */
function describePurposes(
  { ports, config, outcomes, uploads, permittedInterception }: Parts,
  activity: Activity,
): Status['routes'] {
  const settings = ports.settings();
  const placeOf = placesIn(config.loaded);
  const toText = (reason: Reason) => placedReason(reason, placeOf);
  return describeRoutes(ports.router, settings, toText).map((route) => {
    const { succeeded_at: succeededMs, failed, open } = outcomes.of(route.purpose as Purpose);
    return {
      ...route,
      interception: interceptionRow(route.purpose as Purpose, permittedInterception(route.purpose as Purpose)),
      last_success: toTime(succeededMs),
      last_failure: failed === null ? null : { at: utcTime(failed.at), failure: failed.failure, open },
      next_try: open ? toTime(nextTryOf(route.purpose, uploads.kinds, activity)) : null,
    };
  });
}

/** The schedule retries a feed; the queue retries what is sent. */
function nextTryOf(purpose: string, kinds: readonly OpenKind[], { nextCheckMs }: Activity): number | null {
  if (isPurpose(purpose) && purposeRow(purpose).probe === 'feed') return nextCheckMs;
  return kinds.find((kind) => kind.purpose === purpose)?.spool.nextDueAt() ?? null;
}

function describeUnsent({ ports: { spool } }: Parts): Status['receipts']['last_failure'] {
  const failed = spool.lastFailure();
  return failed === null ? null : { at: utcTime(failed.atMs), code: failed.code };
}

function describeHealth(
  { ports, config, redactor, uploads, clock, permittedInterception, activation }: Parts,
  activity: Activity,
  found: Pick<Status, 'credentials'> &
    Pick<HealthFacts, 'waitingRequests' | 'hold' | 'trustWarning' | 'platformWarning'>,
): Status['health'] {
  const { nextCheckMs, last, hook } = activity;
  const checks = activity.checks && {
    ...activity.checks,
    // Redacted before it becomes a sentence, because the sentence is escaped and cut.
    error: activity.checks.error && redactError(activity.checks.error, redactor),
  };
  const settings = ports.settings();
  const { stale_after_hours: hours } = settings.updates;
  const verdict = classifyHealth({
    checks,
    nextCheckMs,
    hasFeed: configuredFeed(settings) !== null,
    isPaused: ports.disk.current !== null,
    isConfigRefused: config.refused !== null,
    isFileHeld: activity.held !== null,
    failing: last?.failed.length ?? 0,
    hookFailed: hook.failed.length,
    expiring: expiringAuthority(
      PURPOSES.flatMap((purpose) => permittedInterception(purpose) ?? []),
      clock.now(),
    ),
    keptBack: found.credentials.flatMap(({ proxy, used }) => (used ? [proxy] : [])),
    waitingRequests: found.waitingRequests,
    hold: found.hold,
    trustWarning: found.trustWarning,
    unactivated: activation.isUsed && activation.state !== 'activated' ? activation.state : null,
    platformWarning: found.platformWarning,
    queues: queueFacts(settings, uploads.kinds, clock.now()),
  });
  return {
    ...verdict,
    age_seconds: checks === null ? null : Math.round(checks.ageMs / 1_000),
    stale_after_seconds: hours * 3_600,
  };
}

/** Without a daemon they change nothing in the verdict, and the file may belong to another process. */
async function waitingRequests({ uploads }: Parts, { checks }: Activity): Promise<number | null> {
  if (checks === null) return 0;
  return await uploads.bundles.requests().then(
    ({ waiting }) => waiting,
    () => null,
  );
}

function describePause({ ports, redactor }: Parts): Status['paused'] {
  const paused = ports.disk.current;
  if (paused === null) return null;
  const { error, sinceMs, nextTryMs } = paused;
  return {
    failure: toFailure(error, redactor),
    since: utcTime(sinceMs),
    next_try: utcTime(nextTryMs),
  };
}

function kindWords(kind: PathKind | null): string | null {
  return kind === null ? null : KIND_WORDS[kind];
}

function toTime(ms: number | null): string | null {
  return ms === null ? null : utcTime(ms);
}

/** The active file and, if there is one, the edit that was rejected. */
function describeConfig({
  loaded,
  loadedAtMs,
  refused,
  waiting,
}: ReloadCoordinator): Omit<Status['config'], 'trying' | 'held'> {
  return {
    file: loaded.file,
    warnings: loaded.warnings.length,
    since: utcTime(loadedAtMs),
    refused: refused === null ? null : { at: utcTime(refused.atMs), first: refused.first, count: refused.count },
    waiting: [...waiting],
  };
}
