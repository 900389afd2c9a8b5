import { describe, expect, it } from 'vitest';
import { allFindings, findingsIn, shownFinding } from '#tools/plain-english.ts';

const formsIn = (path: string, text: string) => findingsIn(path, text).map(({ form }) => form);

describe('plain English', () => {
  it('plain English: no text, comment or test name has a banned form', () => {
    expect(allFindings().map(shownFinding), 'rewrite these as docs/writing.md says').toEqual([]);
    // It reads every file, which takes long on a loaded machine.
  }, 120_000);

  it.each([
    ['Fetches the list of before.', 'of before'],
    ['It waits for so many seconds.', 'so many'],
    ['It is kept so long.', 'so long'],
    ['The file is written anew.', 'anew'],
    ['The admin is told.', 'told'],
    ['The old settings stay in force.', 'in force'],
    ['The download\ngoes on.', 'goes on'],
    ['Mend the line.', 'Mend'],
    ['It counts from now on.', 'counts from'],
    ['It waits for ever.', 'for ever'],
    ['It is made up for at 08:12.', 'made up for'],
    ['It is parted by commas.', 'parted by'],
    ['It is sent all the same.', 'all the same'],
    ['It lies beside the file.', 'beside'],
    ['It is tested, too.', ', too'],
    ['Whoever reads it waits.', 'Whoever'],
    ['Nobody answers.', 'Nobody'],
    ['The proxy who answers.', 'proxy who'],
    ['Who may not open it gets an error.', 'Who'],
    ['That is no mistake.', 'is no mistake'],
    ['The way of a download.', 'The way of'],
    ['A room imports only from floors below.', 'A room'],
    ['It is refused (1 mistakes).', '(1 mistakes)'],
    ['It stands in quotes.', 'stands in'],
  ])('plain English: %j has a banned form', (text, form) => {
    expect(formsIn('docs/page.md', text)).toContain(form);
  });

  it.each([
    'It waits as long as the server sends.',
    'It fails with PASSWORD-ANEW.',
    'There is no proxy.',
    'It is no longer used.',
    'Who may change the file?',
    'There is room for three.',
    'It is too large, too old or damaged.',
    '`It goes on` was the old text.',
    '```\nIt goes on.\n```',
    '[the page](the-way-of-a-download.md)',
    'Whoever controls the server can read it.',
  ])('plain English: %j has none', (text) => {
    expect(formsIn('docs/page.md', text)).toEqual([]);
  });
});

describe('plain English in source files', () => {
  it('plain English: texts and comments are read, code is not', () => {
    const code = [
      '// It goes',
      '// on here.',
      "const text = 'written anew';",
      'const anew = told(besides);',
      '/* in force */',
    ];

    expect(findingsIn('src/a.ts', code.join('\n')).map(({ line, kind, form }) => [line, kind, form])).toEqual([
      [1, 'comment', 'goes on'],
      [5, 'comment', 'in force'],
      [3, 'text', 'anew'],
    ]);
  });

  it('plain English: a plural needs a singular where its number varies', () => {
    expect(formsIn('src/a.ts', "const a = '{count} changes';")).toEqual(['{count} changes']);
    expect(formsIn('src/a.ts', `const a = \`\${n} more tries\`;`)).toEqual(['{} more tries']);
    expect(formsIn('src/a.ts', `const a = \`\${MAX_TRIES} tries\`;`)).toEqual([]);
    expect(formsIn('src/a.ts', "const a = '{host} answers';")).toEqual([]);
  });

  it('plain English: names of tests are read, other strings of tests are not', () => {
    const code =
      "describe('so many', () => { it.each([['told']])('goes on with %s', () => expect('anew').toBe('anew')); });";

    expect(findingsIn('test/a.test.ts', code).map(({ kind, form }) => [kind, form])).toEqual([
      ['test name', 'so many'],
      ['test name', 'goes on'],
    ]);
  });

  it('plain English: comments of shell scripts are read', () => {
    expect(findingsIn('.ci/run', '#!/bin/sh\necho "goes on"\n# It goes\n# on.\n')).toMatchObject([
      { line: 3, form: 'goes on' },
    ]);
  });
});
