// The feed reader: every limit, every hostile shape, and only coded refusals are thrown.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { FEED_LIMITS, parseFeed } from '#updates/feed/feed-document.ts';

const good = {
  id: '1602503',
  package: 'content',
  sequence: 7,
  file: '1602503.jar',
  length: 1_000,
  sha256: 'a'.repeat(64),
  released: '2026-11-01T00:00:00Z',
  kind: 'content',
};

function feed(items: unknown, fields: object = {}): Uint8Array {
  return Buffer.from(JSON.stringify({ format: 1, serial: 3, expires: '2030-01-01T00:00:00Z', items, ...fields }));
}

function codeOf(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

describe('parseFeed', () => {
  it('reads an item with its defaults', () => {
    const document = parseFeed(feed([good]));

    expect(document).toMatchObject({ serial: 3, expiresMs: Date.parse('2030-01-01T00:00:00Z'), refused: [] });
    expect(document.items[0]).toMatchObject({ ...good, requires: [], withdrawn: false, rollout_percent: 100 });
  });

  it('ignores fields that it does not know, so that the format can grow', () => {
    expect(parseFeed(feed([{ ...good, colour: 'red' }], { motto: 'x' })).items).toHaveLength(1);
  });

  it.each([
    ['FEED-INVALID', Buffer.from('{')],
    ['FEED-INVALID', Buffer.from([0xff, 0xfe, 0x7b])],
    ['FEED-INVALID', Buffer.from('[]')],
    ['FEED-INVALID', feed({})],
    ['FEED-INVALID', feed([], { serial: -1 })],
    ['FEED-INVALID', feed([], { serial: 1.5 })],
    ['FEED-INVALID', feed([], { expires: 'tomorrow' })],
    ['FEED-INVALID', feed([], { format: undefined })],
    ['FEED-NEWER', feed([], { format: 2 })],
    ['FEED-LIMIT', feed(Array.from({ length: FEED_LIMITS.items + 1 }, (_, n) => ({ ...good, id: `i${n}` })))],
    ['FEED-LIMIT', Buffer.alloc(FEED_LIMITS.documentBytes + 1, 0x20)],
    ['FEED-LIMIT', Buffer.alloc(FEED_LIMITS.documentBytes, '[')],
    ['FEED-LIMIT', feed([], { more: Array.from({ length: FEED_LIMITS.values }, () => []) })],
  ])('refuses the whole document with %s', (code, bytes) => {
    expect(codeOf(() => parseFeed(bytes))).toBe(code);
  });

  it.each([
    ['a path as an id', { id: '../../etc/x' }, 'ID-INVALID'],
    ['an id that ends in a name of ours', { id: 'x.json' }, 'ID-INVALID'],
    ['an id of 65 characters', { id: 'x'.repeat(65) }, 'ID-INVALID'],
    ['a digest in capitals', { sha256: 'A'.repeat(64) }, 'FEED-INVALID'],
    ['a length below the smallest zip', { length: 21 }, 'FEED-INVALID'],
    ['a length beyond what a number can hold', { length: 2 ** 53 }, 'FEED-INVALID'],
    ['neither file nor url', { file: undefined }, 'FEED-INVALID'],
    ['both file and url', { url: 'https://x/' }, 'FEED-INVALID'],
    ['too many required ids', { requires: Array.from({ length: 17 }, (_, n) => `r${n}`) }, 'FEED-INVALID'],
    ['notes that are too long', { notes: 'x'.repeat(2_001) }, 'FEED-INVALID'],
    ['a time with a hundred digits', { released: `2026-11-01T00:00:00.${'0'.repeat(100)}Z` }, 'FEED-INVALID'],
    ['a rollout above 100', { rollout_percent: 101 }, 'FEED-INVALID'],
  ])('refuses only the item with %s', (_what, fields, code) => {
    const document = parseFeed(
      feed([
        { ...good, ...fields },
        { ...good, id: 'ok' },
      ]),
    );

    expect(document.items.map(({ id }) => id)).toEqual(['ok']);
    expect(document.refused.map(({ error }) => error.code)).toEqual([code]);
  });

  it('keeps no more of an invalid id than can be shown', () => {
    const [refused] = parseFeed(feed([{ ...good, id: 'x'.repeat(1_000_000) }])).refused;

    expect(refused?.id).toBe('x'.repeat(200));
    expect(JSON.stringify(refused?.error).length).toBeLessThan(1_000);
  });

  it('refuses both of two ids that differ only in case', () => {
    const document = parseFeed(
      feed([
        { ...good, id: 'Abc' },
        { ...good, id: 'aBC' },
      ]),
    );

    expect(document.items).toEqual([]);
    expect(document.refused.map(({ error }) => error.code)).toEqual(['ID-DUPLICATE']);
  });

  it('throws only coded errors, whatever the JSON is', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        expect(['none', 'FEED-INVALID', 'FEED-NEWER', 'FEED-LIMIT']).toContain(
          codeOf(() => parseFeed(Buffer.from(text))),
        );
      }),
    );
  });
});
