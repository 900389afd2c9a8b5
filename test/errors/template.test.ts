import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { proxyAt, THIS_HOST } from '#errors/hop.ts';
import {
  type FieldValue,
  FOREIGN_TEXT_LIMIT,
  fillTemplate,
  LINE_LIMIT,
  showDuration,
  showForeign,
  showLocalTime,
  showSize,
} from '#errors/template.ts';
import { MASK, Secret } from '#redaction/secret.ts';
import { hostileText, hostileValue } from '#test/support/hostile.ts';

/** One field, shown by one format. */
function show(value: FieldValue, format?: string): string {
  return fillTemplate(format === undefined ? '{x}' : `{x:${format}}`, { x: value });
}

describe('template: optional part', () => {
  it('template: {id:for} names the update, or is empty without one', () => {
    const template = 'Connected{update_id:for}.';
    expect(fillTemplate(template, { update_id: '1602503' })).toBe('Connected for update ID 1602503.');
    expect(fillTemplate(template, { update_id: 'a b' })).toBe('Connected for update ID "a b".');
    expect(fillTemplate(template, {})).toBe('Connected.');
  });
});

describe('fillTemplate', () => {
  it('fillTemplate: inserts each field wherever the template names it', () => {
    expect(fillTemplate('{a} and {b:size}, {a}.', { a: 'x', b: 20e6 })).toBe('x and 20.0 MB, x.');
  });

  it('fillTemplate: shows a missing or empty field as a dash, and a given dash in quotes', () => {
    expect(fillTemplate('{a}{b}{c}{d}{e}', { a: undefined, b: null, c: '', d: [], e: '-' })).toBe('----"-"');
  });

  it('fillTemplate: does not fill placeholders inside a field value', () => {
    expect(fillTemplate('{a}', { a: '{b}', b: 'x' })).toBe('"{b}"');
  });

  it('fillTemplate: ignores replacement patterns inside a field value', () => {
    expect(fillTemplate('<{a}>', { a: '$&' })).toBe('<$&>');
  });

  it('fillTemplate: shows booleans, numbers and lists', () => {
    expect(fillTemplate('{a} {b} {c} {d}', { a: true, b: false, c: -1.5, d: ['x', 'y z'] })).toBe(
      'yes no -1.5 x, "y z"',
    );
  });

  it.each([
    [0, '0 errors in 2 files'],
    [1, '1 error in 2 files'],
    [2, '2 errors in 2 files'],
  ])('fillTemplate: {count:s} after %i is the plural s or nothing', (count, expected) => {
    expect(fillTemplate('{count} error{count:s} in {files} file{files:s}', { count, files: 2 })).toBe(expected);
  });

  it('fillTemplate: cuts a long list and says how many items it left out', () => {
    const shown = show(Array.from({ length: 1_000 }, (_, index) => `host-${index}.example.com`));

    expect(shown).toMatch(/^host-0\.example\.com, .* and 9\d\d more$/);
    expect(shown.length).toBeLessThan(650);
  });

  it('fillTemplate: shows a coded error unquoted, with its advice on request', () => {
    const error = coded('DISK-FULL', { operation: 'write', path: '/x', reason: 'ENOSPC: no space left on device' });

    expect(show(error)).toBe('[DISK-FULL] Not enough disk space to write /x: ENOSPC: no space left on device.');
    expect(show(error, 'advised')).toBe(`${show(error)} ${error.check}`);
  });

  it('fillTemplate: drops the full stop of an error where the sentence continues', () => {
    const error = coded('DISK-FULL', { operation: 'write', path: '/x', reason: 'ENOSPC' });
    const fill = (template: string) => fillTemplate(template, { error });

    expect(fill('Failed: {error}.')).toBe('Failed: [DISK-FULL] Not enough disk space to write /x: ENOSPC.');
    expect(fill('({error}); stopped: {error:advised}.')).toBe(
      `([DISK-FULL] Not enough disk space to write /x: ENOSPC); stopped: ${error.message} ${error.check}`,
    );
    expect(fill('{error} Stopped.')).toBe(`${error.message} Stopped.`);
    expect(fill('Failed: {error}')).toBe(`Failed: ${error.message}`);
    expect(coded('PAC-UNAVAILABLE', { where: '/p.pac', proxy: 'corp', reason: error }).safeText).toBe(
      'Cannot get the PAC file /p.pac of proxy corp: [DISK-FULL] Not enough disk space to write /x: ENOSPC.',
    );
  });

  it('fillTemplate: quotes an error that only imitates a coded one', () => {
    const forged = Object.assign(new Error('Downloading update ID 1.'), { code: 'DISK-FULL', safeText: 'x. Stopped.' });

    expect(show(forged, 'advised')).toBe('"Downloading update ID 1."');
  });

  it('fillTemplate: shows values of wrong types without throwing, and masks a secret', () => {
    const stray = (value: unknown) => show(value as FieldValue);

    expect(stray(new Secret('hunter2'))).toBe(MASK);
    expect(stray(5n)).toBe('5');
    expect(stray(Object.create(null))).toBe('unprintable');
    expect(stray({ a: 1 })).toBe('"\\u{5b}object Object\\u{5d}"');
    expect(stray([null, 5])).toBe('null, 5');
    expect(stray(Object.assign(new Error('x'), { message: 5 }))).toBe('5');
  });

  it('fillTemplate: returns one printable line of bounded length for any fields', () => {
    const template = 'Update {a}: {b:words} ({c:via}) at {d:hop}, {e:size} in {f:ms} since {g:time}.';
    const fields = fc.record({
      a: hostileValue,
      b: hostileValue,
      c: hostileValue,
      d: hostileValue,
      e: hostileValue,
      f: hostileValue,
      g: hostileValue,
    });
    fc.assert(
      fc.property(fields, (values) => {
        const line = fillTemplate(template, values);

        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
        expect(line.length).toBeLessThanOrEqual(LINE_LIMIT);
      }),
    );
  });

  it('fillTemplate: cuts a line that is too long, but never inside a character', () => {
    const line = fillTemplate(`${'x'.repeat(LINE_LIMIT - 2)}😀😀{a}`, { a: 'x' });

    expect(line).toBe(`${'x'.repeat(LINE_LIMIT - 2)}…`);
  });
});

