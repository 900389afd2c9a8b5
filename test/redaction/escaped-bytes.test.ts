import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findsInLayers } from '#redaction/escaped-bytes.ts';
import { layersOf } from '#redaction/layers.ts';

/** Parts of escapes, so that they also meet, nest and end early. */
const part = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['%41', '%2', '%25', '%u0041', '%', '&#65;', '&#x41', '&#00', '&#1114112;', '&amp;', '&am', '&lt;', '&', '#'],
      ...['\\', '\\\\', '\\"', '\\n', '\\t', '\\u0041', '\\u{41}', '\\u{', '\\x4', '\\x5c', '5c', 'u0041', '}', ';'],
      ...['\\u00e9', '%C3%A9', '&#233;', 'é', '\u00c3\u00a9', '\\ud83d', '😀', '000000000', '\n', ' ', 'amp;'],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
);
const text = fc.array(part, { maxLength: 24 }).map((parts) => parts.join('').toWellFormed());

describe('escaped bytes', () => {
  it('escaped bytes: every layer of a text is searched, or the result is null', () => {
    let known = 0;
    fc.assert(
      fc.property(text, (one) => {
        const searched = new Set<string>();
        const answer = findsInLayers(Buffer.from(one), (bytes) => {
          searched.add(bytes.toString('utf8'));
          return false;
        });
        if (answer === null) return;
        known += 1;
        expect(answer).toBe(false);
        for (const layer of layersOf(one)) {
          expect(searched).toContain(layer.text);
          const joined = layer.text.replaceAll(/[\r\n][ \t]*/g, '');
          expect(searched).toContain(joined);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(known).toBeGreaterThan(500);
  });

  it('escaped bytes: what is found in any layer is reported', () => {
    const finds = (bytes: Buffer) => bytes.includes('secret');
    for (const one of ['secret', '%73ecret', '\\u0073ecret', '%2573ecret', '\\\\u0073ecret', '&#115;ecr\\u0065t']) {
      expect([one, findsInLayers(Buffer.from(one), finds)]).toEqual([one, true]);
    }
    expect(findsInLayers(Buffer.from('%41\\n'), finds)).toBe(false);
    expect(findsInLayers(Buffer.from('\\ud83d\\ude00'), finds)).toBeNull();
  });
});
