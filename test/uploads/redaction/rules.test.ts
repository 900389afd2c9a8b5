import { describe, expect, it } from 'vitest';
import { mask } from '#redaction/mask.ts';
import { BUILT_IN_RULES } from '#uploads/redaction/rules/built-in.ts';
import { NOTATIONS } from './notations.ts';
import { knowing, redactText } from './redacting.ts';

const apply = (text: string) =>
  mask(
    text,
    BUILT_IN_RULES.flatMap((rule) => rule.find(text)),
  );

describe('redaction rules', () => {
  it.each(BUILT_IN_RULES)('rule $name: its example is masked, also in a second pass', (rule) => {
    const once = mask(rule.example, rule.find(rule.example));
    expect(once).toContain('***');
    expect(rule.find(once)).toEqual([]);
    expect(apply(apply(rule.example))).toBe(apply(rule.example));
  });

  it.each(BUILT_IN_RULES)('rule $name: a similar text stays as it is, under all rules', ({ untouched }) => {
    expect(apply(untouched)).toBe(untouched);
  });

  it('rules: each has a name of its own, in the form of an identifier', () => {
    const names = BUILT_IN_RULES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z]+(?:-[a-z]+)*$/.test(name))).toEqual([]);
  });
});

const redactor = knowing();

describe('notations', () => {
  it.each(NOTATIONS)('notation of a secret: %s', async (line) => {
    for (const secret of ['S3cr3tValue!9', 'q7Rt2Vx9Lm4Kd8Ws', '550e8400-e29b-41d4-a716-446655440000']) {
      const redacted = await redactText(redactor, line.replaceAll('HERE', secret));
      expect(redacted).toContain('***');
      expect(redacted).not.toContain(secret.slice(4));
    }
  });

  it.each([
    ['password: |\n    first line\n    second\nother: x', 'password: |\n***\nother: x'],
    ['  - name: DB_PASSWORD\n    value: hunter2x\n', '  - name: DB_PASSWORD\n    value: ***\n'],
    ['<token>\n  q7Rt2Vx9Lm4Kd8Ws\n</token>', '<token>\n  ***\n</token>'],
    ['passphrase = corr ect horse # note', 'passphrase = *** # note'],
    ['Authorization: Digest username="b", response="1"\nHost: h', 'Authorization: Digest ***\nHost: h'],
    ['{"m":"Cookie: a=bcdefgh","n":1}', '{"m":"Cookie: ***","n":1}'],
    ['AKIAQ7RT2VX6LM4KD5WS,wJalrXUtnFEMI/K7MDENG/bPxRfiCYq7Rt2Vx9Lm', '***,***'],
  ])('notation over words and lines: %j', (text, result) => {
    expect(apply(text)).toBe(result);
  });

  it.each([
    `password=$\{DB_PASSWORD}`,
    'password: "{{ vault_password }}"',
    'token: %s',
    'password = getPassword(user)',
    'const token = await Promise<Token>.all(x)',
    'Unexpected token } in JSON',
    'secret_name=my-secret, key_id=abc123def456',
    'password must contain 8 characters',
    'https://h/a@b?x=1',
  ])('text without a secret stays: %s', (text) => {
    expect(apply(text)).toBe(text);
  });
});

const BODY = Array.from(
  { length: 6 },
  (_none, n) => `MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7${n}abcdefghijk`,
);
const KEY = ['-----BEGIN RSA PRIVATE KEY-----', ...BODY, 'Ab3=', '-----END RSA PRIVATE KEY-----'];

describe('private keys', () => {
  it.each([
    ['over lines', KEY.join('\n')],
    ['with CRLF', KEY.join('\r\n')],
    ['in JSON', JSON.stringify(KEY.join('\n')).slice(1, -1)],
    ['in JSON inside JSON', JSON.stringify(JSON.stringify(KEY.join('\n')).slice(1, -1)).slice(1, -1)],
    ['in one line', KEY.join(' ')],
    [
      'indented',
      KEY.map((line) => `    ${line}`)
        .join('\n')
        .trim(),
    ],
    ['with the prefix of a log', KEY.map((line) => `Nov 30 04:12:05 web1 app[7]: ${line}`).join('\n')],
    ['without its end', KEY.slice(0, -1).join('\n')],
    ['without its end in JSON', JSON.stringify(KEY.slice(0, -2).join('\n')).slice(1, -1)],
    ['without its beginning', KEY.slice(1).join('\n')],
    ['with neither', BODY.join('\n')],
    ['cut in a line', KEY.join('\n').slice(0, 200)],
  ])('private key: it is masked %s, and the lines around it stay', (_name, key) => {
    const redacted = apply(`before it.\n${key}\nand after: it.`);
    expect(redacted).not.toMatch(/abcdefghijk|MIIEvQ|Ab3=/);
    expect(redacted).toMatch(/^before it\./);
    expect(redacted).toMatch(/and after: it\.$/);
  });

  it('private key: certificates and public keys stay', () => {
    const text = KEY.join('\n').replaceAll('RSA PRIVATE KEY', 'CERTIFICATE').replaceAll('MIIEvQIBADAN', 'MIIDdzCCAl+g');
    expect(apply(text)).toBe(text);
  });

  it('private key: base64 of a PEM file is masked, base64 of a certificate stays', () => {
    expect(apply(`x ${Buffer.from(KEY.join('\n')).toString('base64')} y`)).toBe('x *** y');
    const certificate = `x ${Buffer.from(KEY.join('\n').replaceAll('RSA PRIVATE KEY', 'CERTIFICATE')).toString('base64')} y`;
    expect(apply(certificate)).toBe(certificate);
  });
});

describe('linear time', () => {
  /** Prefixes that rules look for, again and again, and runs that never end. */
  const hostile = [
    ...BUILT_IN_RULES.map(({ example }) => example),
    ...BUILT_IN_RULES.map(({ example }) => example.slice(0, Math.ceil(example.length / 2))),
    'password=',
    'password="',
    "token='",
    'token=***',
    '<password>',
    '<token><![CDATA[',
    'password: [',
    '"name":"password"',
    '--token ',
    'Cookie: ',
    'Authorization: "',
    'http://',
    'a@',
    'a:b@',
    '\\',
    '\\"',
    '-----BEGIN PRIVATE KEY-----',
    '-----END PRIVATE KEY-----\n',
    'MIIEvQIBADANBgkqhkiG9w0BAQ',
    'LS0tLS1CRUdJTi',
    'eyJ-',
    'eyJa.',
    '4111 ',
    'DE89 3704 ',
    'curl -u ',
    'mysql ',
    'sig=',
    'a',
    'A1',
    '0',
    ' ',
    '=',
    '/',
    '+',
    "'",
    '-',
    '_',
  ];

  it.each([...new Set(hostile)])('rules: time grows linearly on repetitions of %j', (piece) => {
    const text = piece.repeat(Math.ceil(32_768 / piece.length));
    const began = process.threadCpuUsage();
    for (const rule of BUILT_IN_RULES) rule.find(text);
    // A quadratic search of 32 KiB takes a second.
    expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(300);
  });
});
