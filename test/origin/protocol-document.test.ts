import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assembleFeed } from '#origin/feed-assemble.ts';
import { MAX_FEED_BYTES, MAX_ITEMS, MAX_REQUIRED, readFeed } from '#origin/feed-format.ts';
import { FEED_LIMITS, feedItemSchema, parseFeed } from '#updates/feed/feed-document.ts';

const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const example = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

describe('docs/protocol.md', () => {
  it('has an example that the builder and the agent accept', () => {
    expect(readFeed(example)).toHaveProperty('feed');
    expect(parseFeed(Buffer.from(example))).toMatchObject({ serial: 42, refused: [], items: [{}, {}] });
  });

  it('describes every field of an item', () => {
    for (const field of Object.keys(feedItemSchema.shape)) expect(page).toContain(`| \`${field}\` |`);
  });

  it('names the limits that are enforced', () => {
    const { documentBytes, items, notes, requires, url, values, depth } = FEED_LIMITS;
    expect([documentBytes, items, requires]).toEqual([MAX_FEED_BYTES, MAX_ITEMS, MAX_REQUIRED]);
    for (const limit of [documentBytes, items, notes, url, values, depth])
      expect(page).toContain(limit.toLocaleString('en'));
    expect(page).toContain(`at most ${requires} IDs`);
  });

  it('says how long a built feed is valid', () => {
    const { feed } = assembleFeed({ found: [], metas: new Map(), previous: null, nowMs: 0, expiresDays: 30 });
    expect(feed.expires).toBe('1970-01-31T00:00:00Z');
    expect(page).toContain('30 days from now');
  });
});
