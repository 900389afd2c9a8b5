import { describe, expect, it } from 'vitest';
import {
  parseSource,
  validateDate,
  validateFieldName,
  validateRecipient,
  validateRuleName,
  validateRulePattern,
  validateSource,
} from '#config/schema/upload-values.ts';

describe('a source of support logs', () => {
  it.each(['log', 'versions', 'journal:example.service', 'journal:getty@tty1.service', '/var/log/a/*.log', '/a/b?/c'])(
    'accepts %s',
    (text) => {
      expect(validateSource(text)).toBeNull();
    },
  );

  it.each([
    ['', 'Write log, journal'],
    ['logs', 'Write log, journal'],
    ['var/log/*.log', 'Write log, journal'],
    ['journal:', 'whole name of a systemd unit'],
    ['journal:example', 'whole name of a systemd unit'],
    ['journal:a b.service', 'whole name of a systemd unit'],
    ['journal:--file=/etc/shadow.service', 'whole name of a systemd unit'],
    ['/var/log/', 'This is a folder'],
    ['/var/log/../lib/*', 'Remove the parts . and ..'],
    ['/var//log/a', 'Remove the empty part'],
    ['/var/log/**/a.log', 'Folders below a folder are not searched'],
    ['/*/log/a.log', 'The first folder must be written in full'],
    ['/var/log/\u0000', 'control characters'],
    [`/${'a'.repeat(4_096)}`, 'at most 4096 characters'],
  ])('refuses %j', (text, words) => {
    expect(validateSource(text)).toContain(words);
  });

  it('is parsed into its parts', () => {
    expect(['timeouts', 'journal:a.service', '/a/*'].map(parseSource)).toEqual([
      { kind: 'built-in', name: 'timeouts' },
      { kind: 'journal', unit: 'a.service' },
      { kind: 'files', pattern: '/a/*' },
    ]);
  });
});

describe('an age recipient', () => {
  const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

  it('is accepted if its checksum is right', () => {
    expect(validateRecipient(RECIPIENT)).toBeNull();
  });

  it.each([3, 10, 40, 61])('is refused if character %i is wrong', (at) => {
    const other = RECIPIENT[at] === 'q' ? 'p' : 'q';
    expect(validateRecipient(RECIPIENT.slice(0, at) + other + RECIPIENT.slice(at + 1))).not.toBeNull();
  });

  it.each([
    ['AGE-SECRET-KEY-1QQQ', 'secret key'],
    ['ssh-ed25519 AAAA', 'SSH keys are not supported'],
    ['', 'not an age recipient'],
    ['age1', 'not an age recipient'],
    [RECIPIENT.toUpperCase(), 'not an age recipient'],
    [RECIPIENT.slice(0, -1), 'checksum'],
    [`age1${'q'.repeat(5_000)}`, 'not an age recipient'],
  ])('%j is refused', (text, words) => {
    expect(validateRecipient(text)).toContain(words);
  });
});

describe('other values of uploads', () => {
  it.each(['2027-01-31', '2028-02-29'])('date: %s is a day', (text) => {
    expect(validateDate(text)).toBeNull();
  });

  it.each(['2027-02-29', '2027-13-01', '2027-00-10', '31.1.2027', '2027-1-3', ''])('date: %j is none', (text) => {
    expect(validateDate(text)).toContain('2027-01-31');
  });

  it('field names: nested names have single dots', () => {
    expect(['a', 'host.id', 'ä.ö'].map(validateFieldName)).toEqual([null, null, null]);
    expect(['', 'a..b', '.a', 'a.', 'a\n', 'x'.repeat(257)].filter((text) => validateFieldName(text) === null)).toEqual(
      [],
    );
  });

  it('redaction rules: name and pattern have limits', () => {
    expect(validateRuleName('customer-key')).toBeNull();
    expect(['', '1a', 'A', 'a_b', 'x'.repeat(65)].filter((text) => validateRuleName(text) === null)).toEqual([]);
    expect(validateRulePattern('a'.repeat(1_000))).toBeNull();
    expect(validateRulePattern('')).toContain('empty');
    expect(validateRulePattern('a'.repeat(1_001))).toContain('at most 1000');
  });
});
