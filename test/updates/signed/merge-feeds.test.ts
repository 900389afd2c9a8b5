import { describe, expect, it } from 'vitest';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type FeedDocument, parseFeed } from '#updates/feed/feed-document.ts';
import { compareFeeds } from '#updates/signed/compare-feeds.ts';
import { mergeFeeds, targetPathOf } from '#updates/signed/merge-feeds.ts';

const JAR = makeJar('a', 100);

function feed(...items: Record<string, unknown>[]): FeedDocument {
  return parseFeed(Buffer.from(feedOf(items)));
}

describe('merged feeds', () => {
  it('have the updates of all, and know the feed of each', () => {
    const a = { path: 'feed.json', document: feed(itemFor('1', JAR, { package: 'a' })) };
    const b = { path: 'b/feed.json', document: feed(itemFor('2', JAR, { package: 'b' })) };
    const { document, pathOf } = mergeFeeds([a, b]);
    expect(document.items.map(({ id }) => id)).toEqual(['1', '2']);
    expect([...pathOf]).toEqual([
      ['1', 'feed.json'],
      ['2', 'b/feed.json'],
    ]);
  });

  it('refuse a package that two of them list, in both, and keep the others', () => {
    const a = {
      path: 'a.json',
      document: feed(itemFor('1', JAR, { package: 'x' }), itemFor('3', JAR, { package: 'y' })),
    };
    const b = { path: 'b.json', document: feed(itemFor('2', JAR, { package: 'x' })) };
    const { document } = mergeFeeds([a, b]);
    expect(document.items.map(({ id }) => id)).toEqual(['3']);
    expect(document.refused.map(({ id, error }) => [id, error.code])).toEqual([
      ['1', 'FEED-PACKAGE-TWICE'],
      ['2', 'FEED-PACKAGE-TWICE'],
    ]);
  });

  it('refuse an id that two of them list, also with another case', () => {
    const a = { path: 'a.json', document: feed(itemFor('Id1', JAR, { package: 'x' })) };
    const b = { path: 'b.json', document: feed(itemFor('iD1', JAR, { package: 'y' })) };
    const { document } = mergeFeeds([a, b]);
    expect(document.refused.map(({ error }) => error.code)).toEqual(['ID-DUPLICATE', 'ID-DUPLICATE']);
  });

  it('refuse an item with a url, unless it is withdrawn', () => {
    const byUrl = { file: undefined, url: 'https://cdn.example.com/a.jar' };
    const document = feed(itemFor('1', JAR, byUrl), itemFor('2', JAR, { ...byUrl, withdrawn: true }));
    const merged = mergeFeeds([{ path: 'feed.json', document }]);
    expect(merged.document.refused.map(({ id, error }) => [id, error.code])).toEqual([['1', 'FEED-INVALID']]);
    expect(merged.document.items.map(({ id }) => id)).toEqual(['2']);
  });
});

describe('the path of a target', () => {
  it.each([
    ['a.jar', 'feed.json', 'a.jar'],
    ['a.jar', 'team-b/feed.json', 'team-b/a.jar'],
    ['packages/a%20b.jar', 'feed.json', 'packages/a b.jar'],
    ['../a.jar', 'team-b/feed.json', 'a.jar'],
    ['/a.jar', 'team-b/feed.json', 'a.jar'],
    ['//evil.example.com/a.jar', 'feed.json', null],
    ['https://evil.example.com/a.jar', 'feed.json', null],
    ['a.jar?x=1', 'feed.json', null],
    ['%ff.jar', 'feed.json', null],
  ])('of %s in %s is %s', (file, feedPath, path) => {
    expect(targetPathOf(file, feedPath)).toBe(path);
  });
});

describe('compared feeds', () => {
  it('differ by updates that only one lists, by digests and by withdrawals', () => {
    const other = makeJar('b', 100);
    const signed = feed(itemFor('1', JAR), itemFor('2', JAR), itemFor('3', JAR), itemFor('4', JAR));
    const unsigned = feed(
      itemFor('1', JAR),
      itemFor('2', other),
      itemFor('3', JAR, { withdrawn: true }),
      itemFor('5', JAR),
    );
    expect(compareFeeds(signed, unsigned).map(({ id, what }) => [id, what.split(' ').slice(0, 3).join(' ')])).toEqual([
      ['2', `has sha256 ${unsigned.items[1]?.sha256},`],
      ['3', 'is withdrawn only'],
      ['4', 'is only in'],
      ['5', 'is not in'],
    ]);
  });
});
