import { expect, it } from 'vitest';
import { compareClocks, observedTimeIn, remoteTime } from '#proxy/tls/observed-time.ts';

const head = (...rawHeaders: string[]) => ({ status: 200, reason: 'OK', rawHeaders });
const NOON = Date.parse('2026-11-25T12:00:00Z');
const seen = { by: 'proxy corp', dateMs: NOON, monotonicMs: 1_000 };

it('an observed time: it is the Date of an answer, in any case of the field', () => {
  const date = 'Wed, 25 Nov 2026 12:00:00 GMT';
  expect(observedTimeIn(head('Server', 'squid', 'dAtE', date), 'proxy corp', 1_000)).toEqual(seen);
});

it.each([[[]], [['Date', 'yesterday']], [['X', 'Date', 'Y', 'Wed, 25 Nov 2026 12:00:00 GMT']]])(
  'an observed time: without a usable Date there is none: %j',
  (fields) => {
    expect(observedTimeIn(head(...fields), 'x', 0)).toBeNull();
  },
);

it('an observed time: it advances by the monotonic clock', () => {
  expect(remoteTime(seen, 61_000)).toBe(NOON + 60_000);
});

it.each([
  [0, 's'],
  [1_999, 's'],
  [90_000, 'a difference of 90 s'],
  [-3 * 3_600_000, 'a difference of 3 hours'],
  [5 * 86_400_000, 'a difference of 5 days'],
  [-7 * 365.25 * 86_400_000, 'a difference of 7 years'],
])('an observed time: it is compared with the local clock, %i ms off: %s', (offMs, words) => {
  const said = compareClocks(seen, { nowMs: NOON + offMs, monotonicMs: 1_000 });
  expect(said).toMatch(/^that of proxy corp says 2026-11-25T\d\d:00:00/);
  if (words === 's') expect(said).not.toContain('difference');
  else expect(said.endsWith(`(${words})`)).toBe(true);
});

it('an observed time: without one, the failure says that no other clock is known', () => {
  expect(compareClocks(null, { nowMs: NOON, monotonicMs: 0 })).toBe('no other clock is known');
});