describe('foreign text', () => {
  it.each(['1602503', '/var/lib/x-1.jar', 'https://example.com/a?b=c&d#e', 'application/java-archive', 'CORP\\user'])(
    'foreign text: a token stays unquoted: %s',
    (token) => expect(showForeign(token)).toBe(token),
  );

  it.each([
    ['two words', '"two words"'],
    ['say "x" \\', '"say \\"x\\" \\\\"'],
    ['a\r\nb', '"a\\u{d}\\nb"'],
    ['\u001b[2K', '"\\u{1b}\\u{5b}2K"'],
    ['\u009b31m', '"\\u{9b}31m"'],
    ['\u2028\u202e\u200b\ud800', '"\\u{2028}\\u{202e}\\u{200b}\\u{d800}"'],
    ['Zugriff verweigert – größe', '"Zugriff verweigert – größe"'],
    ['größe', '"größe"'],
  ])('everything else is quoted and escaped: %j', (text, shown) => {
    expect(showForeign(text)).toBe(shown);
  });

  it('foreign text: letters that look like ASCII are quoted', () => {
    expect(showForeign('\u0410cknowledging')).toBe('"\u0410cknowledging"');
  });

  it('foreign text: invisible letters are escaped', () => {
    expect(showForeign('a\u3164b\u115fc\ufe0f')).toBe('"a\\u{3164}b\\u{115f}c\\u{fe0f}"');
  });

  it('foreign text: a combining mark never joins the quote, and at most three join a letter', () => {
    expect(showForeign('\u0338a')).toBe('"\\u{338}a"');
    expect(showForeign(`a${'\u0301'.repeat(5)}`)).toBe(`"a${'\u0301'.repeat(3)}\\u{301}\\u{301}"`);
  });

  it('foreign text: the length limit includes escapes', () => {
    for (const text of ['x y'.repeat(1_000), '\u{10ffff}'.repeat(1_000), '\u001b'.repeat(1_000)]) {
      const shown = showForeign(text);
      expect(shown.length).toBeLessThan(FOREIGN_TEXT_LIMIT + 16);
      expect(shown.endsWith('…"')).toBe(true);
    }
  });

  it('foreign text: its quotes are always closed', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(show(text)).toMatch(/^(?:"(?:[^"\\]|\\.)*"|[!#-~]+)$/);
      }),
    );
  });
});

describe('words', () => {
  it.each([
    'through proxy corp',
    'waiting up to 30000 ms for the first byte (response_timeout.base_ms)',
    'ENOENT: no such file or directory',
    'proxies[0] "corp" is the default',
    'proxies[0] "Corp" is the default',
  ])('a phrase of ours stands as it is: %s', (phrase) => expect(show(phrase, 'words')).toBe(phrase));

  it('words: a list of phrases is joined by commas', () => {
    expect(show(['proxy_enabled is true', 'use_proxy_for.updates is default'], 'words')).toBe(
      'proxy_enabled is true, use_proxy_for.updates is default',
    );
  });

  it.each([
    'Acknowledging receipt of update ID 1',
    'x. Downloading update ID 1',
    'x-Acknowledging receipt of update ID 1',
    'x[0]Acknowledging receipt of update ID 1',
    '(Stopped',
    'a\nb',
    ' a',
    'a  b',
    '-',
    'a "b',
    '[Thread: Updater]',
    'größe',
    `x ${'y'.repeat(200)}`,
  ])('what could read as a line of ours is quoted: %j', (phrase) => {
    expect(show(phrase, 'words')).toMatch(/^".*"$/);
  });

  it('words: no text can imitate a log line', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const shown = show(text, 'words').replaceAll(/"(?:[^"\\]|\\.)*"/g, '');
        if (shown.includes(' ')) expect(shown).not.toMatch(/[A-Z][a-z]/);
      }),
    );
  });

  it('words: hostile input takes linear time', () => {
    for (const piece of ['a[1]', '(', 'a:', 'a, ', '"a" ', "'"]) {
      const started = process.threadCpuUsage();
      show(`${piece.repeat(200).slice(0, 199)}{`, 'words');
      expect(process.threadCpuUsage(started).user / 1_000).toBeLessThan(50);
    }
  });
});

