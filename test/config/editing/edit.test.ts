import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Edit, parsePath, spliceEdits, spliceSet } from '#config/editing/edit.ts';
import { readDocument } from '#config/reading/document.ts';
import { CodedError } from '#errors/coded-error.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';
import { ODD_NAMES, type OddFile, oddFile } from '#test/support/odd-yaml.ts';

const ODD_TEXTS = [
  ...[
    '',
    ' ',
    'null',
    '~',
    'no',
    'Yes',
    'on',
    '1_000',
    '0x1f',
    '0443',
    '1e3',
    '.inf',
    '-',
    '- a',
    '? a',
    ': a',
    'a: b',
    'a #b',
    '#a',
  ],
  ...[
    '&a',
    '*a',
    '!a',
    '|',
    '>',
    '%a',
    '@a',
    '`a',
    '[a',
    'a]',
    '{a',
    'a}',
    ',',
    'a,b',
    "'",
    '"',
    "it's",
    '\\',
    'a\n',
    '\n\n',
    '\t',
    ' a ',
  ],
  ...[
    '\ufeffa',
    '\u2028',
    '\u0085',
    '\u007f',
    '---',
    '...',
    '<<',
    '=',
    '1.2.3.4',
    '12:30:45',
    '2001-12-14',
    'https://a.example.com/b',
  ],
];

const FOLDER = new URL('../fixtures/edits/', import.meta.url);

const set = (path: string, value: Extract<Edit, { kind: 'set' }>['value']): Edit => ({ kind: 'set', path, value });
const remove = (path: string): Edit => ({ kind: 'remove', path });
const append = (path: string, value: Extract<Edit, { kind: 'append' }>['value']): Edit => ({
  kind: 'append',
  path,
  value,
});
const NEW = { name: 'new', address: '10.0.0.1', port: 3128, password: { file: 'secrets/new' } };

/** The edits of each file. The result, byte for byte, is NAME.after.yaml in the same folder. */
const EDITS: Readonly<Record<string, readonly Edit[]>> = {
  'aligned-comments': [
    set('proxies[0].port', 8080),
    set('proxies[1].user', 'x: #y'),
    remove('proxies[0].authentication'),
  ],
  'leading-zeros': [set('proxies[0].address', '10.0.0.9'), set('proxies[0].port', 443), append('proxies', NEW)],
  crlf: [set('proxies[0].address', 'b.example.com'), set('proxies[0].port', 80), set('retry.attempts', 2)],
  'byte-order-mark': [set('proxy_enabled', false), set('response_timeout.base_ms', 300_000)],
  'flow-entries': [remove('proxies[0].port'), set('proxies[1].user', 'c,d'), set('use_proxy_for.updates', 'b')],
  'flow-lines': [append('proxies', NEW), set('proxies[1].port', 1), remove('use_proxy_for.support_logs')],
  json: [append('proxies', NEW), set('proxy_enabled', false), set('use_proxy_for.platform', 'none')],
  'dashes-at-the-margin': [remove('proxies[0]'), append('proxies', NEW), set('use_proxy_for.platform', 'new')],
  'wide-indent': [set('response_timeout.base_ms', 1), remove('proxies[1].address'), set('proxies[0].port', 1)],
  'quoted-keys': [
    set('proxies[0].address', "it's"),
    set('use_proxy_for.updates', 'a"b'),
    set('proxies[0].name', 'new'),
  ],
  'anchors-and-tags': [
    set('proxies[0].port', 8080),
    set('response_timeout.base_ms', 5),
    set('retry.attempts', 4),
    set('proxies[1].port', 80),
  ],
  'commented-out': [
    append('proxies', NEW),
    set('response_timeout.base_ms', 5),
    set('proxy_enabled', false),
    set('logging.level', 'debug'),
  ],
  'empty-sections': [
    append('proxies', NEW),
    set('response_timeout.base_ms', 5),
    set('use_proxy_for.updates', 'new'),
    set('logging.level', 'warn'),
  ],
  'texts-over-lines': [
    set('proxies[0].no_proxy', '*'),
    set('proxies[1].port', 80),
    set('use_proxy_for.updates', 'none'),
  ],
  'explicit-keys': [set('proxies[0].address', 'b.example.com'), set('proxies[0].port', 80), append('proxies', NEW)],
  'no-newline-at-the-end': [set('proxies[0].port', 80), append('proxies', NEW), set('proxy_enabled', true)],
  markers: [append('proxies', NEW), set('retry.attempts', 3)],
  'tabs-and-trailing-spaces': [
    set('proxies[0].name', 'b'),
    append('proxies', NEW),
    set('logging.level', 'warn'),
    set('logging.stdout', 'json'),
  ],
  'dash-alone': [remove('proxies[0].name'), set('proxies[0].port', 80), remove('proxies[1]'), append('proxies', NEW)],
  'empty-list': [append('proxies', NEW), set('use_proxy_for.updates', 'none'), remove('retry.attempts')],
  'only-version': [append('proxies', NEW), set('response_timeout.base_ms', 300_000), set('proxy_enabled', false)],
  'letters-of-all-lands': [set('proxies[0].user', 'zoë'), set('proxies[0].password', { file: 'secrets/a' })],
  'multi-line-plain': [
    set('proxies[0].address', '::1'),
    set('proxies[0].no_proxy', 'localhost'),
    remove('proxies[0].default'),
  ],
  'blank-lines': [remove('proxies[0]'), set('proxies[0].port', 80), append('proxies', NEW)],
};

