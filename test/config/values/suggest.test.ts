import { expect, it } from 'vitest';
import { suggest } from '#config/values/suggest.ts';

it.each([
  ['shedule', 'schedule'],
  ['SCHEDULE', 'schedule'],
  ['feed-url', 'feed_url'],
  ['feedurl', 'feed_url'],
  ['chanel', 'channel'],
])('%s was meant as %s', (word, meant) => {
  expect(suggest(word, ['schedule', 'feed_url', 'channel'])).toBe(meant);
});

it.each(['zzz', 'x', '', 'something else', 'y'.repeat(100_000)])('nothing near is no suggestion: %s', (word) => {
  expect(suggest(word, ['schedule', 'feed_url', 'channel'])).toBeUndefined();
});

it('without candidates there is none', () => {
  expect(suggest('a', [])).toBeUndefined();
});
