import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownSecrets, MIN_MASKED_LENGTH } from '#redaction/known-secrets.ts';
import { Secret } from '#redaction/secret.ts';

type Encode = (value: string) => string;

const html: Encode = (value) =>
  value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
const lowerHex: Encode = (value) => value.replaceAll(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase());
const form: Encode = (value) => new URLSearchParams({ v: value }).toString().slice(2);

const ENCODINGS: Readonly<Record<string, Encode>> = {
  raw: (value) => value,
  'URL component': (value) => encodeURIComponent(value),
  'URL component in small letters': (value) => lowerHex(encodeURIComponent(value)),
  form: form,
  'form in small letters': (value) => lowerHex(form(value)),
  'every byte in percent': (value) =>
    [...value]
      .map((one) => (/[A-Za-z0-9]/.test(one) ? one : Buffer.from(one).toString('hex').replaceAll(/../g, '%$&')))
      .join(''),
  JSON: (value) => JSON.stringify(value).slice(1, -1),
  'JSON within JSON': (value) => JSON.stringify(JSON.stringify(value)).slice(3, -3),
  'JSON in ASCII': (value) =>
    JSON.stringify(value)
      .slice(1, -1)
      .replaceAll(/[^\0-~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  HTML: html,
  'HTML by number': (value) =>
    [...value].map((one) => (/[A-Za-z0-9]/.test(one) ? one : `&#x${one.codePointAt(0)!.toString(16)};`)).join(''),
  hex: (value) => Buffer.from(value).toString('hex'),
  'hex in capitals': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  base64: (value) => Buffer.from(value).toString('base64'),
  base64url: (value) => Buffer.from(value).toString('base64url'),
  'the formatter': (value) =>
    value.replaceAll(/["\\]/g, '\\$&').replaceAll(/[[\]]/g, (sign) => `\\u{${sign.charCodeAt(0).toString(16)}}`),
};

// Letters beyond ASCII make large expressions, so most secrets have none.
const secret = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: MIN_MASKED_LENGTH, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: MIN_MASKED_LENGTH, maxLength: 20 }) },
);
const around = fc.string({ unit: 'grapheme', maxLength: 20 });

function knowing(...values: string[]): KnownSecrets {
  const known = new KnownSecrets();
  for (const value of values) known.add(value);
  return known;
}

