import { describe, expect, it } from 'vitest';
import { wrongIndentation } from '#config/reading/indentation.ts';

describe('wrongIndentation', () => {
  it.each([
    ['a key further in than those above', 'a:\n  b: 1\n    c: 2\n  d: 3', [3, 5, 3]],
    ['a key between two columns', 'a:\n  b: 1\n c: 2', [3, 2, 3]],
    ['a key below one that has a value', 'version: 2\n  updates:', [2, 3, 1]],
    ['a key of an entry in the column of its dash', 'a:\n  - b: 1\n  c: 2', [3, 3, 5]],
    ['a key of an entry between two columns', 'a:\n  - b: 1\n    c: 2\n   d: 3', [4, 4, 5]],
    ['a key of an entry further in', 'a:\n  - b: 1\n     c: 2', [3, 6, 5]],
    ['a second dash in another column', 'a:\n  - b: 1\n - c: 2', [3, 2, 5]],
    ['a line after a comment and a blank one', 'a:\n  b: 1\n\n# note\n   c: 2', [5, 4, 3]],
    ['a line after a text over several lines', 'a:\n  b: |\n    text: x\n      more: y\n c: 2', [5, 2, 3]],
  ])('finds %s', (_what, text, [line, column, expected]) => {
    expect(wrongIndentation(text)).toEqual({ line, column, expected });
  });

  it.each([
    [
      'keys, sections and lists',
      'a: 1\nb:\n  c: 2\n  d:\n    - e: 1\n      f: 2\n    - e: 3\ng:\n- h\n- i: 1\n  j: 2\nk: 3',
    ],
    ['a document mark and comments', '---\n# x\na: 1 # y\nb:\n  # z\n  c: 2'],
    ['brackets over several lines', 'a: [\n1,\n     2]\n  b: 3'],
    ['a tab, which is a mistake of its own', 'a:\n\tb: 1'],
    ['text without quotes over several lines', 'a: one\n  two\n    three: four'],
    ['nothing', ''],
  ])('finds nothing in %s', (_what, text) => {
    expect(wrongIndentation(text)).toBeNull();
  });
});
