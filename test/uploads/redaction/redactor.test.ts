import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createBundleRedactor } from '#uploads/redaction/redactor.ts';
import { BUILT_IN_RULES } from '#uploads/redaction/rules/built-in.ts';
import type { RuleCounts } from '#uploads/redaction/windows.ts';
import { innocentLines } from './innocent-lines.ts';
import { chunks, knowing, redact, redactText } from './redacting.ts';

describe('bundle redactor: chunks', () => {
  it('redactor: chunk edges never matter', async () => {
    const redactor = knowing('hunter2hunter2');
    const piece = fc.constantFrom(
      ...BUILT_IN_RULES.map(({ example }) => example),
      'hunter2hunter2',
      'x'.repeat(9_000),
      `password="${'y z'.repeat(9_000)}"`,
      '\n',
      'Cookie: a=1\r\n',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { minLength: 20, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 6 }),
        async (pieces, sizes) => {
          const bytes = Buffer.from(pieces.join(' '));
          const [whole, cut] = [await redact(redactor, bytes, [bytes.length]), await redact(redactor, bytes, sizes)];
          expect(cut.bytes.equals(whole.bytes)).toBe(true);
          expect(cut.counts).toEqual(whole.counts);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('bundle redactor: rules', () => {
  it.each([
    ['a quoted value', (body: string) => `password="${body}"`],
    ['a header', (body: string) => `Cookie: sid=${body}`],
    ['a word', (body: string) => `token=${body.replaceAll(' ', '1')}`],
    ['a value in JSON inside JSON', (body: string) => JSON.stringify({ m: JSON.stringify({ password: body }) })],
  ])('redactor: %s of 300 KB is one mask, and the next line stays', async (_name, make) => {
    const text = `first\n${make('secret part 1 '.repeat(21_000).trim())}\nlast line\n`;
    const redacted = await redactText(knowing(), text);
    expect(redacted).toMatch(/^first\n[^\n]{1,60}\*\*\*[^\n]{0,10}\nlast line\n$/);
  });

  it('redactor: a private key of many windows is masked to its last line', async () => {
    const body = Array.from({ length: 6_000 }, (_none, n) => `${String(n).padStart(8, 'A')}${'bCd3'.repeat(14)}`);
    const text = `log: before\n-----BEGIN PRIVATE KEY-----\n${body.join('\n')}\n-----END PRIVATE KEY-----\nlog: after\n`;
    const redacted = await redactText(knowing(), text);
    expect(redacted).not.toContain('bCd3');
    expect(redacted).toMatch(/^log: before\n/);
    expect(redacted).toMatch(/\nlog: after\n$/);
  });

  it.each([
    ['percent', 'GET /?next=%2Fx%3Ftoken%3Dq7Rt2Vx9Lm4Kd8Ws&a=1', 'GET /?next=%2Fx%3Ftoken%3D***&a=1'],
    ['HTML', '&lt;password&gt;hunter2x&lt;/password&gt;', '&lt;password&gt;***&lt;/password&gt;'],
    ['JSON', '{"m":"line\\nCookie: a=bcdefgh\\nHost: h"}', '{"m":"line\\nCookie: ***\\nHost: h"}'],
    ['percent in a mail address', 'to=bob%40example.com&x=1', 'to=***&x=1'],
  ])('redactor: rules see text with escapes: %s', async (_name, text, result) => {
    expect(await redactText(knowing(), text)).toBe(result);
  });

  it('redactor: what was redacted is not changed again, and the scan finds nothing in it', async () => {
    const redactor = knowing('hunter2hunter2');
    const piece = fc.oneof(
      fc.constantFrom(
        ...BUILT_IN_RULES.flatMap(({ example, untouched }) => [example, untouched]),
        ...'\n|\r\n| |"|\'|\\|\\n|{|}|,|=|:|password|token|hunter2hunter2|***|Cookie: |<password>|</password>|%3D|&amp;|@|é'.split(
          '|',
        ),
        '-----BEGIN PRIVATE KEY-----',
        'AAAABBBBCCCCDDDD1234',
      ),
      fc.string({ maxLength: 12 }).filter((text) => !text.includes('\0')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 14 }), async (pieces) => {
        const { bytes } = await redact(redactor, Buffer.from(pieces.join('')));
        expect((await redact(redactor, bytes)).bytes.toString()).toBe(bytes.toString());
        expect(await redactor.scanForSecrets(chunks(bytes))).toEqual(new Map());
      }),
      { numRuns: 300 },
    );
  });

  it('redactor: at most 0.5 % of 10,000 innocent lines change', async () => {
    const lines = innocentLines(10_000);
    const redacted = (await redactText(knowing(), lines.join('\n'))).split('\n');
    expect(redacted.length).toBe(lines.length);
    expect(lines.filter((line, index) => line !== redacted[index]).slice(lines.length * 0.005)).toEqual([]);
  });

  it('redactor: counts and scans name the rule, once for each place', async () => {
    const text = 'bob@example.com and al@example.com\nCookie: a=bcdefgh\nhunter2hunter2 {"m":"\\"hunter2hunter2\\""}\n';
    const redactor = knowing('hunter2hunter2');
    const { counts } = await redact(redactor, Buffer.from(text));
    expect(counts).toEqual(
      new Map([
        ['configured-secret', 2],
        ['cookie-header', 1],
        ['mail-address', 2],
      ]),
    );
    expect(await redactor.scanForSecrets(chunks(Buffer.from(text)))).toEqual(counts);
  });

  it('redactor: an own rule that the engine refuses is named with the reason', () => {
    const own = [{ name: 'customer', pattern: 'a(?=b)' }];
    expect(() => createBundleRedactor({ known: new KnownSecrets(), own })).toThrow(
      /REDACTION-RULE.*Rule customer .*lookahead such as \(\?=\.\.\.\) is not supported/,
    );
  });

  it('redactor: own rules see each line, in UTF-8 and without its line end', async () => {
    const own = [
      { name: 'customer', pattern: '^Kunde ([^;]+)' },
      { name: 'umlaut', pattern: 'ü.ß$' },
    ];
    const redactor = createBundleRedactor({ known: new KnownSecrets(), own });
    const { bytes, counts } = await redact(redactor, Buffer.from('Kunde Müller; x\r\nein Kunde\nKunde\nfüüß\r\n'));
    expect(bytes.toString()).toBe('Kunde ***; x\r\nein Kunde\nKunde\nf***\r\n');
    expect([...counts]).toEqual([
      ['customer', 1],
      ['umlaut', 1],
    ]);
  });
});

describe('bundle redactor: bytes', () => {
  it('redactor: line ends, invalid UTF-8 and Latin-1 stay as they are', async () => {
    const bytes = Buffer.from([...Buffer.from('a\r\nb\rc\n\t\u001b[31mred\u001b[0m é '), 0xff, 0xfe, 0xe9, 0x0a, 0xc3]);
    expect((await redact(knowing('hunter2'), bytes, [1])).bytes.equals(bytes)).toBe(true);
  });

  it('redactor: a secret is masked in UTF-8 and in Latin-1', async () => {
    const { bytes } = await redact(
      knowing('grüße-übermut'),
      Buffer.from('a grüße-übermut b grüße-übermut c', 'latin1'),
    );
    expect(bytes.toString('latin1')).toContain('*** c');
    expect(await redactText(knowing('grüße-übermut'), 'a grüße-übermut b')).toBe('a *** b');
  });

  it.each([
    ['UTF-16', Buffer.from('password=hunter2', 'utf16le')],
    ['a packed file', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 4])],
    ['control characters', Buffer.from('\u0001\u0002\u0003'.repeat(20))],
  ])('redactor: %s is not text, so it is refused', async (_name, bytes) => {
    await expect(redact(knowing(), bytes)).rejects.toMatchObject({ code: 'REDACTION-NOT-TEXT' });
    await expect(knowing().scanForSecrets(chunks(bytes))).rejects.toMatchObject({ code: 'REDACTION-NOT-TEXT' });
  });

  it('redactor: a hole of zero bytes, as a power cut leaves it, is text', async () => {
    const bytes = Buffer.concat([Buffer.from('before\n'), Buffer.alloc(300_000), Buffer.from('\nafter hunter2\n')]);
    expect((await redact(knowing('hunter2'), bytes)).bytes.subarray(-11).toString()).toBe('\nafter ***\n');
  });

  it('redactor: a failure of the source or of a rule ends the stream with it', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('password=hunter2\n');
      await Promise.reject(new Error('EIO'));
    }
    const all = async (stream: AsyncIterable<Uint8Array>) => {
      for await (const part of stream) void part;
    };
    await expect(all(knowing().redactLines(failing(), new Map()))).rejects.toThrow('EIO');
    const known = new KnownSecrets();
    known.spansIn = () => {
      throw new Error('a fault');
    };
    await expect(redact(createBundleRedactor({ known }), Buffer.from('x'))).rejects.toThrow('a fault');
  });

  it('redactor: memory is constant, whatever the length of the line', async () => {
    let held = 0;
    let largest = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      const chunk = Buffer.alloc(65_536, 'abc ');
      for (let sent = 0; sent < 24; sent += 1) {
        held += chunk.length;
        largest = Math.max(largest, held);
        yield chunk;
      }
    }
    for await (const part of knowing('hunter2').redactLines(source(), new Map())) held -= part.length;
    expect(held).toBe(0);
    expect(largest).toBeLessThan(262_144);
  });

  it('redactor: names of files are redacted, without characters that other systems refuse', () => {
    const counts: RuleCounts = new Map();
    const redactor = knowing('hunter2hunter2');
    expect(redactor.redactName('logs/app-hunter2hunter2.log', counts)).toBe('logs/app-REDACTED.log');
    expect(redactor.redactName('logs/grüße-bob@example.com.log', counts)).toBe('logs/REDACTED');
    expect(redactor.redactName('logs/sallyport.log.1', counts)).toBe('logs/sallyport.log.1');
    expect([...counts]).toEqual([
      ['configured-secret', 1],
      ['mail-address', 1],
    ]);
  });
});
