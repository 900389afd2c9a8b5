import { Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunks, knowing, redact, redactStream, redactText } from './redacting.ts';

const html = (text: string) =>
  [...text].map((one) => (/[A-Za-z0-9]/.test(one) ? one : `&#${one.codePointAt(0)};`)).join('');
const json = (text: string) => JSON.stringify(text).slice(1, -1);
const base64 = (before: number) => (text: string) =>
  Buffer.concat([Buffer.alloc(before, 0x61), Buffer.from(text), Buffer.from('zz')]).toString('base64');
const everyOther = (text: string) =>
  [...Buffer.from(text)]
    .map((byte, at) =>
      at % 2 === 0 || byte > 0x7e ? `%${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte),
    )
    .join('');

const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  encodeURIComponent,
  (text) => encodeURIComponent(encodeURIComponent(text)),
  (text) => new URLSearchParams([['x', text]]).toString().slice(2),
  json,
  (text) => json(json(text)),
  (text) => json(encodeURIComponent(text)),
  (text) => [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  html,
  (text) => Buffer.from(text).toString('hex'),
  (text) => Buffer.from(text).toString('hex').toUpperCase(),
  base64(0),
  base64(1),
  base64(2),
  (text) => Buffer.from(`xy${text}z`).toString('base64url'),
  (text) => Buffer.from(text, 'utf16le').toString('base64'),
];

/** Without characters that the encodings share with the text around them. */
const secret = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019 #$&/"\\<>üß'), minLength: 8, maxLength: 24 })
  .filter((text) => text.trim() === text);
/** A share of the letters escaped would be read as another escape in these. */
const plainSecret = secret.filter((text) => !/[%\\&]/.test(text));

const LINE = '2026-11-30T04:12:05 [INFO] [Thread: Main] a line of the log without anything in it.\n';
/** More than a window, so that a place is at an edge of a window and inside one. */
const LENGTH = 135_000;
const FILLERS = {
  lines: LINE.repeat(Math.ceil(LENGTH / LINE.length)),
  'a long line': '0123456789 abcdef; '.repeat(LENGTH / 19),
  'lines of JSON': `{"level":"info","message":"nothing to see here","n":1}\n`.repeat(LENGTH / 55),
};

/** Near the edges of the windows, where lines begin, or anywhere. */
const place = fc.oneof(
  fc
    .tuple(fc.constantFrom(0, 16_384, 49_152, 65_536, 98_304, 131_072), fc.integer({ min: -40, max: 40 }))
    .map(([at, by]) => Math.max(0, at + by)),
  fc.nat(LENGTH),
);

describe('bundle redactor: configured secrets', () => {
  it('redactor: a secret never survives, whatever its encoding, position and chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          value: secret,
          encode: fc.constantFrom(...ENCODINGS),
          kind: fc.constantFrom<(keyof typeof FILLERS)[]>('lines', 'a long line', 'lines of JSON'),
          isLineStart: fc.boolean(),
          at: place,
          sizes: fc.array(fc.integer({ min: 500, max: 70_000 }), { minLength: 1, maxLength: 5 }),
        }),
        async ({ value, encode, kind, isLineStart, at: drawn, sizes }) => {
          const encoded = encode(value);
          const filler = FILLERS[kind];
          const at = isLineStart ? filler.lastIndexOf('\n', drawn) + 1 : Math.min(drawn, filler.length);
          const bytes = Buffer.from(`${filler.slice(0, at)} ${encoded} ${filler.slice(at)}`);
          const { bytes: redacted, counts } = await redact(knowing(value), bytes, sizes);
          expect(redacted.includes(encoded)).toBe(false);
          expect(counts).toEqual(new Map([['configured-secret', 1]]));
          // Nothing else changed.
          expect(redacted.length).toBeGreaterThan(bytes.length - Buffer.byteLength(encoded) - 8);
          expect(redacted.subarray(0, at).equals(bytes.subarray(0, at))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('redactor: a secret never survives in JSON, in quotes, or with every other letter escaped', async () => {
    await fc.assert(
      fc.asyncProperty(plainSecret, async (value) => {
        const wrapped = [
          JSON.stringify({ message: `with ${value} in it` }),
          JSON.stringify({ message: JSON.stringify({ nested: value }) }),
          `'${value}'`,
          `x=${everyOther(value)}&y`,
          `<a>${html(value)}</a>`,
          `{'key': u'${value}'}`,
        ].join('\n');
        const redactor = knowing(value);
        const redacted = await redactText(redactor, wrapped);
        expect(redacted.split('\n').map((line) => line.includes('***'))).toEqual(Array.from({ length: 6 }, () => true));
        expect(redacted).not.toContain(value);
        expect(await redactor.scanForSecrets(chunks(Buffer.from(redacted)))).toEqual(new Map());
      }),
      { numRuns: 60 },
    );
  });

  it('redactor: a secret never survives in the name of a file', () => {
    fc.assert(
      fc.property(secret, fc.constantFrom(...ENCODINGS), (value, encode) => {
        const name = `logs/app-${encode(value).replaceAll('/', ':')}.log`;
        fc.pre(encode(value).length > 7 && !encode(value).includes('/'));
        const redacted = knowing(value).redactName(name, new Map());
        expect(redacted).not.toContain(encode(value));
        expect(redacted).toContain('REDACTED');
      }),
      { numRuns: 100 },
    );
  });

  it('redactor: a secret in a packed log is masked while it is unpacked', async () => {
    const value = 'hunter2 & "hunter3"';
    const text = LINE.repeat(2_000) + json(value) + LINE.repeat(2_000) + encodeURIComponent(value);
    const unpacked = Readable.from([gzipSync(text)]).pipe(createGunzip());
    const { bytes, counts } = await redactStream(knowing(value), unpacked as AsyncIterable<Uint8Array>);
    expect(counts).toEqual(new Map([['configured-secret', 2]]));
    expect(bytes.toString()).toBe(`${LINE.repeat(2_000)}***${LINE.repeat(2_000)}***`);
  });

  it('redactor: in one line of 10 MB, a secret is masked at every edge', async () => {
    const value = 'p:ss wörd%/#1';
    const line = Buffer.alloc(10_000_000, 'abc ');
    const places = [0, 49_140, 65_530, 98_300, 114_680, 5_000_001, line.length - 20];
    for (const at of places) line.write(` ${value} `, at);
    const { bytes, counts } = await redact(knowing(value), line);
    expect(bytes.includes(Buffer.from(value))).toBe(false);
    expect(counts).toEqual(new Map([['configured-secret', places.length]]));
    expect(bytes.length).toBe(line.length - places.length * (Buffer.byteLength(value) - 3));
  }, 120_000);

  it('redactor: base64 that is folded over lines is masked', async () => {
    const folded = Buffer.from('some bytes before hunter2hunter2 and after, and more')
      .toString('base64')
      .replaceAll(/.{16}/g, '$&\r\n');
    expect(await redactText(knowing('hunter2hunter2'), `a:\n${folded}\nb`)).toMatch(/^a:\n[\s\S]*\*\*\*[\s\S]*\nb$/);
  });
});
