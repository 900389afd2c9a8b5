import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStep } from '#estimate/steps.ts';
import { classicBody } from '#logging/classic.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { UPDATER } from '#test/support/updater.ts';

const known = createRedactor(new KnownSecrets());
const ours = (event: SallyportEvent) => readStep(` ${classicBody(toRecord(event, 0, known))}`);
const theirs = (message: string) => readStep(` [INFO] [Thread: Security Console] ${message}`);

describe('messages of the vendor', () => {
  it('are read as start, response and acknowledgement', () => {
    expect(theirs('Downloading update ID 1602503.')).toEqual({ kind: 'began', id: '1602503', resumed: false });
    expect(theirs('Response via 1.1 proxy.example.com.')).toEqual({ kind: 'response' });
    expect(theirs('Acknowledging receipt of update ID 1602503.')).toEqual({ kind: 'acknowledged', id: '1602503' });
  });

  it.each(['Downloading update ID 1602503. ~~~~ ~~~~', 'Downloading   update\tID 1602503.'])(
    'may be followed or spaced by anything: %j',
    (message) => {
      expect(theirs(message)).toEqual({ kind: 'began', id: '1602503', resumed: false });
    },
  );

  it.each([
    ' [INFO] [Thread: x] [Site: y] Downloading update ID 7.',
    '.123 [INFO] [Thread: x] Downloading update ID 7.',
  ])('may have more text before the message: %j', (text) => {
    expect(readStep(text)).toEqual({ kind: 'began', id: '7', resumed: false });
  });

  it.each([
    'Downloading update ID',
    'Downloading update ID .',
    'Downloading update ID 1602503',
    'Not Downloading update ID 1602503.',
    'Failed: Downloading update ID 1602503.',
    'Downloading update ID ../../etc/passwd.',
    `Downloading update ID ${'9'.repeat(200)}.`,
    'Response viaduct',
    '',
  ])('do not include %j', (message) => {
    expect(theirs(message)).toBeNull();
  });
});

describe('messages of Sallyport', () => {
  it('are read as the steps that they report', () => {
    expect(ours({ name: 'downloading', id: 'engine-1.2' })).toEqual({
      kind: 'began',
      id: 'engine-1.2',
      resumed: false,
    });
    expect(ours({ name: 'resuming', id: 'u1', offset: 5, length: 10 })).toEqual({
      kind: 'began',
      id: 'u1',
      resumed: true,
    });
    expect(ours({ name: 'response-via', ...UPDATER, via: '1.1 proxy.example.com' })).toEqual({ kind: 'response' });
    expect(ours({ name: 'acknowledging', id: 'u1' })).toEqual({ kind: 'acknowledged', id: 'u1' });
    expect(ours({ name: 'download-failed', id: 'u1', hop: 'this host', error: new Error('x') })).toEqual({
      kind: 'failed',
      id: 'u1',
    });
  });

  it.each([0, 450, 1_500, 53_000, 725_000, 12_000_000])('give the silence of %d ms as shown', (silence) => {
    const step = ours({ name: 'downloaded', id: 'u1', length: 20_000_000, elapsed: 57_000, silence });
    expect(step).toEqual({ kind: 'downloaded', id: 'u1', silenceMs: silence });
  });
});

describe('any text', () => {
  it('is a step or nothing, without delay', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'Downloading update ID ',
        '1602503.',
        '[',
        ']',
        'Response via ',
        'Acknowledging receipt of update ID ',
        '.',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const step = readStep(pieces.join(''));
        if (step !== null && 'id' in step) expect(step.id).toMatch(/^[\w.-]{1,64}$/);
      }),
    );
  });
});