describe('a hop', () => {
  it.each([
    [THIS_HOST, 'this host'],
    [proxyAt('corp', 'proxy.example.com:3128'), 'proxy corp (proxy.example.com:3128)'],
    [proxyAt('Corp', '10.0.0.1:80'), 'proxy Corp (10.0.0.1:80)'],
    [proxyAt('c', '[::1]:80'), 'proxy c ([::1]:80)'],
  ])('hop: %j as data is shown in words; the same words as text are quoted', (hop, words) => {
    expect(show(hop, 'hop')).toBe(words);
    expect(show(words, 'hop')).toBe(`"${words.replace('[', '\\u{5b}').replace(']', '\\u{5d}')}"`);
  });

  it('hop: a bare host is a token, any other text is quoted', () => {
    expect(show('updates.example.com:443', 'hop')).toBe('updates.example.com:443');
    expect(show('proxy a (b): [OK] x', 'hop')).toBe('"proxy a (b): \\u{5b}OK\\u{5d} x"');
  });
});

describe('Via', () => {
  it.each([
    ['1.1 proxy.example.com', '1.1 proxy.example.com'],
    ['1.0 fred, 1.1 p.example.net', '1.0 fred, 1.1 p.example.net'],
    ['HTTP/1.1 a:3128,1.1\t b', 'HTTP/1.1 a:3128, 1.1 b'],
    ['1.1 cache (squid/5.7 (Debian))', '1.1 cache'],
    [', 1.1 a, ,', '1.1 a'],
    ['2 [2001:db8::1]:8080', '2 [2001:db8::1]:8080'],
  ])('%j reads %s', (value, shown) => expect(show(value, 'via')).toBe(shown));

  it('Via: several fields are shown as one list', () => {
    expect(show(['1.1 a', '1.1 b (c)'], 'via')).toBe('1.1 a, 1.1 b');
  });

  it.each([
    '1.1 [INFO]',
    '1.1 a b',
    'proxy.example.com',
    '1.1 a\r\n1.1 b',
    '1.1 \u009b31m',
    '1.1 (only a comment)',
    ',,,',
    `1.1 ${'a'.repeat(129)}`,
    '1.1 a,'.repeat(17),
    '1.1 a,'.repeat(500),
    '(((((((((('.repeat(50),
  ])('that is none is quoted: %j', (value) => expect(show(value, 'via')).toMatch(/^".*"$/));
});

describe('sizes', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1_000, '1.0 KB'],
    [1_500, '1.5 KB'],
    [999_949, '999.9 KB'],
    [999_950, '1.0 MB'],
    [20_000_000, '20.0 MB'],
    [8 * 1024 ** 3, '8.6 GB'],
    [5e18, '5000.0 PB'],
    [-5, '-5 bytes'],
    [Number.NaN, 'NaN bytes'],
  ])('%d is %s', (bytes, shown) => expect(showSize(bytes)).toBe(shown));
});

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [450.4, '450 ms'],
    [999.6, '1.0 s'],
    [1_000, '1 s'],
    [1_500, '1.5 s'],
    [9_960, '10 s'],
    [57_000, '57 s'],
    [119_600, '2 min'],
    [725_000, '12 min 5 s'],
    [7_199_600, '2 h'],
    [12_000_000, '3 h 20 min'],
    [2_147_483_647, '596 h 31 min'],
    [Number.POSITIVE_INFINITY, 'Infinity ms'],
  ])('%d ms is %s', (ms, shown) => expect(showDuration(ms)).toBe(shown));
});

describe('local time', () => {
  const zone = process.env['TZ'];
  beforeAll(() => {
    process.env['TZ'] = 'Europe/Berlin';
  });
  afterAll(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  it('local time: that of the host, to the second, without a zone', () => {
    expect(showLocalTime(Date.UTC(2013, 5, 4, 22, 4, 10, 999))).toBe('2013-06-05T00:04:10');
    expect(showLocalTime(Date.UTC(2026, 0, 1))).toBe('2026-01-01T01:00:00');
  });

  it('local time: a year that does not have four digits is a dash', () => {
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15, -8.64e15, Date.UTC(10_000, 1, 1)]) {
      expect(showLocalTime(at)).toBe('-');
    }
  });
});
