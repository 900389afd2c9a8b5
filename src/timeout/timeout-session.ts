// The timeouts of one package, from attempt to attempt, and what the model learns from them.
//
// Guarantees: the model learns only from timeouts and from whole packages whose digest was verified. It learns nothing
// from a resumed download, nor from an attempt during which the host was suspended or the clock was set. Each attempt
// depends on the previous one, even at the next check for updates and after a restart. What was learned from a failed
// attempt is on disk before the next one. How the bytes of a transfer arrived is passed on to `path/habits.ts`.

import type { Settings } from '#config/settings.ts';
import { asCoded } from '#errors/coded-error.ts';
import { showDuration, showSize } from '#errors/template.ts';
import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import { ClockSteps } from '#system/time/clock-steps.ts';
import type { TimeoutMemory } from './memory.ts';
import type {
  AttemptOutcome,
  PlannedRoute,
  PreviousAttempt,
  ResponseTimeoutModel,
  RouteKey,
  TimeoutPlan,
} from './model.ts';
import { recentWaits } from './recent-waits.ts';

/** Remembers the kind of each route. */
interface RouteKinds<Shape, Kind> {
  /** The kind of this route in words; null when it is unknown. */
  wordsOf(route: RouteKey): string | null;
  /** Adds one transfer to this route and returns its kind, if it shows one. `verified`: its digest was right. */
  observeTransfer(route: RouteKey, shape: Shape, verified: boolean): Kind | null;
}

/** What a `TimeoutSession` uses. */
interface TimeoutSessionPorts<Shape, Kind> {
  readonly model: ResponseTimeoutModel;
  readonly timeouts: Pick<TimeoutMemory, 'attempt' | 'setAttempt' | 'route' | 'setRoute' | 'save'>;
  readonly habits: RouteKinds<Shape, Kind>;
  readonly clock: Clock;
  readonly report: Report;
  settings(): Pick<Settings, 'response_timeout'>;
  /** What is transferred, in the plural: `packages` if absent. */
  readonly what?: string;
  /** Reports a change of the timeouts of a route. If absent, it is an event of the updater. */
  reportChange?(change: TimeoutChange): void;
}

/** The timeout for the first byte of a route has changed by more than half, for this size. */
interface TimeoutChange {
  readonly origin: string;
  readonly size: number;
  readonly from: number;
  readonly to: number;
  /** Why, in words, before and after. */
  readonly before: string;
  readonly after: string;
}

/** For the message of a timeout: the configuration key to change, the evidence, and the advice. */
interface TimeoutWords {
  readonly key: string;
  readonly words: { readonly observed: string; readonly advice: string };
}

interface TimedAttempt<Shape> {
  readonly route: RouteKey;
  readonly plan: TimeoutPlan;
  readonly steps: ClockSteps;
  observed: { readonly outcome: AttemptOutcome; readonly shape: Shape } | null;
}

/** A plan that became longer or shorter by this factor is reported. */
const REPORTED_FACTOR = 1.5;

const ADAPTIVE_ADVICE =
  'the next attempt waits at least twice as long, and a longer response_timeout.min_ms is never undercut';

/** The timeouts of one package. */
export class TimeoutSession<Shape, Kind> {
  readonly #ports: TimeoutSessionPorts<Shape, Kind>;
  /** Includes more than the id, because another file under the same id is another package. */
  readonly #name: string;
  #attempt: TimedAttempt<Shape> | null = null;

  constructor(ports: TimeoutSessionPorts<Shape, Kind>, item: { readonly id: string; readonly sha256: string }) {
    this.#ports = ports;
    this.#name = `${item.id} ${item.sha256}`;
  }

