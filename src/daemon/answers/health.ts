// The health of the service: one level and one sentence for `status --check`, and one error a day in the log while no
// check for updates succeeds.
//
// The age of the last success is measured with the wall clock and with the monotonic clock. The greater age is used, so
// setting the clock back hides no outage. An alarm is raised only after a check has failed, or an hour after the start
// or a step of the clock. A host that resumes after a week therefore raises no alarm at once. Nothing is stored on
// disk.

import { type CodedError, coded, hopPlace } from '#errors/coded-error.ts';
import { fillTemplate, showZonedTime } from '#errors/template.ts';
import type { Report } from '#logging/events.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { classifyQueues, type QueueFacts } from './health-of-queues.ts';

const LOOK_EVERY_MS = 600_000;
const GRACE_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** The state of the checks. */
export interface CheckHealth {
  /** Milliseconds since the last success, or since the first start when there was none. */
  readonly ageMs: number;
  readonly succeededMs: number | null;
  /** The last check was interrupted by the end of its process. */
  readonly interrupted: boolean;
  /** Consecutive failed checks. */
  readonly failures: number;
  /** Why the last check failed, if it ran in this process. */
  readonly error: CodedError | null;
  /** Set when the age exceeds the limit and an alarm is due. */
  readonly overdue: CodedError | null;
}

export interface HealthOptions {
  readonly clock: Clock;
  readonly report: Report;
  /** The age in milliseconds at which silence is an error; null when nothing is to be checked. */
  limitMs(): number | null;
  /** What the stored schedule record says about earlier processes. */
  readonly before: {
    readonly firstMs: number;
    readonly succeededMs: number | null;
    readonly failures: number;
    /** A check started and did not end. */
    readonly interrupted: boolean;
  };
}

/** Monitors the checks of a daemon. */
export class HealthWatch {
  readonly #options: HealthOptions;
  #succeededMs: number | null;
  #interrupted: boolean;
  /** The age at a moment of the monotonic clock. */
  #base: { readonly wallMs: number; readonly ageMs: number; readonly atMs: number };
  #failures: number;
  #error: CodedError | null = null;
  #graceFromMs: number;
  #hasFailedSince = false;
  #reported: { readonly wallMs: number; readonly atMs: number } | null = null;
  #timer: Timer | null = null;

  constructor(options: HealthOptions) {
    this.#options = options;
    const { clock, before } = options;
    this.#succeededMs = before.succeededMs;
    this.#interrupted = before.interrupted;
    this.#failures = before.failures;
    this.#graceFromMs = clock.monotonic();
    const wallMs = before.succeededMs ?? before.firstMs;
    this.#base = { wallMs, ageMs: Math.max(0, clock.now() - wallMs), atMs: clock.monotonic() };
  }

  start(): void {
    this.#look();
    this.#timer = this.#options.clock.after(LOOK_EVERY_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A check ended. */
  ended(error: CodedError | null): void {
    const { clock, report } = this.#options;
    this.#error = error;
    this.#interrupted = false;
    this.#failures = error === null ? 0 : this.#failures + 1;
    if (error !== null) {
      this.#hasFailedSince = true;
      this.#look();
      return;
    }
    if (this.#reported !== null) report({ name: 'checks-recovered', age: this.#ageMs() });
    this.#reported = null;
    this.#succeededMs = clock.now();
    this.#base = { wallMs: clock.now(), ageMs: 0, atMs: clock.monotonic() };
  }

  /** The wall clock was stepped. */
  stepped(): void {
    this.#graceFromMs = this.#options.clock.monotonic();
    this.#hasFailedSince = false;
  }

  get current(): CheckHealth {
    return {
      ageMs: this.#ageMs(),
      succeededMs: this.#succeededMs,
      interrupted: this.#interrupted,
      failures: this.#failures,
      error: this.#error,
      overdue: this.#overdue(),
    };
  }

  #ageMs(): number {
    const { clock } = this.#options;
    const { wallMs, ageMs, atMs } = this.#base;
    return Math.max(clock.now() - wallMs, ageMs + clock.monotonic() - atMs);
  }

  #overdue(): CodedError | null {
    const { limitMs, clock } = this.#options;
    const limit = limitMs();
    const age = this.#ageMs();
    if (limit === null || age < limit) return null;
    const isInGrace = !this.#hasFailedSince && clock.monotonic() - this.#graceFromMs < GRACE_MS;
    if (isInGrace) return null;
    const cause = this.#error === null ? 'none, because no check has run since the start' : hopPlace(this.#error);
    return coded('FEED-OVERDUE', { age, cause });
  }

  #look(): void {
    const { clock, report } = this.#options;
    const error = this.#overdue();
    const [wallMs, atMs] = [clock.now(), clock.monotonic()];
    const reported = this.#reported;
    if (error === null) return;
    if (reported !== null && wallMs - reported.wallMs < DAY_MS && atMs - reported.atMs < DAY_MS) return;
    this.#reported = { wallMs, atMs };
    report({ name: 'checks-overdue', error });
  }
}

