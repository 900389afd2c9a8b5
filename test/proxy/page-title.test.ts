import { describe, expect, it } from 'vitest';
import { titleOf } from '#proxy/page-title.ts';

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
