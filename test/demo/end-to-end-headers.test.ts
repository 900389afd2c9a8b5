import { describe, expect, it } from 'vitest';
import { endToEndHeaders } from '#demo/end-to-end-headers.ts';

describe('end-to-end headers', () => {
  it('keep every line, and the order of lines with the same name', () => {
    expect(endToEndHeaders(['Accept', 'a', 'X-One', '1', 'accept', 'b'])).toEqual({
      Accept: ['a', 'b'],
      'X-One': ['1'],
    });
  });

  it('exclude hop-by-hop headers and those that Connection names', () => {
    const raw = ['Connection', 'close, X-Hop', 'x-hop', '1', 'Proxy-Authorization', 'Basic eA==', 'TE', 'trailers'];
    expect(endToEndHeaders([...raw, 'Transfer-Encoding', 'chunked', 'ETag', '"1"'])).toEqual({ ETag: ['"1"'] });
  });

  it('spell Host and Via in one way', () => {
    expect(endToEndHeaders(['HOST', 'x', 'via', '1.1 a'])).toEqual({ Host: ['x'], Via: ['1.1 a'] });
  });
});
