import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideAnswer, httpDate } from '#origin/conditions.ts';

const MODIFIED_MS = Date.UTC(2026, 10, 20, 0, 4, 10, 750);
const FILE = { length: 1_000, etag: '"a1"', modifiedMs: MODIFIED_MS };
const DATE = httpDate(MODIFIED_MS);

describe('ranges (RFC 9110, 14)', () => {
  it.each([
    ['bytes=0-0', { status: 206, first: 0, last: 0 }],
    ['bytes=10-19', { status: 206, first: 10, last: 19 }],
    ['bytes=990-', { status: 206, first: 990, last: 999 }],
    ['bytes=990-5000', { status: 206, first: 990, last: 999 }],
    ['bytes=-10', { status: 206, first: 990, last: 999 }],
    ['bytes=-5000', { status: 206, first: 0, last: 999 }],
    ['BYTES=1-2', { status: 206, first: 1, last: 2 }],
    ['bytes=1000-', { status: 416 }],
    ['bytes=-0', { status: 416 }],
  ])('get the answer %s', (range, answer) => {
    expect(decideAnswer('GET', { range }, FILE)).toEqual(answer);
  });

  it.each(['bytes=', 'bytes=-', 'bytes=5-4', 'bytes=0-1,5-6', 'lines=1-2', 'bytes 1-2', 'bytes=a-b', 'bytes=1-2x'])(
    'sends the whole file for %s',
    (range) => {
      expect(decideAnswer('GET', { range }, FILE)).toEqual({ status: 200 });
    },
  );

  it('are ignored for HEAD', () => {
    expect(decideAnswer('HEAD', { range: 'bytes=0-1' }, FILE)).toEqual({ status: 200 });
  });

  it('never include bytes outside the file, whatever the header says', () => {
    const numbers = fc.oneof(fc.nat(50), fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.constant(''));
    const header = fc.oneof(
      fc.string(),
      fc.tuple(numbers, numbers).map(([first, last]) => `bytes=${first}-${last}`),
    );
    fc.assert(
      fc.property(header, fc.nat(40), (range, length) => {
        const answer = decideAnswer('GET', { range }, { ...FILE, length });
        if (answer.status === 206) {
          expect(answer.first).toBeGreaterThanOrEqual(0);
          expect(answer.first).toBeLessThanOrEqual(answer.last);
          expect(answer.last).toBeLessThan(length);
        }
      }),
    );
  });
});

describe('origin: If-Range', () => {
  const range = 'bytes=5-';

  it.each([['"a1"'], [DATE]])('accepts the range for exactly the validator %s', (validator) => {
    expect(decideAnswer('GET', { range, 'if-range': validator }, FILE).status).toBe(206);
  });

  it.each([['"a2"'], ['W/"a1"'], [httpDate(0)], [httpDate(MODIFIED_MS + 5_000)], ['nonsense']])(
    'sends the whole file for %s',
    (validator) => {
      expect(decideAnswer('GET', { range, 'if-range': validator }, FILE)).toEqual({ status: 200 });
    },
  );
});

describe('origin: preconditions', () => {
  it.each([
    [{ 'if-none-match': '"a1"' }, 304],
    [{ 'if-none-match': '"x", W/"a1"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-none-match': '"x"', 'if-modified-since': DATE }, 200],
    [{ 'if-modified-since': DATE }, 304],
    [{ 'if-modified-since': httpDate(0) }, 200],
    [{ 'if-modified-since': 'nonsense' }, 200],
    [{ 'if-match': '"a1"' }, 200],
    [{ 'if-match': 'W/"a1"' }, 412],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-unmodified-since': DATE }, 200],
    [{ 'if-unmodified-since': httpDate(0) }, 412],
  ])('with %j get %i', (headers, status) => {
    expect(decideAnswer('GET', headers, FILE).status).toBe(status);
  });
});