const read = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8');

describe('an edit of a file written by hand', () => {
  it('has a case for each file', () => {
    const there = readdirSync(FOLDER).filter((name) => !name.endsWith('.after.yaml'));
    expect(there.map((name) => name.replace('.yaml', ''))).toEqual(Object.keys(EDITS).toSorted());
    expect(there.length).toBeGreaterThanOrEqual(20);
  });

  it.each(Object.entries(EDITS))('changes only its own lines, byte for byte: %s', (name, edits) => {
    expect(spliceEdits(read(`${name}.yaml`), edits)).toBe(read(`${name}.after.yaml`));
  });
});

/** The lines of the first text that are missing in the second, in order, and the reverse. */
function lineDifference(before: string, after: string): { gone: string[]; come: string[] } {
  const [a, b] = [before.split(/(?<=\n)/), after.split(/(?<=\n)/)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  return { gone: a.slice(start, a.length - end), come: b.slice(start, b.length - end) };
}

const seeds = Array.from({ length: 100 }, (_, index) => index + 1);

describe.each(seeds)('an edit of the generated file %i', (seed) => {
  const file = oddFile(seed);
  const { text } = file;

  it('parses to the data it was generated from', () => {
    const { value, findings } = readDocument(text);
    expect(findings).toEqual([]);
    expect(value).toMatchObject({ version: 1, proxies: ODD_NAMES.map((name) => ({ name })) });
  });

  it('replaces one value and changes no other byte', () => {
    for (const index of ODD_NAMES.keys()) {
      const props = /^(?:&p |!!int )/.exec(writtenAt(file, `port:${index}`))?.[0] ?? '';
      expect(spliceSet(text, `proxies[${index}].port`, 8081)).toBe(file.withValue(`port:${index}`, `${props}8081`));
    }
    if (file.has('base_ms')) {
      expect(spliceSet(text, 'response_timeout.base_ms', 300_000)).toBe(file.withValue('base_ms', '300000'));
    }
  });

  it('removes an entry with its lines and no other byte', () => {
    for (const index of ODD_NAMES.keys()) {
      expect(spliceEdits(text, [remove(`proxies[${index}]`)])).toBe(file.without(`entry:${index}`));
    }
  });

  it('adds keys and entries and keeps every existing line', () => {
    const edits = [append('proxies', NEW), set('proxies[1].user', 'u'), set('response_timeout.base_ms', 5_000)];
    for (const edit of edits) {
      const { gone, come } = lineDifference(text, spliceEdits(text, [edit]));
      // A line changes in flow style, if the key had a value, or if the file had no final line break.
      expect(gone.length).toBeLessThanOrEqual(1);
      expect(come.length).toBeGreaterThanOrEqual(1);
      for (const line of come.slice(0, -1)) expect(line.endsWith(file.eol)).toBe(true);
    }
  });

  it('is restored byte for byte by the reverse edit', () => {
    const added = spliceEdits(text, [append('proxies', NEW)]);
    expect(spliceEdits(added, [remove('proxies[3]')])).toBe(text);
  });
});

function writtenAt(file: OddFile, name: string): string {
  const { text } = file;
  const marked = file.withValue(name, '\u0000');
  const at = marked.indexOf('\u0000');
  return text.slice(at, at + text.length - marked.length + 1);
}

describe('an edit', () => {
  const texts = fc.oneof(fc.string({ unit: ANY_CHARACTER }), fc.string(), fc.constantFrom(...ODD_TEXTS));

  it('writes any text so that it parses to the same text, in block and flow style', () => {
    fc.assert(
      fc.property(
        texts.filter((text) => text.isWellFormed()),
        (text) => {
          for (const before of ['a: 1\n', '{a: 1}\n', '{"a": 1}\n', "a: 'b'\n", 'a:\n', 'a:\n  - b: 1\n']) {
            expect(readDocument(spliceSet(before, 'a', text)).value).toEqual({ a: text });
            expect(readDocument(spliceSet(before, ['b'], { x: [text] })).value).toMatchObject({ b: { x: [text] } });
          }
        },
      ),
    );
  });

  it('keeps values that are already set', () => {
    expect(spliceSet('a: 0443 # x\n', 'a', 443)).toBe('a: 0443 # x\n');
    expect(spliceEdits('a: 1\n', [remove('b'), remove('b.c[0]'), set('a', 1)])).toBe('a: 1\n');
  });

  it('changes a section key by key if a section replaces it', () => {
    const before = 'p:\n  env: X   # x\n  # between\n  more: 1\n';
    expect(spliceSet(before, 'p', { file: 'a', more: 1 })).toBe('p:\n  # between\n  more: 1\n  file: a\n');
    expect(spliceSet('p: [1, 2, 3] # x\n', 'p', [1, 9])).toBe('p: [1, 9] # x\n');
  });

  it('replaces the lines of a section with a value', () => {
    expect(spliceSet('p:\n  env: X\n# y\nq: 1\n', 'p', 'z')).toBe('p: z\n# y\nq: 1\n');
    expect(spliceSet('p: z # y\n', 'p', { file: 'a' })).toBe('p: { file: a } # y\n');
  });

  it.each([
    ['an alias', 'a: &x 1\nb: *x\n', 'a', 2],
    ['a tag that the value does not fit', 'a: 1\nb: !!int 5\n', 'b', 'text'],
    ['a value instead of a section', 'a: 1\nb: 2\n', 'b.c', 2],
    ['an entry that is not the next one', 'a: 1\nb: [1]\n', 'b[5]', 2],
    ['a syntax error', 'a: 1\nb: [1\n', 'a', 2],
    ['a key twice', 'a: 1\nb: 1\nb: 2\n', 'a', 2],
    ['a second document', 'a: 1\n---\nb: 1\n', 'a', 2],
    ['a key without its colon', 'a: 1\n? b\n', 'b', 2],
  ])('is refused, with line and key, if the file has %s', (_, text, path, value) => {
    const refused = refusalOf(() => spliceSet(text, path, value));
    expect(refused.code).toBe('CONFIG-EDIT');
    expect(refused.facts['line']).toBeGreaterThanOrEqual(1);
    expect(refused.facts['key']).not.toBe('');
  });

  it('names the line and the key that it cannot change', () => {
    expect(refusalOf(() => spliceSet('a: 1\nb:\n  c: !!int 5\n', 'b.c', 'x')).message).toBe(
      '[CONFIG-EDIT] Sallyport cannot edit line 3 of the configuration file automatically (b.c): ' +
        'because of how the line is written, other keys would change with it.',
    );
  });

  it('is applied completely or not at all', () => {
    expect(() => spliceEdits('a: 1\nb: !!int 5\n', [set('a', 2), set('b', 'x')])).toThrow(CodedError);
  });
});

describe('an edit next to its comment', () => {
  it('puts the key after the comment that names and explains it', () => {
    const example = readFileSync(new URL('../../../config/sallyport.example.yaml', import.meta.url), 'utf8');
    const after = spliceSet(example, 'response_timeout.base_ms', 300_000);
    expect(lineDifference(example, after)).toEqual({ gone: [], come: ['  base_ms: 300000\n'] });
    expect(after).toContain('  #base_ms: 30000\n  base_ms: 300000\n');
  });

  it('ignores the same comment inside a text or in another section', () => {
    const text = 'a:\n  b: |\n    #z: 1\n  c: 1\n  #z: 2\n  d: 1\n';
    expect(spliceSet(text, 'z', 5)).toBe(`${text}z: 5\n`);
  });
});

describe('a path of keys', () => {
  it('is parsed from the form that messages use', () => {
    expect(parsePath('proxies[10].password.file')).toEqual(['proxies', 10, 'password', 'file']);
    expect(parsePath(['updates', 'headers', 'X.Y'])).toEqual(['updates', 'headers', 'X.Y']);
  });
});

function refusalOf(act: () => unknown): CodedError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown;
    throw thrown;
  }
  throw new Error('it was not refused');
}
