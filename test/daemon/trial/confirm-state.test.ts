import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConfirmEvent, type ConfirmState, stepConfirm } from '#daemon/trial/confirm-state.ts';
import { aFailure } from '#test/support/fake-control.ts';

const failure = aFailure();

function verdictOf(...events: ConfirmEvent[]) {
  let state: ConfirmState = null;
  const verdicts = [];
  for (const event of events) {
    const step = stepConfirm(state, event);
    state = step.state;
    if (step.verdict !== null) verdicts.push(step.verdict);
  }
  return { state, verdicts };
}

const begin: ConfirmEvent = { kind: 'begin', id: 1, by: 'root' };

describe('confirm state: a change', () => {
  it.each<[string, ConfirmEvent[], object | null]>([
    [
      'is accepted when every stage passed',
      [{ kind: 'passed', id: 1 }],
      { confirmed: true, by: 'stages', failure: null },
    ],
    [
      'is accepted by a person while stages run',
      [{ kind: 'confirm' }],
      { confirmed: true, by: 'person', failure: null },
    ],
    [
      'is accepted by a person although a stage failed',
      [{ kind: 'failed', id: 1, failure }, { kind: 'confirm' }],
      { confirmed: true, by: 'person', failure },
    ],
    ['waits once a stage failed', [{ kind: 'failed', id: 1, failure }], null],
    [
      'is discarded at its deadline',
      [
        { kind: 'failed', id: 1, failure },
        { kind: 'expired', id: 1 },
      ],
      { confirmed: false, by: 'nobody', failure },
    ],
    [
      'is discarded when its caller is gone',
      [{ kind: 'gone', id: 1 }],
      { confirmed: false, by: 'nobody', failure: null },
    ],
    ['ignores events of an earlier one', [{ kind: 'passed', id: 0 }], null],
  ])('%s', (_name, events, verdict) => {
    expect(verdictOf(begin, ...events).verdicts).toEqual(verdict === null ? [] : [verdict]);
  });

  it('keeps out a second one', () => {
    const { state } = stepConfirm(null, begin);
    expect(stepConfirm(state, { kind: 'begin', id: 2, by: 'else' })).toEqual({ state, verdict: null, taken: false });
  });

  it('gets at most one verdict; only a pass or a person accepts it', () => {
    const id = fc.integer({ min: 1, max: 3 });
    const event = fc.oneof<fc.Arbitrary<ConfirmEvent>[]>(
      fc.record({ kind: fc.constant('begin' as const), id, by: fc.constant('root') }),
      fc.record({ kind: fc.constantFrom('passed' as const, 'expired' as const, 'gone' as const), id }),
      fc.record({ kind: fc.constant('failed' as const), id, failure: fc.constant(failure) }),
      fc.constant({ kind: 'confirm' as const }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let state: ConfirmState = null;
        for (const one of events) {
          const before: ConfirmState = state;
          const { state: now, verdict, taken }: ReturnType<typeof stepConfirm> = stepConfirm(state, one);
          if (verdict !== null) expect([before === null, now]).toEqual([false, null]);
          if (verdict?.confirmed === true) expect(['passed', 'confirm']).toContain(one.kind);
          if (!taken) expect(now).toBe(before);
          state = now;
        }
      }),
    );
  });
});
