import { expect, it } from 'vitest';
import { suggest } from '#config/values/suggest.ts';

it.each([
  ['shedule', 'schedule'],
  ['SCHEDULE', 'schedule'],
  ['feed-url', 'feed_url'],
  ['feedurl', 'feed_url'],
  ['chanel', 'channel'],
])('suggest: %s becomes %s', (word, meant) => {
  expect(suggest(word, ['schedule', 'feed_url', 'channel'])).toBe(meant);
});

it.each(['zzz', 'x', '', 'something else', 'y'.repeat(100_000)])(
  'suggest: returns nothing if no candidate is close: %s',
  (word) => {
    expect(suggest(word, ['schedule', 'feed_url', 'channel'])).toBeUndefined();
  },
);

it('suggest: returns nothing without candidates', () => {
  expect(suggest('a', [])).toBeUndefined();
});
