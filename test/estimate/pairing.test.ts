import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pairing } from '#estimate/pairing.ts';
import type { LogStep } from '#estimate/steps.ts';

/** Steps with their times in seconds. */
type LogSteps = readonly (readonly [second: number, step: LogStep | 'clock step'])[];

const began = (id: string, resumed = false): LogStep => ({ kind: 'began', id, resumed });
const response: LogStep = { kind: 'response' };
const acknowledged = (id: string): LogStep => ({ kind: 'acknowledged', id });
const downloaded = (id: string, silenceMs: number): LogStep => ({ kind: 'downloaded', id, silenceMs });
const failed = (id: string): LogStep => ({ kind: 'failed', id });

function pair(told: LogSteps) {
  const pairing = new Pairing();
  for (const [second, step] of told) {
    if (step === 'clock step') pairing.stepped();
    else pairing.take(step, second * 1_000);
  }
  return pairing;
}

/** Id, elapsed time and silence; times in seconds. */
const brief = (pairing: Pairing) =>
  pairing.measured.map(({ id, elapsedMs, silenceMs }) => [id, elapsedMs / 1_000, silenceMs / 1_000]);

describe('a download', () => {
  it('is measured from start to acknowledgement, with its longest silence', () => {
    expect(
      brief(
        pair([
          [0, began('a')],
          [2, response],
          [55, response],
          [57, acknowledged('a')],
        ]),
      ),
    ).toEqual([['a', 57, 53]]);
  });

  it('without a response in between was silent all the time', () => {
    expect(
      brief(
        pair([
          [0, began('a')],
          [90, acknowledged('a')],
        ]),
      ),
    ).toEqual([['a', 90, 90]]);
  });

  it('that started again is measured from its last start', () => {
    const pairing = pair([
      [0, began('a')],
      [100, began('a')],
      [130, acknowledged('a')],
    ]);
    expect(brief(pairing)).toEqual([['a', 30, 30]]);
    expect(pairing.measured[0]?.attempts).toBe(2);
    expect(pairing.tally.restarted).toBe(1);
  });

  it('that was never acknowledged is counted, not measured', () => {
    const pairing = pair([
      [0, began('a')],
      [5, began('b')],
      [9, acknowledged('b')],
    ]);
    expect(brief(pairing)).toEqual([['b', 4, 4]]);
    expect(pairing.tally.unacknowledged).toBe(1);
  });

  it('whose start is missing is counted, not measured', () => {
    const pairing = pair([[9, acknowledged('b')]]);
    expect(pairing.measured).toEqual([]);
    expect(pairing.tally.withoutBeginning).toBe(1);
  });

  it('across a step of the clock or above a day is not measured', () => {
    const pairing = pair([
      [0, began('a')],
      [1, 'clock step'],
      [2, acknowledged('a')],
      [3, began('b')],
      [90_000, acknowledged('b')],
    ]);
    expect(pairing.measured).toEqual([]);
    expect(pairing.tally.acrossClockSteps).toBe(2);
  });

  it('by Sallyport ends with its last byte; its silence is measured', () => {
    const told: LogSteps = [
      [0, began('a')],
      [40, downloaded('a', 12_300)],
      [44, acknowledged('a')],
    ];
    expect(brief(pair(told))).toEqual([['a', 40, 12.3]]);
  });

  it('by Sallyport that failed at its end is measured by the next attempt', () => {
    const told: LogSteps = [
      [0, began('a')],
      [40, downloaded('a', 12_300)],
      [41, failed('a')],
      [50, began('a')],
      [60, acknowledged('a')],
    ];
    expect(brief(pair(told))).toEqual([['a', 10, 10]]);
  });
});

describe('pairing: overlapping downloads', () => {
  it('count as silent, because responses are ambiguous', () => {
    const told: LogSteps = [
      [0, began('a')],
      [10, began('b')],
      [20, response],
      [30, acknowledged('a')],
      [50, acknowledged('b')],
    ];
    expect(brief(pair(told))).toEqual([
      ['a', 30, 30],
      ['b', 40, 40],
    ]);
  });

  it('do not include abandoned ones', () => {
    const told: LogSteps = [
      [0, began('dead')],
      [1_000, began('b')],
      [1_020, response],
      [1_050, acknowledged('b')],
    ];
    expect(brief(pair(told))).toEqual([['b', 50, 30]]);
  });
});

describe('pairing: any log', () => {
  it('needs bounded memory for open and measured downloads', () => {
    const pairing = new Pairing();
    for (let at = 0; at < 3_000; at += 1) {
      pairing.take(began(`open-${at}`), at);
      pairing.take(began('x'), at);
      pairing.take(acknowledged('x'), at);
    }
    expect(pairing.measured).toHaveLength(1_000);
    expect(pairing.tally).toMatchObject({ dropped: 2_000, unacknowledged: 3_000 });
  });

  it('gives silences within the elapsed time, and counts every start', () => {
    const id = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      id.map((one) => began(one)),
      id.map((one) => acknowledged(one)),
      fc.constant(response),
      id.map((one) => failed(one)),
      fc.constant('clock step' as const),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 100 }), step)), (gaps) => {
        const told = gaps.map(
          ([gap, one], index) => [gaps.slice(0, index).reduce((sum, [before]) => sum + before, gap), one] as const,
        );
        const pairing = pair(told);
        for (const { elapsedMs, silenceMs } of pairing.measured) {
          expect(silenceMs).toBeGreaterThanOrEqual(0);
          expect(silenceMs).toBeLessThanOrEqual(elapsedMs);
        }
        const { restarted, unacknowledged, acrossClockSteps } = pairing.tally;
        const beginnings = told.filter(([, one]) => one !== 'clock step' && one.kind === 'began').length;
        expect(pairing.measured.length + restarted + unacknowledged + acrossClockSteps).toBe(beginnings);
      }),
    );
  });
});
