import { expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { Drips } from '#updates/drips.ts';

const drip = coded('RESPONSE-TRICKLES', { received: 1, expected: 2, elapsed: 3, seen: 'x' });
const lost = coded('CONNECTION-LOST', { received: 1, expected: 2, reason: 'x' });

it('a server that dripped twice has had its share of the round, and no other has', () => {
  const drips = new Drips();
  drips.note('https://a', drip);
  drips.note('https://a', lost);
  expect(drips.hasHadItsShare('https://a')).toBe(false);
  drips.note('https://a', drip);
  expect([drips.hasHadItsShare('https://a'), drips.hasHadItsShare('https://b')]).toEqual([true, false]);
});
