import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeadEnd } from '#http/head-end.ts';

describe('the end of a head', () => {
  it('is found at the same place however the bytes are cut', () => {
    const text = fc
      .array(fc.constantFrom('\r', '\n', 'a', '\r\n', '\r\n\r\n'), { maxLength: 30 })
      .map((parts) => parts.join(''));

    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), (whole, cuts) => {
        const expected: number[] = [];
        for (let at = whole.indexOf('\r\n\r\n'); at !== -1; at = whole.indexOf('\r\n\r\n', at + 4))
          expected.push(at + 4);

        expect(endsOf(Buffer.from(whole), cuts)).toEqual(expected);
      }),
    );
  });

  it('is not seen in what only looks like it', () => {
    expect(endsOf(Buffer.from('\r\n\r\r\n\n\r\n\n\r'), [1])).toEqual([]);
  });
});

/** All ends in these bytes, fed in chunks of these sizes, as places in the whole. */
function endsOf(bytes: Buffer, sizes: readonly number[]): number[] {
  const finder = new HeadEnd();
  const ends: number[] = [];
  for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
    const chunk = bytes.subarray(start, start + (sizes[turn % sizes.length] ?? 1));
    for (let at = 0; at < chunk.length; ) {
      at = finder.find(chunk, at);
      const sinceLast = bytes.subarray(ends.at(-1) ?? 0, start + at).toString();
      if (sinceLast.endsWith('\r\n\r\n')) ends.push(start + at);
    }
    start += chunk.length;
  }
  return ends;
}
