// A year of a schedule, with everything that a clock and a machine can do to it, against rules that know nothing of its
// internals.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedDelay } from '#daemon/schedule/decide-round.ts';
import { Slots } from '#daemon/schedule/slots.ts';
import { Zone } from '#system/time/zone.ts';
import { ScheduleRig } from '#test/support/schedule-rig.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const YEAR = 365 * DAY;
/** A reading of the clock, and how late after its moment a slot still counts as on time. */
const FEW_MINUTES = 4 * MINUTE;
const LOOK = 2 * MINUTE;

type Happening =
  | { readonly kind: 'pass' | 'suspend' | 'step'; readonly ms: number }
  | { readonly kind: 'restart' | 'crash' }
  | { readonly kind: 'outage'; readonly ms: number };

const happening = (longest: number): fc.Arbitrary<Happening> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: longest }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('suspend' as const), ms: fc.integer({ min: 1, max: 5 * DAY }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('step' as const),
        ms: fc.oneof(
          fc.integer({ min: -2 * HOUR, max: 2 * HOUR }),
          fc.integer({ min: -3 * DAY, max: 3 * DAY }),
          fc.constantFrom(YEAR, -YEAR),
        ),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'crash' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('outage' as const), ms: fc.integer({ min: 1, max: 2 * DAY }) }),
    },
  );

interface Table {
  readonly expression: string;
  readonly zone: string;
  readonly jitterSeconds: number;
}

const timetable: fc.Arbitrary<Table> = fc.record({
  expression: fc.constantFrom('0 */6 * * *', '30 2 * * *', '*/20 * * * *', '0 0 * * *', '15 4 * * 1'),
  zone: fc.constantFrom('Europe/Berlin', 'America/Santiago', 'Australia/Lord_Howe', 'UTC'),
  jitterSeconds: fc.constantFrom(0, 900),
});

/** What the rules know: every slot up to `doneMs` had its run. Wall times. */
class Rules {
  readonly #rig: ScheduleRig;
  readonly #slots: Slots;
  readonly #delay: number;
  #doneMs: number;
  #landedMs = Number.NEGATIVE_INFINITY;
  #seen = 0;
  /** The next run needs no slot of its own: it retries what failed or was cut short. */
  #isExcused = false;

  constructor(rig: ScheduleRig, slots: Slots, delay: number) {
    this.#rig = rig;
    this.#slots = slots;
    this.#delay = delay;
    this.#doneMs = rig.clock.now();
  }

  /** So near to the step of a day that rules and schedule may judge it differently. */
  isEdge(one: Happening): boolean {
    const ahead = one.kind === 'step' ? this.#doneMs - this.#rig.clock.now() - one.ms : 0;
    return Math.abs(ahead - DAY) < FEW_MINUTES;
  }

  happened(one: Happening): void {
    if (one.kind === 'crash') this.#isExcused = true;
    const now = this.#rig.clock.now();
    if (one.kind !== 'step' || this.#doneMs - now <= DAY) return;
    // After a step back of more than a day, the slots in between run again; those within the last interval may.
    this.#doneMs = now - LOOK;
    this.#landedMs = now;
  }

  /** No slot runs twice, and several overdue slots run as one: each run has a slot after those that are done. */
  expectNoneTwice(): void {
    for (const { wall, isWell } of this.#rig.runs.slice(this.#seen)) {
      const next = this.#slots.next(this.#doneMs);
      expect(this.#isExcused || (next !== null && next + this.#delay <= wall + 1)).toBe(true);
      this.#doneMs = Math.max(this.#doneMs, wall);
      this.#isExcused = !isWell;
    }
    this.#seen = this.#rig.runs.length;
  }

  /** Minutes after any event, no past slot is waiting. */
  expectNoneLost(): void {
    const next = this.#slots.next(Math.max(this.#doneMs, this.#landedMs));
    expect((next ?? 0) + this.#delay + FEW_MINUTES).toBeGreaterThan(this.#rig.clock.now());
  }

  expectNotHot(): void {
    const { runs } = this.#rig;
    const gaps = runs.slice(1).map(({ mono }, index) => mono - (runs[index]?.mono ?? 0));
    expect(Math.min(MINUTE, ...gaps)).toBeGreaterThanOrEqual(MINUTE);
  }
}

async function live(table: Table, happenings: readonly Happening[], longest: number): Promise<void> {
  const rig = new ScheduleRig({ at: '2026-01-01T00:00:30Z', ...table });
  const delay = fixedDelay('agent', table.jitterSeconds);
  const rules = new Rules(rig, new Slots(table.expression, new Zone(table.zone)), delay);
  rig.start();
  for (const one of happenings) {
    if (rules.isEdge(one)) continue;
    await happen(rig, one);
    rules.expectNoneTwice();
    rules.happened(one);
    await rig.pass(FEW_MINUTES + delay);
    rules.expectNoneTwice();
    rules.expectNoneLost();
    if (rig.clock.monotonic() > longest) break;
  }
  rules.expectNotHot();
}

describe('schedule: random suspends, steps, restarts, crashes and outages', () => {
  it('a year: no slot runs twice or is lost, overdue ones run as one, no busy loop', async () => {
    const year = fc.array(happening(20 * DAY), { minLength: 70, maxLength: 110 });
    await fc.assert(
      fc.asyncProperty(timetable, year, (table, happenings) => live(table, happenings, YEAR)),
      { numRuns: 3 },
    );
  }, 120_000);

  it('many short processes: no slot runs twice or is lost, no busy loop', async () => {
    const days = fc.array(happening(6 * HOUR), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(timetable, days, (table, happenings) => live(table, happenings, 30 * DAY)),
      { numRuns: 75 },
    );
  }, 120_000);
});

async function happen(rig: ScheduleRig, one: Happening): Promise<void> {
  if (one.kind === 'pass') return await rig.pass(one.ms);
  if (one.kind === 'suspend') return rig.suspend(one.ms);
  if (one.kind === 'step') return rig.clock.stepWall(one.ms);
  if (one.kind === 'outage') {
    rig.outcome = 'fails';
    await rig.pass(one.ms);
    rig.outcome = 'well';
    return;
  }
  // A crash in a round leaves its record open.
  if (one.kind === 'crash' && rig.record !== null) rig.record = { ...rig.record, open: true };
  rig.restart();
}
