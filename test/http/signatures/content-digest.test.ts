import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentDigest } from '#http/signatures/content-digest.ts';

describe('content digest', () => {
  it('is that of the examples in RFC 9530, appendix B', () => {
    // Appendix B.1: the body with its line feed; B.4 has the same digest for the same representation.
    expect(contentDigest(Buffer.from('{"hello": "world"}\n'))).toBe(
      'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:',
    );
    expect(contentDigest(Buffer.from('{"hello": "world"}'))).toBe(
      'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
    );
  });

  it('is the same for a body and for its known SHA-256', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        expect(contentDigest({ sha256: createHash('sha256').update(body).digest() })).toBe(contentDigest(body));
      }),
    );
  });

  it('refuses a digest of another length', () => {
    expect(() => contentDigest({ sha256: Buffer.alloc(20) })).toThrow(RangeError);
  });
});
