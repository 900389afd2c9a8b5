import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentEncoding, pageTitle, responseInfo } from '#http/headers.ts';

const head = (...rawHeaders: string[]) => ({ status: 200, reason: 'OK', rawHeaders });

describe('headers: a response head', () => {
  it('joins repeated fields, without regard to case', () => {
    const info = responseInfo(head('X-A', '1', 'x-a', '2', 'VIA', '1.1 a', 'Content-Length', '12'));

    expect(info.header('x-A')).toBe('1, 2');
    expect(info.header('x-b')).toBeUndefined();
    expect(info).toMatchObject({ via: '1.1 a', contentLength: 12 });
  });

  it.each([[head()], [head('Via', '', 'Content-Length', 'many')], [head('Content-Length', '1, 1')]])(
    'has null for unusable fields: %j',
    (raw) => {
      expect(responseInfo(raw)).toMatchObject({ via: null, contentLength: null });
    },
  );

  it.each([
    [head(), null],
    [head('Content-Encoding', 'identity'), null],
    [head('Content-Encoding', ' GZIP'), 'GZIP'],
    [head('Content-Encoding', 'identity', 'content-encoding', 'br'), 'br'],
    [head('Content-Encoding', 'deflate, gzip'), 'deflate, gzip'],
  ])('%j has the coding %j', (raw, coding) => {
    expect(contentEncoding(raw)).toBe(coding);
  });
});

describe('headers: the title of a page', () => {
  const title = (page: string) => pageTitle(Buffer.from(page));

  it.each([
    ['<html><title>Blocked</title>', 'Blocked'],
    ['<TITLE lang="en">\n  Access \t denied\r\n</TITLE >', 'Access denied'],
    ['<title>A &amp; B &lt;c&gt; &#65;&#x42;&quot;&nbsp;&bogus;</title>', 'A & B <c> AB" &bogus;'],
    ['<title>ERROR: &#0; &#xd800; &#1114112;</title>', 'ERROR: &#0; &#xd800; &#1114112;'],
    ['<title>never closed', 'never closed'],
    ['<title></title>', null],
    ['<titles>no</titles>', null],
    ['{"title": "no"}', null],
    ['', null],
  ])('of %j is %j', (page, expected) => {
    expect(title(page)).toBe(expected);
  });

  it('is cut, and searched only near the top', () => {
    expect(title(`<title>${'x'.repeat(5_000)}</title>`)).toHaveLength(300);
    expect(title(`${' '.repeat(70_000)}<title>far</title>`)).toBeNull();
  });

  it('is read from its position in the buffer', () => {
    const whole = Buffer.from('<title>outside</title><title>inside</title>');

    expect(pageTitle(whole.subarray(22))).toBe('inside');
    expect(pageTitle(whole.subarray(0, 10))).toBe('out');
  });

  it('is one bounded line whatever the page contains', () => {
    const piece = fc.constantFrom(
      '<title',
      '>',
      '</title>',
      '&',
      '#',
      ';',
      '&#10;',
      '&lt;',
      '\n',
      ' ',
      'x',
      '<',
      '\u2028',
      '😀',
    );

    fc.assert(
      fc.property(fc.array(piece, { maxLength: 400 }), (pieces) => {
        const found = title(`<title>${pieces.join('')}`);
        return found === null || (found.length <= 300 && !/[\r\n\u2028\u2029]/.test(found));
      }),
    );
  });
});