describe('known secrets', () => {
  it.each(Object.entries(ENCODINGS))('redaction: a secret with U+FFFD never survives as %s', (_name, encode) => {
    const value = '\ufffd secret';
    expect(knowing(value).redact(`before ${encode(value)} after`)).not.toContain(encode(value));
  });

  it.each(Object.entries(ENCODINGS))(
    'redaction: a secret never survives as %s, whatever surrounds it',
    (_name, encode) => {
      fc.assert(
        fc.property(secret, around, around, (value, before, after) => {
          // A secret of stars alone is its own mask.
          fc.pre(!value.includes('*'));
          const encoded = encode(value);
          const redacted = knowing(value).redact(before + encoded + after);
          expect(redacted).not.toContain(encoded);
          expect(redacted).toContain('***');
        }),
        { numRuns: 60 },
      );
    },
  );

  it.each([
    ['base64', 'base64'],
    ['base64url', 'base64url'],
  ] as const)('redaction: a secret in a longer text never survives in %s, at any alignment', (_name, encoding) => {
    fc.assert(
      fc.property(secret, fc.uint8Array({ maxLength: 7 }), fc.uint8Array({ maxLength: 7 }), (value, before, after) => {
        const text = Buffer.concat([before, Buffer.from(value), after]).toString(encoding);
        const redacted = knowing(value).redact(text);
        const left = redacted.split('***');
        expect(left.length).toBeGreaterThan(1);
        // What is left is what stood around it, and the edges it shares with that.
        expect(left.join('').length).toBeLessThanOrEqual(Math.ceil(((before.length + after.length) * 8) / 6) + 6);
      }),
      { numRuns: 100 },
    );
  });

  it('redaction: a secret never survives with a different escape for each letter', () => {
    const spellings: readonly Encode[] = [
      (letter) => letter,
      (letter) => Buffer.from(letter).toString('hex').replaceAll(/../g, '%$&'),
      (letter) => `&#${letter.codePointAt(0)};`,
      (letter) => `&#x${letter.codePointAt(0)?.toString(16)};`,
      (letter) => letter.replaceAll(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
      (letter) => (letter < '\u0100' ? `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}` : letter),
      (letter) => encodeURIComponent(`&#${letter.codePointAt(0)};`),
      (letter) => JSON.stringify(`\\u{${letter.codePointAt(0)?.toString(16)}}`).slice(1, -1),
    ];
    fc.assert(
      fc.property(secret, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (value, ways) => {
        // A reader takes a backslash before a raw letter for an escape, so the secret is not in the text then.
        fc.pre(!/[*\\%&]/.test(value));
        const encoded = [...value]
          .map((letter, index) => spellings[(ways[index % 40] ?? 0) % spellings.length]?.(letter))
          .join('');
        expect(knowing(value).redact(`a ${encoded} b`)).toBe('a *** b');
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['UTF-8', (value: string) => Buffer.from(value)],
    ['UTF-16, little end first', (value: string) => Buffer.from(value, 'utf16le')],
    ['UTF-16, big end first', (value: string) => Buffer.from(value, 'utf16le').swap16()],
  ] as const)('redaction: a secret never survives in base64 of %s, at any fold and alignment', (_name, bytesOf) => {
    const fold = fc.constantFrom('\n', '\r\n', '\r\n ', '\\n', '\\r\\n', '%0A', '&#10;');
    fc.assert(
      fc.property(secret, fc.nat(5), fc.integer({ min: 4, max: 76 }), fold, (value, before, width, line) => {
        const bytes = Buffer.concat([Buffer.alloc(before, 0xaa), bytesOf(value), Buffer.alloc(3, 0x55)]);
        const whole = bytes.toString('base64');
        const folded = whole.match(new RegExp(`.{1,${width}}`, 'g'))?.join(line) ?? '';
        const redacted = knowing(value).redact(`a ${folded} b`);
        expect(redacted).toContain('***');
        // What is left is what stood around it, and the edges it shares with that.
        const left = redacted.replaceAll(/\\[rn]|%0A|&#10;|\s/g, '').length;
        expect(left).toBeLessThanOrEqual('a***b'.length + Math.ceil(((before + 3) * 8) / 6) + 6);
      }),
      { numRuns: 200 },
    );
  });

  it('redaction: a text without a known secret is returned unchanged', () => {
    const text = '2026-11-20T00:04:10 [INFO] [Thread: Updater] Downloading update ID 1602503.';

    expect(knowing('hunter2hunter2', 'p@ss word').redact(text)).toBe(text);
    expect(new KnownSecrets().redact(text)).toBe(text);
  });

  it('redaction: overlapping secrets are both masked, and so is the longer of two', () => {
    expect(knowing('abcd', 'cdefgh').redact('xabcdefghy')).toBe('x***y');
    expect(knowing('pass', 'password1').redact('a password1 b pass c')).toBe('a *** b *** c');
    expect(knowing('aaaa').redact('baaaaaaab')).toBe('b***b');
  });

  it('redaction: a Secret, and one that is added later, are masked', () => {
    const known = knowing('first-one');
    expect(known.redact('second-one')).toBe('second-one');
    known.add(new Secret('second-one'));

    expect(known.redact('first-one second-one')).toBe('*** ***');
  });

  it('redaction: only the latest values that are sent once are kept', () => {
    const known = knowing('a lasting password');
    const proof = (at: number) => `TlRMTVNTUAADAAAAGAAYAFgAAAB${at.toString(36).padStart(8, 'x')}`;
    for (let at = 0; at < 1_000; at += 1) known.add(proof(at), 'once');
    known.add(proof(0));
    known.add('a lasting password', 'once');
    for (let at = 1_000; at < 1_100; at += 1) known.add(proof(at), 'once');
    expect(known.redact(`${proof(1_098)} ${proof(1_099)}`)).toBe('*** ***');
    expect(known.redact(proof(999))).toBe(proof(999));
    // Values that are registered permanently are kept in any order.
    expect(known.redact(`${proof(0)} a lasting password`)).toBe('*** ***');
  });

  it('redaction: values as short as ordinary words are not masked', () => {
    expect(knowing('abc', '').redact('abc YWJj')).toBe('abc YWJj');
  });

  it('redaction: JSON around a masked secret stays valid', () => {
    fc.assert(
      fc.property(secret, around, (value, other) => {
        fc.pre(!/[*",:{}[\]\\]/.test(value) && !['other', 'value'].some((name) => name.includes(value)));
        const line = JSON.stringify({ other, value: `a ${value} b` });
        expect(() => JSON.parse(knowing(value).redact(line))).not.toThrow();
      }),
    );
    expect(JSON.parse(knowing('abcd\\').redact(JSON.stringify({ v: 'abcd\\' })))).toEqual({ v: '***' });
  });

  it('redaction: a secret of 32 KiB is masked, and so are its pieces', () => {
    const long = Buffer.from(Array.from({ length: 24 * 1024 }, (_none, index) => (index * 7919) % 251)).toString(
      'base64',
    );
    const known = knowing(long);

    expect(known.redact(`key ${long} end`)).toBe('key *** end');
    expect(known.redact(`key ${Buffer.from(long).toString('base64')} end`)).toMatch(/^key \*{3}=* end$/);
  });

  it('redaction: a hostile text does not slow it down', () => {
    const known = knowing(
      `${'\\'.repeat(40)}x`,
      `${'%25'.repeat(20)}x`,
      `${'&amp;'.repeat(20)}x`,
      `${'(\\")'.repeat(20)}x`,
    );
    const hostile = ['\\'.repeat(5_000), '%25'.repeat(2_000), '&amp;'.repeat(2_000), '(\\\\\\")'.repeat(800)];

    // With a text after it, because a text may have been cut within a secret at its end.
    for (const text of hostile) expect(known.redact(`${text} .`)).toBe(`${text} .`);
  }, 2_000);

  it('redaction: a thousand secrets cost as much as one, and adding one costs nothing', () => {
    const secrets = Array.from({ length: 1_000 }, (_none, n) => `Secret ${n} of grüße-übermut-${n}-€ and ${n * n}`);
    // The CPU time of this thread, so that a busy machine makes no difference.
    const began = process.threadCpuUsage();
    const known = knowing(...secrets);
    const added = process.threadCpuUsage(began);
    const line = '2026-11-20T00:04:10 [INFO] Downloading update ID 1602503 from https://updates.example.com/a%20b. ';
    const text = line.repeat(5_000);

    expect(known.redact(text)).toBe(text);

    // Regular expressions took 10 ms per secret, and the same again for each text after one was added.
    const redacted = process.threadCpuUsage(began);
    expect(added.user / 1_000).toBeLessThan(1_000);
    expect((redacted.user - added.user) / 1_000).toBeLessThan(1_000);
  });

  it('redaction: a secret cut at the end of a text is masked in every encoding', () => {
    const secret = 'p:ss wörd%/@#"\\ and more of it';
    const known = knowing(secret);
    const forms = [
      secret,
      encodeURIComponent(secret),
      encodeURIComponent(encodeURIComponent(secret)),
      encodeURIComponent(JSON.stringify(secret).slice(1, -1)),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('latin1'),
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('base64'),
    ];
    for (const form of forms) {
      for (let length = Math.ceil(form.length / 2); length < form.length; length += 1) {
        const shown = known.redact(`seen ${form.slice(0, length)}`);
        expect(shown).toMatch(/^seen \*\*\*/);
        expect(shown.length).toBeLessThan('seen ***'.length + 4);
        expect(known.redact(`seen ${form.slice(0, length)}…`)).toMatch(/^seen \*\*\*/);
      }
    }
  });

  it('redaction: the first letters of a secret are kept where they are other words', () => {
    const known = knowing('reporting-2026!');
    expect(known.redact('reporting is on')).toBe('reporting is on');
    expect(known.redact('this is a report')).toBe('this is a report');
  });

  it('redaction: a non-ASCII secret decoded byte by byte, as in headers, is masked', () => {
    const known = knowing('grüße-übermut-€');
    expect(known.redact(`a ${Buffer.from('grüße-übermut-€').toString('latin1')} b`)).toBe('a *** b');
    expect(known.redact('a gr%FC%DFe-%FCbermut-%E2%82%AC b')).toBe('a *** b');
  });
});
