// Plans the next check for updates (a round): at the times (slots) of `updates.schedule`, plus a delay that is fixed
// for each host.
//
// Guarantees: there is a round for each scheduled time. If several times were missed, there is one round for all of
// them. Failed checks and failed packages are retried before the next scheduled time, with increasing delays. Scheduled
// rounds start at least one minute apart. The wall clock is read every two minutes, so a step or a suspend delays a
// round by at most two minutes. After a crash during a round, the next start runs a round.

import type { CodedError } from '#errors/coded-error.ts';
import { asCoded, coded, hopPlace } from '#errors/coded-error.ts';
import { retryDelay } from '#http/retry-delay.ts';
import type { Report } from '#logging/events.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { ClockSteps } from '#system/time/clock-steps.ts';
import { Zone } from '#system/time/zone.ts';
import type { WindowName } from '#updates/hold/windows.ts';
import type { RoundScope } from '#updates/tally.ts';
import { classifySlot, doneUntil, fixedDelay, type SlotState, SOONEST_MS } from './decide-round.ts';
import { beginSlot, endCheck, type FreezeState } from './freeze-detector.ts';
import type { ScheduleRecord, ScheduleState } from './schedule-state.ts';
import { Slots } from './slots.ts';

const LOOK_EVERY_MS = 120_000;

/** The values from the settings. */
export interface Timetable {
  readonly expression: string;
  /** The host's own time zone when undefined. */
  readonly timeZone: string | undefined;
  readonly jitterSeconds: number;
  /** The longest interval between two retries of a failed check; it never exceeds an hour. */
  readonly maxDelaySeconds: number;
}

export interface ScheduleOptions {
  /** The name of its record. */
  readonly name: string;
  timetable(): Timetable;
  /** Whether no check has succeeded yet, so that a user may be waiting for the first. */
  isFirst(): boolean;
  /** The id of this installation; it fixes the delay. */
  readonly agentId: string;
  readonly clock: Clock;
  readonly state: Pick<ScheduleState, 'get' | 'put' | 'save'>;
  readonly report: Report;
  /** The wall time of the next retry of failed packages, as an earlier process left it. */
  packageRetryAt?(): number | null;
  /** When packages that wait for these hours may be worked on, as wall time; now, or before, if they may already. */
  windowBeginsAt?(name: WindowName, at: { readonly nowMs: number; readonly delayMs: number }): number;
  /** Runs a round, or joins the running one; the round's owner calls `ended` after it. Never throws. */
  onDue(scope: RoundScope): void;
  /** The wall clock was stepped: waits for a time of day must be checked again. */
  onStep(): void;
  /** The state could not be written; work continues. */
  onUnsaved(error: CodedError): void;
}

/** A schedule at work. */
/** The result of a round. */
export interface EndedRound {
  readonly error: CodedError | null;
  /** Wall time of a retry that a server requested. */
  readonly retryAtMs: number | null;
  /** Wall time of the next retry of a package that failed in this round or an earlier one. */
  readonly packageRetryAtMs?: number | null;
  /** The hours that packages wait for. */
  readonly waitsFor?: readonly WindowName[];
  /** A proxy, or the server itself, had accepted the connection. */
  readonly connected?: boolean;
}

