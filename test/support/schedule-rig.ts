// A schedule on a clock that the test advances, with rounds that end as the test says and a record that survives restarts.

import { Schedule, type Timetable } from '#daemon/schedule/schedule.ts';
import type { ScheduleRecord } from '#daemon/schedule/schedule-state.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { WindowName } from '#updates/hold/windows.ts';
import type { RoundScope } from '#updates/tally.ts';
import { FakeClock } from './fake-clock.ts';

/** A round that began. */
export interface RanAt {
  readonly wall: number;
  readonly mono: number;
  readonly isWell: boolean;
}

export interface ScheduleRigOptions {
  /** What the clock says first. */
  readonly at: string;
  readonly expression?: string;
  readonly zone?: string;
  readonly jitterSeconds?: number;
  readonly agentId?: string;
  /** What is known from before; null for a first start. */
  readonly record?: ScheduleRecord | null;
}

export class ScheduleRig {
  readonly clock: FakeClock;
  readonly runs: RanAt[] = [];
  readonly events: SallyportEvent[] = [];
  timetable: Timetable;
  record: ScheduleRecord | null;
  /** How a round ends; `hold` leaves it running. */
  outcome: 'well' | 'fails' | 'refused' | 'starved' | 'hold' = 'well';
  isFirst = false;
  /** What an earlier process left. */
  packageRetryAt: number | null = null;
  /** What packages wait for after each round, and when those hours begin. */
  waitsFor: readonly WindowName[] = [];
  windowBeginsAt: (nowMs: number) => number = (nowMs) => nowMs;
  readonly scopes: RoundScope[] = [];
  steps = 0;
  saves = 0;
  schedule: Schedule;
  readonly #agentId: string;

  constructor(options: ScheduleRigOptions) {
    const wall = Date.parse(options.at);
    this.clock = new FakeClock(wall);
    this.timetable = {
      expression: options.expression ?? '0 */6 * * *',
      timeZone: options.zone ?? 'UTC',
      jitterSeconds: options.jitterSeconds ?? 0,
      maxDelaySeconds: 21_600,
    };
    this.#agentId = options.agentId ?? 'agent';
    this.record = options.record === undefined ? recordOf(wall) : options.record;
    this.schedule = this.#make();
  }

  start(): void {
    this.schedule.start();
  }

  /** The process dies and starts again; the clock may have been moved by the caller in between. */
  restart(): void {
    this.schedule.stop();
    this.schedule = this.#make();
    this.schedule.start();
  }

  /** Lets time pass in steps that let everything settle; far quicker than `advanceAsync` over months. */
  async pass(ms: number): Promise<void> {
    let left = ms;
    while (left > 0) {
      await settled();
      const next = Math.min(left, Math.max(1, this.clock.untilNext ?? left));
      this.clock.advance(next);
      left -= next;
    }
    await settled();
  }

  /** Suspended: the wall clock continues, the monotonic clock stands still. */
  suspend(ms: number): void {
    this.clock.stepWall(ms);
  }

  ranAt(): string[] {
    return this.runs.map(({ wall }) => new Date(wall).toISOString().slice(0, 19));
  }

  /** The reported events of a name. */
  told(name: SallyportEvent['name']): SallyportEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  end(error: CodedError | null = null, retryAtMs: number | null = null, packageRetryAtMs: number | null = null): void {
    this.schedule.ended({ error, retryAtMs, packageRetryAtMs });
  }

  /** A hundred rounds in a minute: they end no more, so that the test ends and its rules say what is wrong. */
  #isHot(): boolean {
    const hundredth = this.runs.at(-100);
    return hundredth !== undefined && this.clock.monotonic() - hundredth.mono < 60_000;
  }

  #make(): Schedule {
    const schedule: Schedule = new Schedule({
      name: 'updates',
      timetable: () => this.timetable,
      isFirst: () => this.isFirst,
      agentId: this.#agentId,
      clock: this.clock,
      state: {
        get: () => this.record,
        put: (_name, record) => {
          this.record = record;
        },
        save: () => {
          this.saves += 1;
          return Promise.resolve();
        },
      },
      report: (event) => void this.events.push(event),
      onStep: () => {
        this.steps += 1;
      },
      onUnsaved: () => undefined,
      packageRetryAt: () => this.packageRetryAt,
      windowBeginsAt: (_name, { nowMs }) => this.windowBeginsAt(nowMs),
      onDue: (scope) => {
        this.scopes.push(scope);
        this.runs.push({ wall: this.clock.now(), mono: this.clock.monotonic(), isWell: this.outcome === 'well' });
        if (this.outcome !== 'hold' && !this.#isHot())
          schedule.ended({
            error: errorOf(this.outcome),
            retryAtMs: null,
            connected: this.outcome === 'starved',
            waitsFor: this.waitsFor,
          });
      },
    });
    return schedule;
  }
}

/** All went well a moment ago. */
export function recordOf(wall: number, over: Partial<ScheduleRecord> = {}): ScheduleRecord {
  return { first_at: wall, last_run_at: wall, succeeded_at: wall, failures: 0, open: false, ...over };
}

function errorOf(outcome: 'well' | 'fails' | 'refused' | 'starved'): CodedError | null {
  if (outcome === 'well') return null;
  if (outcome === 'refused') return coded('ORIGIN-407', { url: 'https://updates.example.com/' });
  if (outcome === 'starved')
    return coded('CONNECTION-LOST', {
      received: 9,
      expected: 99,
      reason: 'it was cut off',
      hop: 'updates.example.com',
    });
  return coded('DNS-TARGET', { host: 'updates.example.com', reason: 'ENOTFOUND', hop: 'this host' });
}

/** Promises that are ready settle; no turn of the event loop is needed. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
}
