/** Hostile values for property tests: texts with control characters, and fields and failures made of them. */
import fc from 'fast-check';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { FieldValue } from '#errors/template.ts';
import { ANY_CHARACTER } from './any-character.ts';

const TEXTS = [
  '\r\n',
  '\n',
  '\u001b[2K\u001b[1A',
  '\u009b31m',
  '\u0000',
  '\u007f',
  '\u0085',
  '\u2028',
  '\u2029',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\u3164',
  '\u0301',
  '\ud800',
  '\udfff',
  '\u{e0041}',
  '"',
  '\\',
  '\\"',
  '…',
  '-',
  '.',
  ': ',
  ', ',
  ' and 3 more',
  '[INTERNAL] Internal error: x.',
  '[INFO] [Thread: Updater] Acknowledging receipt of update ID 1.',
  '2026-11-20T00:04:10 [INFO] [Thread: Updater] Downloading update ID 1602503.',
  'Acknowledging receipt of update ID 1.',
  'Update ID 1 is deferred: x.',
  'is deferred: x',
  'starts over from zero: x',
  '1 failed at this host: x',
  ' (direct)',
  ' through proxy x (tunnel)',
  '1.0 MB of 2.0 MB',
  '1.1 [INFO], 1.1 [Thread:, 1.1 Updater]',
  'x (direct). Stopped.',
  '{id}',
  '$&',
  '../../etc/x',
  'plain-token_1.2',
  'waiting up to 5 ms',
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc
    .array(fc.oneof(fc.constantFrom(...TEXTS), fc.string({ maxLength: 5 })), { maxLength: 8 })
    .map((parts) => parts.join('')),
  fc.string({ unit: ANY_CHARACTER, maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  // Lone surrogates and every other code unit.
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(...TEXTS).map((text) => text.repeat(300)),
);

/** Anything that the types let a field hold, but a failure. */
export const hostileValue: fc.Arbitrary<FieldValue> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  fc.array(hostileText, { maxLength: 40 }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, undefined),
);

/** A failure of any code with hostile facts, or one that is not ours. */
export const hostileError: fc.Arbitrary<Error> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...(Object.keys(CATALOGUE) as Code[])).chain(codedWith) },
  hostileText.map((text) => new Error(text)),
);

function codedWith(code: Code): fc.Arbitrary<Error> {
  const { text, check } = CATALOGUE[code];
  const names = [...`${text} ${check} {hop}`.matchAll(/\{([A-Za-z0-9]+)/g)].map(([, name]) => name ?? '');
  return fc
    .record(Object.fromEntries(names.map((name) => [name, hostileValue])))
    .map((facts) => new CodedError(code, facts));
}