/** Other facts that affect the level. */
export interface HealthFacts {
  readonly checks: CheckHealth | null;
  readonly hasFeed: boolean;
  readonly isPaused: boolean;
  readonly isConfigRefused: boolean;
  /** The file waits to be confirmed (`proxy_change`). */
  readonly isFileHeld: boolean;
  /** Updates that failed in the last round. */
  readonly failing: number;
  /** Updates for which the hook failed. */
  readonly hookFailed: number;
  readonly nextCheckMs: number | null;
  /** Profiles in use whose password is held back. */
  readonly keptBack: readonly string[];
  /** Requests of the platform that wait for a person; null if they cannot be read. */
  readonly waitingRequests: number | null;
  /** The hold on updates, with the number of packages that are ready; null when there is none. */
  readonly hold: {
    readonly until: number;
    readonly by: string;
    readonly reason: string;
    readonly ready: number;
  } | null;
  /** A CA of a proxy that may decrypt TLS, if it expires soon. */
  readonly expiring: { readonly authority: string; readonly key: string; readonly at: number } | null;
  /** What the vendor or the admin has to do before signed metadata expires; null when there is nothing. */
  readonly trustWarning: string | null;
  /** The state of a host that should be activated and is not; null for every other host. */
  readonly unactivated: string | null;
  /** What is wrong with the link to the platform; null when nothing is. */
  readonly platformWarning: string | null;
  /** Queues that are being sent. */
  readonly queues: readonly QueueFacts[];
}

export interface Health {
  readonly level: 'ok' | 'warning' | 'critical';
  /** One line. */
  readonly sentence: string;
}

/** Level and sentence; `checks` is null when no daemon runs. */
export function classifyHealth(facts: HealthFacts): Health {
  const { checks } = facts;
  if (checks === null) return { level: 'critical', sentence: 'No daemon is running, so nothing is checked.' };
  if (checks.overdue !== null) return { level: 'critical', sentence: checks.overdue.message };
  const queues = classifyQueues(facts.queues);
  if (queues.critical !== null) return { level: 'critical', sentence: queues.critical };
  const warning = warningOf(facts, checks) ?? requestsWarning(facts) ?? queues.warning ?? facts.platformWarning;
  const held = holdWords(facts);
  if (warning !== null) return { level: 'warning', sentence: `${warning}${held}` };
  const next = facts.nextCheckMs === null ? '' : ' The next is at {next}.';
  return {
    level: 'ok',
    sentence: `${fillTemplate(`${lastWords(checks)}${next}`, { age: checks.ageMs, next: timeOf(facts.nextCheckMs) })}${held}`,
  };
}

/** A hold is intended, so it changes no level. */
function holdWords({ hold }: HealthFacts): string {
  if (hold === null) return '';
  const { until, ...words } = hold;
  return fillTemplate(' Updates are on hold until {until} by {by:words}: {reason} ({ready} ready).', {
    ...words,
    until: timeOf(until),
  });
}

function lastWords({ interrupted, succeededMs }: CheckHealth): string {
  if (interrupted) return 'The last check was interrupted.';
  return succeededMs === null ? 'No check has ended yet.' : 'The last check succeeded {age:ms} ago.';
}

function warningOf(facts: HealthFacts, { failures, error, ageMs }: CheckHealth): string | null {
  if (!facts.hasFeed) return 'No feed is configured (updates.feed_url or updates.tuf), so no updates are fetched.';
  if (facts.isPaused) return 'The disk is full; downloads are paused until there is space.';
  if (failures > 0) {
    const cause = error === null ? '' : ' {error}';
    const text = `{failures} ${failures === 1 ? 'check' : 'checks'} in a row failed; no success for {age:ms}.${cause} Next try at {next}.`;
    return fillTemplate(text, { failures, error, age: ageMs, next: timeOf(facts.nextCheckMs) });
  }
  if (facts.isConfigRefused) return 'The configuration file was rejected; the previous settings are in effect.';
  if (facts.isFileHeld)
    return 'The changed configuration file is not confirmed, so the previous settings are in effect. See: sallyport status.';
  if (facts.keptBack.length > 0)
    return fillTemplate('The password for {proxies} is on hold and not sent. See: sallyport status.', {
      proxies: facts.keptBack,
    });
  if (facts.trustWarning !== null) return facts.trustWarning;
  if (facts.failing > 0)
    return fillTemplate('Number of updates that could not be downloaded: {count}.', { count: facts.failing });
  if (facts.hookFailed > 0)
    return fillTemplate('Number of updates for which the hook failed: {count}.', { count: facts.hookFailed });
  if (facts.unactivated !== null)
    return fillTemplate(
      'This host is not activated ({state}). Everything else works. To activate it: sallyport activate.',
      {
        state: facts.unactivated,
      },
    );
  if (facts.expiring !== null) {
    const { at, ...about } = facts.expiring;
    return fillTemplate('The CA {authority} in {key:key} expires at {at}. Add its successor to the file.', {
      ...about,
      at: timeOf(at),
    });
  }
  return null;
}

function requestsWarning({ waitingRequests: waiting }: HealthFacts): string | null {
  if (waiting === 0) return null;
  if (waiting === null) return 'The requests of the platform cannot be read. See: sallyport send-logs requests.';
  return fillTemplate(
    'Number of requests of the platform for support logs that wait for a decision: {waiting}. See: sallyport send-logs requests.',
    { waiting },
  );
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : showZonedTime(ms);
}
