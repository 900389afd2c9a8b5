import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownSecrets, MIN_MASKED_LENGTH } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { unpacked } from '#test/support/unpacked.ts';
import { documentRules } from '#uploads/analytics/document-rules.ts';
import { DocumentReader } from '#uploads/analytics/documents.ts';

type Encode = (value: string, offset: number) => string;

const base64: Encode = (value, offset) => Buffer.from('x'.repeat(offset) + value).toString('base64');
const jsonEscapes: Encode = (value) =>
  value.replaceAll(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
/** What is between the quotes of a JSON text. */
const json: Encode = (value) => JSON.stringify(value).slice(1, -1);

/** A value as a document may contain it, as text between quotes. */
const SPELLINGS: readonly Encode[] = [
  json,
  (value) => json(json(value, 0), 0),
  (value) => json(encodeURIComponent(value), 0),
  (value) => json(new URLSearchParams({ v: value }).toString(), 0),
  (value) => Buffer.from(value).toString('hex'),
  (value) => Buffer.from(value).toString('hex').toUpperCase(),
  base64,
  (value, offset) => base64(value, offset).replaceAll('+', '-').replaceAll('/', '_'),
  (value, offset) => json(base64(value, offset).replaceAll(/.{7}/g, '$&\r\n '), 0),
  (value, offset) => Buffer.from(`${'x'.repeat(offset)}${value}`, 'utf16le').toString('base64'),
  (value) => Buffer.from(value, 'utf16le').swap16().toString('base64'),
  jsonEscapes,
  (value) => json([...value].map((one) => `&#${one.codePointAt(0)};`).join(''), 0),
  // UTF-8 that was decoded as Latin-1.
  (value) => json(Buffer.from(value).toString('latin1'), 0),
  // A character whose first half ends the secret `abc\\ud83d`.
  () => 'abc\u{1f600}',
  // Not the value, but much of it.
  (value) => json(value.slice(0, -1), 0),
  (value) => json(value.slice(1), 0),
  (value) => json(value.slice(0, MIN_MASKED_LENGTH), 0),
  (value) => json([...value].toReversed().join(''), 0),
];

// A bracket at the end of a secret, so that its beginning may end a document.
const secret = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: MIN_MASKED_LENGTH, maxLength: 24 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: MIN_MASKED_LENGTH, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('1234567}tail', 'a%41b\\u0042c', 'abc\\ud83d', '***x', 'ABCDEF++--__') },
);
const around = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => json(text, 0));
const document = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(around, fc.nat(SPELLINGS.length - 1), fc.nat(2), around)
      .map(([before, spelling, offset, after]) => (value: string) => {
        const spelled = SPELLINGS[spelling]?.(value, offset) ?? '';
        return `{"a":"${before}${spelled}${after}"}`;
      }),
  },
  { weight: 1, arbitrary: around.map((text) => () => ` {"b" :\r"${text}","c":1234567} \r`) },
  { weight: 1, arbitrary: fc.constant(() => '{"d":1234567}') },
);

describe('the search of many documents for secrets', () => {
  it('documents: many at once are refused exactly as each alone, whatever they contain', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(document, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 20, max: 4_000 }),
        (secrets, made, size) => {
          const known = new KnownSecrets();
          for (const [at, value] of secrets.entries()) known.add(value, at === 2 ? 'once' : undefined);
          const rules = documentRules(undefined, createRedactor(known));
          const lines = made.map((make, at) => make(secrets[at % secrets.length] ?? ''));
          const expected = lines.flatMap((text, at) => (rules.refusalOf(text.trim()) === null ? [] : [at + 1]));
          refused += expected.length;
          expect(wrongLines(lines, { rules, size })).toEqual(expected);
        },
      ),
      { numRuns: 600 },
    );
    expect(refused).toBeGreaterThan(600);
  });
});

function wrongLines(
  lines: readonly string[],
  { rules, size }: { readonly rules: ReturnType<typeof documentRules>; readonly size: number },
): number[] {
  const stored: string[] = [];
  const reader = new DocumentReader(rules, (group) => stored.push(...unpacked(group).map((one) => one.toString())));
  const bytes = Buffer.from(lines.join('\n'));
  for (let at = 0; at < bytes.length; at += size) reader.take(bytes.subarray(at, at + size));
  const wrong = reader.end().wrong.map(({ line }) => line);
  expect(stored).toEqual(lines.map((line) => line.trim()).filter((_line, at) => !wrong.includes(at + 1)));
  return wrong;
}
