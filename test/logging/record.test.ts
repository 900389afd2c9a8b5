import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { FieldValue } from '#errors/template.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { reportFor } from '#logging/scoped.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { MASK, Secret } from '#redaction/secret.ts';
import { UPDATER } from '#test/support/updater.ts';

const SECRET = 'pa"ss[word]\\1';
const KNOWN = new KnownSecrets();
KNOWN.add(SECRET);

describe('a report for a purpose', () => {
  it('scoped report: only events of a purpose get the purpose', () => {
    const events: SallyportEvent[] = [];
    const report = reportFor({ purpose: 'platform', thread: 'Platform' }, (event) => events.push(event));
    report({ name: 'response-via', via: '1.1 a' });
    report({ name: 'up-to-date' });

    expect(events).toEqual([
      { name: 'response-via', via: '1.1 a', purpose: 'platform', thread: 'Platform' },
      { name: 'up-to-date' },
    ]);
  });
});

describe('a record', () => {
  it('record: it has the level, the thread and the sentence of its event', () => {
    expect(toRecord({ name: 'downloading', id: '1602503' }, 5, KNOWN)).toEqual({
      at: 5,
      name: 'downloading',
      level: 'info',
      thread: 'Updater',
      message: 'Downloading update ID 1602503.',
      fields: { id: '1602503' },
    });
  });

  it('record: an event of a purpose has its thread, and the purpose as a field', () => {
    const event = {
      name: 'connected-direct',
      purpose: 'support_logs',
      thread: 'Support logs',
      host: 'h',
      port: 1,
    } as const;
    expect(toRecord(event, 0, KNOWN)).toMatchObject({
      thread: 'Support logs',
      message: 'Connected to h:1 (direct).',
      fields: { purpose: 'support_logs', host: 'h', port: 1 },
    });
    expect(toRecord(event, 0, KNOWN).fields).not.toHaveProperty('thread');
  });

  it.each([undefined, 5, 'A] [Thread: Main', 'a\nb'])('record: an invalid thread is replaced: %j', (thread) => {
    const event = { name: 'response-via', purpose: 'updates', thread, via: '1.1 a' } as unknown as SallyportEvent;
    expect(toRecord(event, 0, KNOWN).thread).toBe('Updater');
  });

  it('record: secrets are masked before the formatter escapes them', () => {
    const { message, fields } = toRecord({ name: 'redirected', ...UPDATER, url: `http://x/${SECRET}` }, 0, KNOWN);

    expect(message).toBe('Redirected to http://x/***.');
    expect(fields['url']).toBe('http://x/***');
  });

  it('record: secrets are masked before the formatter cuts them', () => {
    const { message } = toRecord({ name: 'redirected', ...UPDATER, url: `${'x '.repeat(96)}${SECRET}` }, 0, KNOWN);

    expect(message).toContain('x ***"');
    expect(message).not.toContain('pa');
  });

  it('record: secrets are masked in lists and in the facts of every failure', () => {
    const facts = { url: SECRET, status: 500, reason: `two words ${SECRET}`, list: [SECRET], inner: new Error(SECRET) };
    const events = [
      toRecord({ name: 'fault', error: coded('ORIGIN-STATUS', facts) }, 0, KNOWN),
      toRecord({ name: 'fault', error: new TypeError(`bad ${SECRET}`) }, 0, KNOWN),
      toRecord({ name: 'stopping', reason: ['a', SECRET] }, 0, KNOWN),
    ];

    expect(events[0]?.message).toMatch(/^\[ORIGIN-STATUS\] \*\*\* answered 500 "two words \*\*\*"\./);
    expect(events[1]?.message).toMatch(/^\[INTERNAL\] Internal error: "TypeError: bad \*\*\*"\./);
    expect(events[2]?.message).toMatch(/^Stopping \(a, \*\*\*\);/);
    const failure = events[0]?.fields['error'] as CodedError;
    expect(failure).toBeInstanceOf(CodedError);
    expect(failure.facts['list']).toEqual([MASK]);
    expect((failure.facts['inner'] as Error).message).not.toContain('pa"ss');
  });

  it('record: secrets that only the whole message shows are masked', () => {
    const known = new KnownSecrets();
    known.add('ple.com:3128');

    expect(toRecord({ name: 'connected-direct', ...UPDATER, host: 'example.com', port: 3128 }, 0, known).message).toBe(
      'Connected to exam***:*** (direct).',
    );
  });

  it('record: our own words stay, also when a secret is or contains one of them', () => {
    const known = new KnownSecrets();
    for (const secret of ['update', 'Downloading', 'ID 1602503', 'Internal error', 'the log lines around'])
      known.add(secret);

    expect(toRecord({ name: 'downloading', id: '1602503' }, 0, known).message).toBe('Downloading update ID ***.');
    expect(toRecord({ name: 'downloading', id: 'my-update' }, 0, known).message).toBe('Downloading update ID my-***.');
    expect(toRecord({ name: 'fault', error: new Error('x') }, 0, known).message).toBe(
      '[INTERNAL] Internal error: "Error: x". This is a bug in Sallyport. Please report it with the log lines around it.',
    );
  });

  it('record: it has no secret from its fields and all words of its template', () => {
    const words = [...new Set(Object.values(EVENTS).flatMap(({ text }) => text.split(/[^A-Za-z]+/)))];
    const secret = fc
      .oneof(fc.constantFrom(...words.filter((word) => word.length >= 4)), fc.string({ minLength: 4 }))
      .filter((one) => !one.includes('*'));
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (planted, before, after) => {
        const known = new KnownSecrets();
        known.add(planted);
        const { message, fields } = toRecord(
          { name: 'redirected', ...UPDATER, url: `${before}${planted}${after}` },
          0,
          known,
        );

        expect(message).toMatch(/^Redirected to .*\.$/);
        expect(message.slice('Redirected to '.length, -1)).not.toContain(planted);
        expect(fields['url']).not.toContain(planted);
      }),
    );
  });

  it('record: only an internal error has a stack, without secrets', () => {
    const fault = new TypeError('x');
    fault.stack = 'TypeError: x\n    at one (file:///a/one.ts:1:2)\n    at pa"ss[word]\\1 (b.ts:3:4)';

    expect(toRecord({ name: 'fault', error: fault }, 0, KNOWN).stack).toEqual([
      'one (file:///a/one.ts:1:2)',
      '*** (b.ts:3:4)',
    ]);
    expect(toRecord({ name: 'fault', error: coded('FILE-SYMLINK', { path: 'x' }) }, 0, KNOWN).stack).toBeUndefined();
  });

  it('record: a Secret that the types exclude prints as ***', () => {
    const stray = new Secret('hunter2') as unknown as FieldValue;

    expect(toRecord({ name: 'stopping', reason: stray }, 0, KNOWN).message).toContain('Stopping (***);');
  });
});
