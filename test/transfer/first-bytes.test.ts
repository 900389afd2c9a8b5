import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeFirstBytes } from '#transfer/first-bytes.ts';

describe('first bytes of a file that is not a package', () => {
  it.each([
    ['a gzip file', '\x1f\x8b\x08\x00', 'it begins as a gzip file does, not as a .JAR'],
    ['a PDF file', '%PDF', 'it begins as a PDF file does, not as a .JAR'],
    ['text', 'secr', 'it begins as a text does, not as a .JAR'],
    ['anything else', '\x00\x01\x02\x03', 'its first bytes are not those of a .JAR'],
    ['nothing', '', 'its first bytes are not those of a .JAR'],
  ])('%s is named', (_what, start, reason) => {
    expect(describeFirstBytes(Buffer.from(start, 'latin1'))).toBe(reason);
  });

  it('the bytes are never part of the reason', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        expect(describeFirstBytes(bytes)).not.toContain(Buffer.from(bytes).toString('hex'));
      }),
    );
  });
});
