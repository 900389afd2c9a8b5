import { describe, expect, it } from 'vitest';
import { endToEndHeaders } from '#demo/end-to-end-headers.ts';

describe('what a proxy passes on', () => {
  it('is every line, several of one name in their order', () => {
    expect(endToEndHeaders(['Accept', 'a', 'X-One', '1', 'accept', 'b'])).toEqual({
      Accept: ['a', 'b'],
      'X-One': ['1'],
    });
  });

  it('is nothing of its own hop, and nothing that Connection names', () => {
    const raw = ['Connection', 'close, X-Hop', 'x-hop', '1', 'Proxy-Authorization', 'Basic eA==', 'TE', 'trailers'];
    expect(endToEndHeaders([...raw, 'Transfer-Encoding', 'chunked', 'ETag', '"1"'])).toEqual({ ETag: ['"1"'] });
  });

  it('has Host and Via in one writing', () => {
    expect(endToEndHeaders(['HOST', 'x', 'via', '1.1 a'])).toEqual({ Host: ['x'], Via: ['1.1 a'] });
  });
});
