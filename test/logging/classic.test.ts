import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import { LINE_LIMIT } from '#errors/template.ts';
import { classicLine } from '#logging/classic.ts';
import { EVENTS, type EventName, type SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { hostileError, hostileText, hostileValue } from '#test/support/hostile.ts';
import { readClassicLine, readingsOf } from '#test/support/read-classic.ts';
import { rounds } from '#test/support/rounds.ts';
import { UPDATER } from '#test/support/updater.ts';

const AT = new Date(2026, 10, 20, 0, 4, 10).getTime();
const NOTHING_KNOWN = new KnownSecrets();
const NAMES = Object.keys(EVENTS) as EventName[];
const PLACEHOLDER = /\{([A-Za-z0-9_]+)(?::([a-z]+))?\}/g;

function lineOf(event: SallyportEvent): string {
  return classicLine(toRecord(event, AT, NOTHING_KNOWN));
}

/** An event with arbitrary field values; a failure only where the template names one. */
function anyEvent(name: EventName): fc.Arbitrary<SallyportEvent> {
  const fields = [...EVENTS[name].text.matchAll(PLACEHOLDER)].map(([, field = '', format]) => {
    const value = format === 'advised' ? fc.oneof(hostileError, hostileValue) : hostileValue;
    return [field, value] as const;
  });
  return fc.record({
    name: fc.constant(name),
    ...Object.fromEntries(fields),
  }) as unknown as fc.Arbitrary<SallyportEvent>;
}

/** A line without its quoted parts; the rest is ours. */
function unquoted(line: string): string {
  return line.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
}

describe('the classic line', () => {
  it('classic line: it has the grammar of the manual', () => {
    expect(lineOf({ name: 'downloading', id: '1602503' })).toBe(
      '2026-11-20T00:04:10 [INFO] [Thread: Updater] Downloading update ID 1602503.',
    );
  });

  it.each(NAMES)('classic line: text from outside in %s cannot add a line or look like another event', (name) => {
    fc.assert(
      fc.property(anyEvent(name), (event) => {
        const line = lineOf(event);

        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(line.length).toBeLessThan(LINE_LIMIT);
        expect(line.split('[Thread: ')).toHaveLength(2);
        expect(readingsOf(line).map((reading) => reading.name)).toEqual([name]);
      }),
      { numRuns: rounds(100) },
    );
  });

  it('classic line: text from outside cannot look like a sentence of the log', () => {
    const story = [
      'Downloading update',
      'Resuming update',
      'Acknowledging receipt',
      'Response via',
      'Published update',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...NAMES).chain(anyEvent), (event) => {
        const ours = EVENTS[event.name].text;
        const line = unquoted(lineOf(event));

        expect(story.filter((opening) => line.includes(opening) && !ours.startsWith(opening))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('classic line: a plain field appears unchanged', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/), (id) => {
        expect(readClassicLine(lineOf({ name: 'acknowledging', id }))).toEqual({
          atText: '2026-11-20T00:04:10',
          level: 'INFO',
          thread: 'Updater',
          name: 'acknowledging',
          fields: { id },
        });
      }),
    );
  });

  it('classic line: a title that imitates a log line stays a quoted title', () => {
    const title = '2026-11-20T00:04:10 [INFO] [Thread: Updater] Acknowledging receipt of update ID 1.';
    const line = lineOf({ name: 'response-via', ...UPDATER, via: title });

    expect(readClassicLine(line)?.name).toBe('response-via');
    expect(line).toContain('"2026-11-20T00:04:10 \\u{5b}INFO\\u{5d}');
  });

  it('classic line: a failure has its code, its hop and what to check', () => {
    fc.assert(
      fc.property(hostileError, hostileText, (error, id) => {
        const line = lineOf({ name: 'download-failed', id, hop: proxyAt('corp', 'proxy.example.com:3128'), error });

        expect(line).toMatch(/ failed at proxy corp \(proxy\.example\.com:3128\): \[[A-Z][A-Z0-9-]*\] .+\.$/);
      }),
    );
  });
});

describe('the vocabulary', () => {
  it.each(NAMES)('log vocabulary: %s is one sentence that ends with a full stop', (name) => {
    expect(EVENTS[name].text).toMatch(/\.$|\{error:advised\}$|\{message:words\}$/);
  });

  it('log vocabulary: every failure includes what to check', () => {
    const texts = Object.values(EVENTS).map(({ text }) => text);

    expect(texts.filter((text) => text.includes('{error}') || text.includes('{check}'))).toEqual([]);
  });

  it('log vocabulary: only formats of the formatter are used', () => {
    const formats = Object.values(EVENTS).flatMap(({ text }) =>
      [...text.matchAll(PLACEHOLDER)].map(([, , format]) => format),
    );
    const known = [undefined, 'advised', 'at', 'clock', 'for', 'hop', 'key', 'ms', 's', 'size', 'time', 'via', 'words'];

    expect([...new Set(formats)].filter((format) => !known.includes(format))).toEqual([]);
  });

  it('log vocabulary: lines begin with a capital letter', () => {
    const openings = Object.values(EVENTS).map(({ text }) => text.split(/[ .{]/)[0] ?? '');

    expect(openings.filter((opening) => opening !== '' && !/^[A-Z][a-z]/.test(opening))).toEqual([]);
  });
});
