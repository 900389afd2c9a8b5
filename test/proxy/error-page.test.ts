import { describe, expect, it } from 'vitest';
import { readErrorPage, titleOf } from '#proxy/error-page.ts';

describe('the title of an error page', () => {
  it.each([
    ['<html><TITLE lang="en">\n Access\tDenied </title>', 'Access Denied'],
    ['<title>cut in the mid', 'cut in the mid'],
    ['<title></title>', null],
    ['<titles>no</titles>', null],
    ['plain text', null],
  ])('of %j is %j', (page, title) => {
    expect(titleOf(page)).toBe(title);
  });

  it('is cut', () => {
    expect(titleOf(`<title>${'x'.repeat(100_000)}`)).toHaveLength(300);
  });
});

describe('the words of an error page', () => {
  it('are the text between the tags, without scripts and styles', () => {
    const page =
      '<html><head><title>ERROR</title>\n<STYLE type="text/css"><!--\nbody {color: red}\n--></STYLE><script>if (a < b) x("<p>")</script>' +
      '</head><body id=x><h1>Access\nDenied.</h1><p>Category: <b>Downloads</b></p></body></html>';
    expect(readErrorPage(page)).toEqual({ title: 'ERROR', words: 'ERROR Access Denied. Category: Downloads' });
  });

  it.each([
    ['plain text, as Go says it\n', 'plain text, as Go says it'],
    ['<p>cut in <a hre', 'cut in'],
    ['<html></html>', null],
    ['', null],
  ])('of %j are %j', (page, words) => {
    expect(readErrorPage(page).words).toBe(words);
  });

  it('are cut, and a hostile page costs no more than its length', () => {
    expect(readErrorPage('word '.repeat(20_000)).words).toHaveLength(1_000);
    expect(readErrorPage('<style'.repeat(10_000)).words).toBeNull();
    expect(readErrorPage('<'.repeat(65_536)).words).toBeNull();
  });
});
