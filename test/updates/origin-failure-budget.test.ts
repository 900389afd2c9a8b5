import { describe, expect, it } from 'vitest';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { CONNECT_PHASES, type ConnectPhase } from '#errors/connect-trace.ts';
import { OriginFailureBudget } from '#updates/origin-failure-budget.ts';

const drip = coded('RESPONSE-TRICKLES', { received: 1, expected: 2, elapsed: 3, seen: 'x' });
const lost = () => coded('CONNECTION-LOST', { received: 1, expected: 2, reason: 'x' });
const at = (phase: ConnectPhase) => lost().during({ phase, elapsedMs: 1, proven: [] });

function spentAfter(...errors: readonly CodedError[]): boolean {
  const budget = new OriginFailureBudget();
  for (const error of errors) budget.note('https://a', error);
  expect(budget.isSpent('https://b')).toBe(false);
  return budget.isSpent('https://a');
}

describe('origin failure budget: a server is skipped', () => {
  it('once it dripped twice, and no other server is', () => {
    expect(spentAfter(drip, lost())).toBe(false);
    expect(spentAfter(drip, lost(), drip)).toBe(true);
  });

  it.each(CONNECT_PHASES)('after two failures, not before a request (%s)', (phase) => {
    expect(spentAfter(at(phase))).toBe(false);
    expect(spentAfter(at(phase), at(phase))).toBe(phase !== 'request' && phase !== 'response');
  });
});