  /**
   * The plan for a request. `previous` is an earlier request of the same attempt, which the new one accompanies. The next
   * attempt is compared with the plan of the first one.
   */
  plan(route: PlannedRoute, size: number, previous?: PreviousAttempt): TimeoutPlan {
    const { model, timeouts, clock } = this.#ports;
    this.#reportChange(route, size);
    const plan = model.plan(route, size, clock.now(), previous ?? timeouts.attempt(this.#name) ?? undefined);
    if (previous === undefined) this.#attempt = { route, plan, steps: new ClockSteps(clock), observed: null };
    return plan;
  }

  words(route: RouteKey, plan: TimeoutPlan): TimeoutWords {
    const { response_timeout: section } = this.#ports.settings();
    const observed = this.#evidence(route, plan.size);
    if (section.mode === 'fixed') {
      const key = 'response_timeout.base_ms';
      return {
        key,
        words: {
          observed,
          advice: `raise ${key} (300000 is generally sufficient), or set response_timeout.mode to adaptive`,
        },
      };
    }
    const isAtMost = Math.max(plan.firstByteMs, plan.silenceMs) >= section.max_ms;
    return isAtMost
      ? { key: 'response_timeout.max_ms', words: { observed, advice: 'raise response_timeout.max_ms' } }
      : { key: 'response_timeout.mode', words: { observed, advice: ADAPTIVE_ADVICE } };
  }

  /** How long this route has held packages. `held_size` is set where that was a package of another size. */
  held(route: RouteKey, size: number): { readonly held: number | null; readonly held_size: number | null } {
    const waits = recentWaits(this.#ports.model.samples(route), size);
    return { held: waits?.ms ?? null, held_size: waits === null || waits.like ? null : waits.size };
  }

  extend(plan: TimeoutPlan, elapsedMs: number, bytes: number): number {
    return this.#ports.model.extend(plan, elapsedMs, bytes);
  }

  observe(_route: RouteKey, outcome: AttemptOutcome, shape: Shape): void {
    if (this.#attempt !== null) this.#attempt.observed = { outcome, shape };
  }

  /**
   * Ends the attempt. `verified` means that the digest was right, `whole` that all bytes came in this attempt. Returns
   * the kind of path that it showed.
   */
  async settle(ended: { readonly verified: boolean; readonly whole: boolean }): Promise<Kind | null> {
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null || attempt.observed === null) return null;
    const { timeouts, model, report } = this.#ports;
    // If the host was suspended, the measured times include the sleep.
    const isMeasured = attempt.steps.look().stepMs === 0;
    const kind = isMeasured ? this.#learn(attempt, attempt.observed, ended) : null;
    try {
      await timeouts.save(model.save());
    } catch (thrown) {
      const error = asCoded(thrown);
      // Whatever met a full disk first has reported it.
      if (error.code !== 'DISK-FULL') report({ name: 'fault', error });
    }
    return kind;
  }

  #learn(
    { route, plan }: TimedAttempt<Shape>,
    { outcome, shape }: NonNullable<TimedAttempt<Shape>['observed']>,
    { verified, whole }: { readonly verified: boolean; readonly whole: boolean },
  ): Kind | null {
    const { model, timeouts, habits } = this.#ports;
    model.observe(route, { ...outcome, ok: outcome.ok && verified && whole });
    const kind = habits.observeTransfer(route, shape, verified);
    timeouts.setAttempt(this.#name, verified ? null : { plan, timedOut: outcome.timedOut });
    return kind;
  }

  /** Reports a plan that differs from the one reported last by more than half, for the largest package so far. */
  #reportChange(route: PlannedRoute, size: number): void {
    const { model, timeouts, clock, report } = this.#ports;
    const [now, before] = [clock.now(), timeouts.route(route)];
    const largest = Math.max(size, before?.told.size ?? 0);
    // Without the previous attempt: this is the plan of the route, not that of one package after a failure.
    const { firstByteMs: ms, explanation: why } = model.plan(route, largest, now);
    const told = { size: largest, ms, why };
    const { proxy, origin } = route;
    if (before === null || before.told.size < largest) {
      timeouts.setRoute({ proxy, origin, told, changed: before?.changed ?? null });
      return;
    }
    const from = before.told.ms;
    if (ms < from * REPORTED_FACTOR && ms * REPORTED_FACTOR > from) return;
    const change = { size: largest, before: before.told.why, after: why };
    const reported = { origin, from, to: ms, ...change };
    if (this.#ports.reportChange === undefined) report({ name: 'patience-changed', ...reported });
    else this.#ports.reportChange(reported);
    timeouts.setRoute({ proxy, origin, told, changed: { at: now, from_ms: from, to_ms: ms, ...change } });
  }

  #evidence(route: RouteKey, size: number): string {
    const who = route.proxy === 'direct' ? 'this server' : 'this proxy';
    const kind = this.#ports.habits.wordsOf(route);
    const known = kind === null ? '' : ` (${kind})`;
    const waits = recentWaits(this.#ports.model.samples(route), size);
    if (waits === null) return `no package has arrived on this route before${known}`;
    const longest = showDuration(waits.ms);
    const { what = 'packages' } = this.#ports;
    return waits.like
      ? `${who} has held ${what} of this size for up to ${longest}${known}`
      : `${who} has held ${showSize(waits.size)} for ${longest}${known}`;
  }
}