export class Schedule {
  readonly #options: ScheduleOptions;
  readonly #steps: ClockSteps;
  #timetable: Timetable;
  #slots: Slots;
  #timer: Timer | null = null;
  #stopped = false;
  #running = false;
  /**
   * Monotonic times: of the round for a missed slot, of one between slots, of one for packages, and the earliest time
   * for any.
   */
  #overdueAt: number | null = null;
  #extraAt: number | null = null;
  #packagesAt: number | null = null;
  #soonestAt = Number.NEGATIVE_INFINITY;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#steps = new ClockSteps(options.clock);
    this.#timetable = options.timetable();
    this.#slots = slotsOf(this.#timetable);
  }

  /** Starts; on a first start a round runs at once. */
  start(): void {
    const { state, name, clock, isFirst } = this.#options;
    const [now, mono] = [clock.now(), clock.monotonic()];
    const known = state.get(name);
    const fresh = { first_at: now, last_run_at: now, succeeded_at: null, failures: 0, open: false };
    const record = known ?? fresh;
    state.put(name, record);
    const isMended = record.failures > 0 || record.last_run_at !== doneUntil(record.last_run_at, now);
    if (record.open) this.#extraAt = mono + SOONEST_MS;
    else if (isMended) this.#extraAt = mono + Math.max(SOONEST_MS, this.#delayMs);
    else if (known === null || isFirst()) this.#extraAt = mono;
    this.#planPackages(this.#options.packageRetryAt?.() ?? null);
    this.#look();
    this.#tellNext();
  }

  /** Wall time of the next round; null when there is none. */
  nextAt(): number | null {
    const { clock } = this.#options;
    // Reads each clock once. Between two readings a fraction of a millisecond passes, and 03:00:00 would become
    // 02:59:59.
    const [now, mono] = [clock.now(), clock.monotonic()];
    const at = this.#nextRun(now, mono);
    return at === null ? null : Math.round(now + Math.max(0, at - mono));
  }

  /** Records that a round has started, for any caller. If it is interrupted, the next start runs one again. */
  async began(): Promise<void> {
    const { state, name } = this.#options;
    if (this.#stopped || (state.get(name)?.open ?? true)) return;
    this.#put({ open: true });
    await this.#save();
  }

  /** Settings changed: a new timetable applies at once, and what failed may succeed. */
  refresh(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const isRetried = (this.#record.failures > 0 || this.#packagesAt !== null) && !this.#running;
    if (isRetried) this.#extraAt = clock.monotonic();
    const before = this.nextAt();
    this.#look();
    if (isRetried || this.nextAt() !== before) this.#tellNext();
  }

  /** Records that a round has ended, for any caller. */
  ended({ error, retryAtMs, packageRetryAtMs = null, connected = false, waitsFor = [] }: EndedRound): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const now = clock.now();
    this.#running = false;
    const record = this.#record;
    const failures = error === null ? 0 : record.failures + 1;
    this.#noteFeed(error, connected);
    // Without the feed, nothing new is known about packages that wait.
    this.#put({ failures, open: false, ...(error === null ? { succeeded_at: now, waits_for: [...waitsFor] } : {}) });
    const cap = this.#timetable.maxDelaySeconds * 1_000;
    // The clock may have been stepped since that time was set.
    const requestedMs = retryAtMs === null ? null : Math.max(SOONEST_MS, Math.min(cap, retryAtMs - now));
    const own = error?.retryable === true ? retryDelay(failures, this.#timetable.maxDelaySeconds) : null;
    const wait = requestedMs === null && own === null ? null : Math.max(requestedMs ?? 0, own ?? 0);
    this.#extraAt = wait === null ? null : clock.monotonic() + wait;
    this.#planPackages(packageRetryAtMs);
    void this.#save();
    this.#look();
    this.#tellNext();
  }

  /** Packages wait for these hours, although no round found that. */
  waitFor(windows: readonly WindowName[]): void {
    if (this.#stopped || windows.length === 0) return;
    this.#put({ waits_for: [...new Set([...(this.#record.waits_for ?? []), ...windows])] });
    void this.#save();
    this.#look();
  }

  #planPackages(atMs: number | null): void {
    const { clock } = this.#options;
    const cap = Math.max(SOONEST_MS, this.#timetable.maxDelaySeconds * 1_000);
    this.#packagesAt =
      atMs === null ? null : clock.monotonic() + Math.max(SOONEST_MS, Math.min(cap, atMs - clock.now()));
  }

  /** Counts slots without a complete feed, each once. */
  #noteFeed(error: CodedError | null, connected: boolean): void {
    const { starved, suspect } = endCheck(this.#record.starved, { error, connected });
    this.#put({ starved });
    if (!suspect || error === null) return;
    const facts = { schedules: starved?.slots ?? 0, cause: hopPlace(error), hop: error.place };
    this.#options.report({ name: 'feed-starved', error: coded('FREEZE-SUSPECT', facts) });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  get #record(): ScheduleRecord {
    const { state, name } = this.#options;
    const record = state.get(name);
    if (record === null) throw new TypeError(`the schedule ${name} was not started`);
    return record;
  }

  get #delayMs(): number {
    return fixedDelay(this.#options.agentId, this.#timetable.jitterSeconds);
  }

  /** Compares plan and clock, starts what is due, and sleeps until the next moment, at most two minutes. */
  #look(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    const { clock } = this.#options;
    this.#noticeStep();
    this.#noticeTimetable();
    this.#noticeOverdue();
    let next = this.#nextRun();
    if (next !== null && next <= clock.monotonic()) {
      this.#begin();
      next = this.#nextRun();
    }
    const wait = next === null ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, next - clock.monotonic());
    this.#timer = clock.after(Math.max(1, wait), () => this.#look());
  }

  #noticeStep(): void {
    const { clock, report, onStep } = this.#options;
    const { stepMs, sinceMs } = this.#steps.look();
    const { last_run_at: last } = this.#record;
    const done = doneUntil(last, clock.now(), sinceMs);
    if (done !== last) this.#put({ last_run_at: done });
    if (stepMs === 0) return;
    report({ name: 'clock-stepped', by: Math.abs(stepMs), direction: stepMs > 0 ? 'forward' : 'back' });
    onStep();
    if (this.#classify().kind === 'wait' && !this.#running) this.#tellNext();
  }

  #noticeTimetable(): void {
    const [before, now] = [this.#timetable, this.#options.timetable()];
    this.#timetable = now;
    if (before.expression === now.expression && before.timeZone === now.timeZone) return;
    this.#slots = slotsOf(now);
    // Past slots that only the new timetable contains were not missed.
    this.#put({ last_run_at: Math.max(this.#record.last_run_at, this.#options.clock.now()) });
    void this.#save();
  }

  #noticeOverdue(): void {
    const { clock, report } = this.#options;
    const turn = this.#classify();
    if (turn.kind !== 'overdue') {
      this.#overdueAt = null;
    } else if (this.#overdueAt === null && !this.#running) {
      this.#overdueAt = clock.monotonic() + this.#delayMs;
      report({ name: 'slot-overdue', slot: turn.slotMs, at: this.nextAt() });
    }
  }

  #classify(nowMs = this.#options.clock.now()): SlotState {
    const { last_run_at: doneMs } = this.#record;
    return classifySlot({ slots: this.#slots, doneMs, nowMs, delayMs: this.#delayMs });
  }

  /** Monotonic time of the next round; null when there is none. */
  #nextRun(now = this.#options.clock.now(), mono = this.#options.clock.monotonic()): number | null {
    const turn = this.#classify(now);
    const candidates = [
      turn.kind === 'wait' ? mono + turn.ms : null,
      turn.kind === 'due' || turn.kind === 'overdue' ? (this.#overdueAt ?? mono) : null,
      this.#extraAt,
      this.#packagesAt,
      this.#windowAt(now, mono),
    ].filter((at) => at !== null);
    return candidates.length === 0 ? null : Math.max(Math.min(...candidates), this.#soonestAt);
  }

  /** Monotonic time at which the first hours begin that packages wait for; null when none wait, or a round runs. */
  #windowAt(nowMs: number, mono: number): number | null {
    const { waits_for: waits = [] } = this.#record;
    if (waits.length === 0 || this.#running) return null;
    const delayMs = this.#delayMs;
    const begin = waits.map((name) => this.#options.windowBeginsAt?.(name, { nowMs, delayMs }) ?? nowMs);
    return mono + Math.max(0, Math.min(...begin) - nowMs);
  }

  /** The hours that packages still wait for when a round starts now: those that have not begun. */
  #stillAwaited(): WindowName[] {
    const nowMs = this.#options.clock.now();
    const { waits_for: waits = [] } = this.#record;
    return waits.filter((name) => (this.#options.windowBeginsAt?.(name, { nowMs, delayMs: 0 }) ?? nowMs) > nowMs);
  }

  /** Writes the record first, then starts the round. A slot that falls due during a round is done with that round. */
  #begin(): void {
    const { clock, onDue } = this.#options;
    const isJoined = this.#running;
    const turn = this.#classify().kind;
    const isSlot = turn === 'due' || turn === 'overdue';
    if (isSlot) this.#put({ starved: beginSlot(this.#record.starved) });
    const isExtra = this.#extraAt !== null && this.#extraAt <= clock.monotonic();
    const windowAt = this.#windowAt(clock.now(), clock.monotonic());
    const isWindow = windowAt !== null && windowAt <= clock.monotonic();
    const scope = isSlot || isExtra || isWindow ? 'all' : 'due';
    this.#running = true;
    this.#overdueAt = null;
    this.#extraAt = null;
    this.#packagesAt = null;
    this.#soonestAt = clock.monotonic() + SOONEST_MS;
    const lastRunAt = Math.max(this.#record.last_run_at, clock.now());
    this.#put({ last_run_at: lastRunAt, open: true, waits_for: this.#stillAwaited() });
    void this.#save().then(() => {
      if (!isJoined && !this.#stopped) onDue(scope);
    });
  }

  #tellNext(): void {
    const { report } = this.#options;
    const at = this.nextAt();
    if (at === null || this.#running || this.#overdueAt !== null) return;
    const { failures } = this.#record;
    const isTry =
      failures > 0 && this.#extraAt !== null && this.#nextRun() === Math.max(this.#extraAt, this.#soonestAt);
    if (isTry) report({ name: 'check-next-try', at, failures });
    else report({ name: 'next-round', at });
  }

  #put(change: Omit<Partial<ScheduleRecord>, 'starved'> & { starved?: FreezeState | undefined }): void {
    const { starved, waits_for: waits = [], ...rest } = { ...this.#record, ...change };
    this.#options.state.put(this.#options.name, {
      ...rest,
      ...(starved === undefined ? {} : { starved }),
      ...(waits.length === 0 ? {} : { waits_for: [...waits] }),
    });
  }

  async #save(): Promise<void> {
    try {
      await this.#options.state.save();
    } catch (thrown) {
      this.#options.onUnsaved(asCoded(thrown));
    }
  }
}

function slotsOf({ expression, timeZone }: Timetable): Slots {
  return new Slots(expression, new Zone(timeZone));
}
