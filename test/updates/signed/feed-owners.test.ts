/** Which feed may list an update of a package that this host already has. */
import { describe, expect, it } from 'vitest';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { parseFeed } from '#updates/feed/feed-document.ts';
import { refuseOtherOwners } from '#updates/signed/feed-owners.ts';

const JAR = makeJar('a', 100);
const FEEDS = ['a.json', 'b.json'];

function itemOf(id: string, name: string, fields: Record<string, unknown> = {}) {
  return itemFor(id, JAR, { package: name, ...fields });
}

/** What remains of these items of the feed b.json where `1` of package `core` was published from `from`. */
function judged(items: Record<string, unknown>[], { from = 'a.json', feeds = FEEDS } = {}) {
  const [published] = parseFeed(Buffer.from(feedOf([itemOf('1', 'core')]))).items;
  const document = parseFeed(Buffer.from(feedOf(items)));
  if (published === undefined) throw new Error('no item');
  const none = parseFeed(Buffer.from(feedOf([])));
  const parts = feeds.map((path) => ({ path, document: path === 'b.json' ? document : none }));
  const result = refuseOtherOwners(parts, [{ item: published, feed_target: from }]).at(-1)?.document ?? none;
  return { kept: result.items.map(({ id }) => id), refused: result.refused.map(({ error }) => error.code) };
}

describe('feed owners', () => {
  it.each([
    ['withdraws an ID', itemOf('1', 'core', { withdrawn: true })],
    ['withdraws an ID under another package', itemOf('1', 'mine', { withdrawn: true })],
    ['lists a newer update of a package', itemOf('2', 'core')],
    ['withdraws an unknown update of a package', itemOf('2', 'core', { withdrawn: true })],
  ])('feed owners: a feed that %s of another feed is refused', (_what, item) => {
    expect(judged([item, itemOf('9', 'mine')])).toEqual({ kept: ['9'], refused: ['FEED-PACKAGE-MOVED'] });
  });

  it('feed owners: a feed may list and withdraw what was published from it', () => {
    const items = [itemOf('1', 'core', { withdrawn: true }), itemOf('2', 'core')];
    expect(judged(items, { from: 'b.json' })).toEqual({ kept: ['1', '2'], refused: [] });
  });

  it('feed owners: a feed that the settings no longer name owns nothing', () => {
    expect(judged([itemOf('2', 'core')], { feeds: ['b.json'] })).toEqual({ kept: ['2'], refused: [] });
  });
});
