import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { escapeJsonLine, jsonFields } from '#logging/json.ts';
import { toRecord } from '#logging/record.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { hostileText } from '#test/support/hostile.ts';

const KNOWN = new KnownSecrets();
const AT = Date.parse('2026-11-19T23:04:10.120Z');

describe('the JSON of an event', () => {
  const zone = process.env['TZ'];
  afterEach(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  it.each([
    ['Europe/Berlin', '2026-11-20T00:04:10.120+01:00'],
    ['America/St_Johns', '2026-11-19T19:34:10.120-03:30'],
    ['Asia/Kolkata', '2026-11-20T04:34:10.120+05:30'],
    ['UTC', '2026-11-19T23:04:10.120+00:00'],
  ])('JSON log: its time has the zone of %s (RFC 3339)', (place, time) => {
    process.env['TZ'] = place;

    expect(jsonFields(toRecord({ name: 'stopped' }, AT, KNOWN), KNOWN)).toEqual({
      time,
      thread: 'Main',
      event: 'stopped',
      fields: {},
    });
    expect(Date.parse(time)).toBe(AT);
  });

  it('JSON log: fields are kept apart from our own names', () => {
    const record = toRecord({ name: 'stopping', reason: 'x', level: 'error', event: 'stopped', time: 5 }, AT, KNOWN);

    expect(jsonFields(record, KNOWN)).toMatchObject({
      event: 'stopping',
      fields: { reason: 'x', level: 'error', event: 'stopped', time: 5 },
    });
  });

  it('JSON log: a failure has code, message, check and hop', () => {
    const error = coded('TCP-REFUSED', { host: 'h', port: 1, elapsed: 5, hop: 'proxy corp (h:1)' });

    expect(jsonFields(toRecord({ name: 'fault', error }, AT, KNOWN), KNOWN)['fields']).toEqual({
      error: {
        code: 'TCP-REFUSED',
        message: 'h refused port 1 after 5 ms: the host is up, nothing listens there.',
        check: 'Check the port. Common proxy ports are 3128, 8080 and 80.',
        hop: 'proxy corp (h:1)',
      },
    });
  });

  it('JSON log: long texts and lists are cut', () => {
    const record = toRecord(
      { name: 'stopping', reason: 'x'.repeat(1e6), why: Array(1_000).fill('y'.repeat(1e4)) },
      AT,
      KNOWN,
    );

    expect(JSON.stringify(jsonFields(record, KNOWN)).length).toBeLessThan(101 * 4_200);
    expect(jsonFields(record, KNOWN)['fields']).toMatchObject({ reason: `${'x'.repeat(4_095)}…` });
  });
});

describe('a JSON line', () => {
  it('JSON log: a line has no terminal controls or line breaks and parses the same', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const line = escapeJsonLine(`${JSON.stringify({ text })}\n`);

        expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(line.endsWith('\n')).toBe(true);
        expect(JSON.parse(line)).toEqual({ text });
      }),
    );
  });
});
