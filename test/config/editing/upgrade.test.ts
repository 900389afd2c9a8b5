// `config upgrade` on texts: only the renamed keys and the version change. The settings stay the same.

import { describe, expect, it } from 'vitest';
import { upgradeText } from '#config/editing/upgrade.ts';
import { readDocument } from '#config/reading/document.ts';
import { FORMAT_HISTORY, modernise } from '#config/reading/renamed.ts';

const BLOCK = `# head
version: 1   # the format

updates:
    feed_url: "https://updates.example.com/feed.json"

# where the others go
endpoints:   # all of them
    # the collector of support
    support_logs:   'https://support.example.com/a?b'   # team X

    #exposure_analytics: https://analytics.example.com/
    platform: wss://platform.example.com/   # in the cloud

# the end
retry: {attempts: 0x2}
`;

const BLOCK_AFTER = `# head
version: 2   # the format

updates:
    feed_url: "https://updates.example.com/feed.json"

# where the others go
# all of them
    # the collector of support
support_logs:
    url:   'https://support.example.com/a?b'   # team X

    #exposure_analytics: https://analytics.example.com/
platform:
    url: wss://platform.example.com/   # in the cloud

# the end
retry: {attempts: 0x2}
`;

const FORMS: readonly [name: string, before: string, after: string][] = [
  ['sections with comments', BLOCK, BLOCK_AFTER],
  ['lines that end with CRLF', BLOCK.replaceAll('\n', '\r\n'), BLOCK_AFTER.replaceAll('\n', '\r\n')],
  ['a byte order mark', `\ufeff${BLOCK}`, `\ufeff${BLOCK_AFTER}`],
  ['no renamed key', '# a\nversion: 1\nretry: {attempts: 2}\n', '# a\nversion: 2\nretry: {attempts: 2}\n'],
  [
    'the section in braces',
    'version: 1\nendpoints: {support_logs: "https://a.example.com/"}  # c\nretry: {}\n',
    'version: 2\nsupport_logs:\n  url: "https://a.example.com/"  # c\nretry: {}\n',
  ],
  [
    'two keys in braces',
    'version: 1\nendpoints: {support_logs: https://a.example.com/, platform: wss://p.example.com/}\n',
    'version: 2\nsupport_logs:\n  url: https://a.example.com/\nplatform:\n  url: wss://p.example.com/\n',
  ],
  ['an empty section', 'version: 1\nendpoints: {}  # none\nretry: {}\n', 'version: 2\n# none\nretry: {}\n'],
  [
    'a section of comments',
    'version: 1\nendpoints:\n  #platform: wss://p.example.com/\nretry: {}\n',
    'version: 2\n  #platform: wss://p.example.com/\nretry: {}\n',
  ],
  [
    'the section at the end, without a line end',
    'endpoints:\n  platform: wss://p.example.com/\nversion: 1',
    'platform:\n  url: wss://p.example.com/\nversion: 2',
  ],
];

describe('config upgrade', () => {
  it.each(FORMS)('rewrites only the renamed keys and the version: %s', (_name, before, after) => {
    expect(upgradeText(before)).toBe(after);
  });

  it.each([
    ['JSON', '{"version": 1, "endpoints": {"platform": "wss://p.example.com/"}, "retry": {"attempts": 2}}\n'],
    [
      'a new section next to the old key',
      'version: 1\nendpoints:\n  platform: wss://p.example.com/\nplatform:\n  enabled: true\n',
    ],
    ['a value on the next line', 'version: 1\nendpoints:\n  platform:\n    wss://p.example.com/\n'],
    ['a folded text', 'version: 1\nendpoints:\n  platform: >-\n    wss://p.example.com/\n'],
    ['a quoted key', 'version: 1\n"endpoints":\n  "platform": wss://p.example.com/\n'],
    ['a value with a hash in it', 'version: 1\nendpoints:\n  platform: wss://p.example.com/a#b # c\n'],
  ])('keeps the meaning and every comment: %s', (_name, text) => {
    const upgraded = upgradeText(text);
    const before = readDocument(text).value as Readonly<Record<string, unknown>>;

    expect(readDocument(upgraded).findings).toEqual([]);
    expect(readDocument(upgraded).value).toEqual(modernise(before, FORMAT_HISTORY).value);
    expect(readDocument(upgraded).value).toMatchObject({ version: 2 });
  });

  it('leaves a file of the current version unchanged byte for byte', () => {
    const text = '# a\nversion:  2\nplatform: {url: "wss://p.example.com/"}\n';

    expect(upgradeText(text)).toBe(text);
  });

  it('refuses to lose a comment and names its line', () => {
    const text = 'version: 1\nendpoints: {\n  # the cloud\n  platform: wss://p.example.com/ }\n';

    expect(() => upgradeText(text)).toThrow(
      expect.objectContaining({ code: 'CONFIG-EDIT', facts: expect.objectContaining({ key: 'endpoints', line: 2 }) }),
    );
  });
});
