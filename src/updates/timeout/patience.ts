// How long to wait for one package, attempt by attempt, and what its attempts teach.
//
// Guarantees: only a whole package whose digest was verified teaches the model, and a timeout; nothing that went on from
// an earlier attempt does, nor an attempt during which the machine slept or the clock was set. The next attempt knows the
// one before, also in the next round and after a restart. What was learned is on disk before the next attempt.

import { asCoded } from '#errors/coded-error.ts';
import { showDuration, showSize } from '#errors/template.ts';
import type { DeadlineWords } from '#http/deadlines.ts';
import { KIND_WORDS, kindOfTransfer, type PathKind, type TransferShape } from '#path/kind.ts';
import { ClockSteps } from '#system/time/clock-steps.ts';
import type { Outcome, RouteKey, TimeoutPlan } from '#timeout/model.ts';
import type { FetchPatience } from '#transfer/fetch.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { waitsSeen } from './waits-seen.ts';

/** A plan that became so many times longer or shorter is worth a line. */
const WORTH_TELLING = 1.5;

type PatiencePorts = Pick<UpdatesPorts, 'model' | 'timeouts' | 'habits' | 'clock' | 'report' | 'settings'>;

interface Attempt {
  readonly route: RouteKey;
  readonly plan: TimeoutPlan;
  readonly steps: ClockSteps;
  seen: { readonly outcome: Outcome; readonly shape: TransferShape } | null;
}

/** The patience with one package. */
export class PackagePatience implements FetchPatience {
  readonly #ports: PatiencePorts;
  /** Another file under the same id would be another package. */
  readonly #name: string;
  #attempt: Attempt | null = null;

  constructor(ports: PatiencePorts, item: { readonly id: string; readonly sha256: string }) {
    this.#ports = ports;
    this.#name = `${item.id} ${item.sha256}`;
  }

  plan(route: RouteKey, size: number): TimeoutPlan {
    const { model, timeouts, clock } = this.#ports;
    this.#noteTold(route, size);
    const plan = model.plan(route, size, clock.now(), timeouts.attempt(this.#name) ?? undefined);
    this.#attempt = { route, plan, steps: new ClockSteps(clock), seen: null };
    return plan;
  }

  words(route: RouteKey, plan: TimeoutPlan): { readonly key: string; readonly words: DeadlineWords } {
    const { response_timeout: section } = this.#ports.settings();
    const seen = this.#seen(route, plan.size);
    if (section.mode === 'fixed') {
      const key = 'response_timeout.base_ms';
      return {
        key,
        words: { seen, advice: `raise ${key}, 300000 is generally sufficient, or let the mode be adaptive` },
      };
    }
    const isAtMost = Math.max(plan.firstByteMs, plan.silenceMs) >= section.max_ms;
    return isAtMost
      ? { key: 'response_timeout.max_ms', words: { seen, advice: 'raise response_timeout.max_ms' } }
      : { key: 'response_timeout.mode', words: { seen, advice: ADAPTIVE_ADVICE } };
  }

  /** How long this route has held packages; `held_size` where that was one of another size. */
  held(route: RouteKey, size: number): { readonly held: number | null; readonly held_size: number | null } {
    const waits = waitsSeen(this.#ports.model.samples(route), size);
    return { held: waits?.ms ?? null, held_size: waits === null || waits.like ? null : waits.size };
  }

  extend(plan: TimeoutPlan, elapsedMs: number, bytes: number): number {
    return this.#ports.model.extend(plan, elapsedMs, bytes);
  }

  observe(_route: RouteKey, outcome: Outcome, shape: TransferShape): void {
    if (this.#attempt !== null) this.#attempt.seen = { outcome, shape };
  }

  /**
   * The attempt is over; `verified` when its digest was right, `whole` when all of the bytes came in it. Returns what kind
   * of path it showed.
   */
  async settle(ended: { readonly verified: boolean; readonly whole: boolean }): Promise<PathKind | null> {
    const attempt = this.#attempt;
    this.#attempt = null;
    if (attempt === null || attempt.seen === null) return null;
    const { timeouts, model, report } = this.#ports;
    // A machine that slept has measured its own sleep.
    const isMeasured = attempt.steps.look().stepMs === 0;
    const kind = isMeasured ? this.#learn(attempt, attempt.seen, ended) : null;
    try {
      await timeouts.save(model.save());
    } catch (thrown) {
      report({ name: 'fault', error: asCoded(thrown) });
    }
    return kind;
  }

  #learn(
    { route, plan }: Attempt,
    { outcome, shape }: NonNullable<Attempt['seen']>,
    { verified, whole }: { readonly verified: boolean; readonly whole: boolean },
  ): PathKind | null {
    const { model, timeouts, habits } = this.#ports;
    model.observe(route, { ...outcome, ok: outcome.ok && verified && whole });
    const kind = kindOfTransfer({ ...shape, whole: shape.whole && verified });
    if (kind !== null) habits.observeKind(route, kind);
    timeouts.setAttempt(this.#name, verified ? null : { plan, timedOut: outcome.timedOut });
    return kind;
  }

  /** Says why once the wait is another one than was told last: by more than half, for the largest package so far. */
  #noteTold(route: RouteKey, size: number): void {
    const { model, timeouts, clock, report } = this.#ports;
    const [now, before] = [clock.now(), timeouts.route(route)];
    const largest = Math.max(size, before?.told.size ?? 0);
    // Without the attempt before: what the route gets, not what one package gets after a failure.
    const { firstByteMs: ms, explanation: why } = model.plan(route, largest, now);
    const told = { size: largest, ms, why };
    if (before === null || before.told.size < largest) {
      timeouts.setRoute({ ...route, told, changed: before?.changed ?? null });
      return;
    }
    const from = before.told.ms;
    if (ms < from * WORTH_TELLING && ms * WORTH_TELLING > from) return;
    const change = { size: largest, before: before.told.why, after: why };
    report({ name: 'patience-changed', origin: route.origin, from, to: ms, ...change });
    timeouts.setRoute({ ...route, told, changed: { at: now, from_ms: from, to_ms: ms, ...change } });
  }

  #seen(route: RouteKey, size: number): string {
    const who = route.proxy === 'direct' ? 'this server' : 'this proxy';
    const kind = this.#ports.habits.kindOf(route);
    const known = kind === null ? '' : ` (${KIND_WORDS[kind]})`;
    const waits = waitsSeen(this.#ports.model.samples(route), size);
    if (waits === null) return `nothing has come this way before${known}`;
    const longest = showDuration(waits.ms);
    return waits.like
      ? `${who} has held packages of this size for up to ${longest}${known}`
      : `${who} has held ${showSize(waits.size)} for ${longest}${known}`;
  }
}

const ADAPTIVE_ADVICE =
  'the next attempt waits at least twice as long, and a longer response_timeout.min_ms is never undercut';
