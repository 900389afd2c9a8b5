import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemLine } from '#config/problem.ts';
import { suggestNumber } from '#config/values/hints.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeAll(async () => {
  folder = await ConfigFolder.make();
});
afterAll(() => folder.remove());

/** The printed lines, without the folder. */
async function lines(text: string): Promise<string[]> {
  const { problems } = await folder.refuse(`version: 2\n${text}\n`);
  return problems.map((problem) => problemLine({ ...problem, file: 'f' }));
}

const profile = (...keys: readonly string[]) =>
  ['proxies:', '  - name: corp', '    default: true', ...keys.map((key) => `    ${key}`)].join('\n');

describe('line of a configuration mistake', () => {
  it.each([
    [
      'a number in quotes',
      profile('address: a.b', 'port: "3128"'),
      'f:6:11: proxies[0].port: This must be a number. Found: "3128". Allowed: 1 to 65535. Did you mean 3128, without quotes?',
    ],
    [
      'a switch in quotes',
      'proxy_required: "true"',
      'f:2:17: proxy_required: This must be true or false. Found: "true". Allowed: true or false. Did you mean true, without quotes?',
    ],
    [
      'a word of cron',
      'updates:\n  schedule: "@daily"',
      'f:3:13: updates.schedule: A schedule has five fields: minute, hour, day of month, month, day of week. Found: @daily. Allowed: five cron fields.',
    ],
    [
      'an unquoted schedule',
      'updates:\n  schedule: */6 * * * *',
      "Put text that begins with * in quotes, such as schedule: '*/30 * * * *'.",
    ],
    [
      'a time with a unit',
      'updates:\n  jitter_seconds: 5m',
      'f:3:19: updates.jitter_seconds: This must be a number. Found: 5m. Allowed: 0 to 86400. Did you mean 300?',
    ],
    [
      'a size with a unit',
      'updates:\n  reserve_bytes: 48MB',
      'Found: 48MB. Allowed: 0 to 9007199254740991. Did you mean 48000000?',
    ],
    [
      'kerberos',
      profile('address: a.b', 'authentication: kerberos'),
      'Found: kerberos. Allowed: transparent, basic, digest, ntlm, negotiate, auto. Did you mean negotiate?',
    ],
    ['direct', 'use_proxy_for:\n  updates: direct', 'Found: direct. Allowed: none, default. Did you mean none?'],
    ['proxy', 'proxy:\n  address: a.b', 'Did you mean proxies?'],
    ['username', profile('address: a.b', 'username: u'), 'Did you mean user?'],
    [
      'a domain in the user',
      profile('address: a.b', 'authentication: ntlm', 'user: CORP\\bob', 'password: "abcdefgh"'),
      'f:7:11: proxies[0].user: The user contains a domain. Found: CORP\\bob. Did you mean domain: CORP and user: bob?',
    ],
    [
      'a backslash in double quotes',
      profile('address: a.b', 'user: "CORP\\user"'),
      'Write a user such as CORP\\user as domain: CORP and user: user.',
    ],
    [
      'a URL as address',
      profile('address: https://proxy.example.com:3129/'),
      'This key takes only the host; write scheme: https, address: proxy.example.com and port: 3129.',
    ],
    [
      'a URL of SOCKS as address',
      profile('address: socks://proxy.example.com'),
      'write scheme: socks5h, address: proxy.example.com and port: 1080.',
    ],
    [
      'an unquoted password',
      profile('address: a.b', 'authentication: basic', 'user: u', 'password: S3cret #21'),
      'f:8:15: proxies[0].password: Put the value in quotes. Without quotes, YAML ends it at a space followed by #, and may read it as another type. Found: "text without quotes". Allowed: {file: PATH}, {env: NAME}, {credential: NAME}, or the value itself in quotes.',
    ],
    [
      'an unquoted token',
      'updates:\n  bearer_token: abcdefgh',
      'f:3:17: updates.bearer_token: Put the value in quotes',
    ],
    [
      'an unquoted header',
      'updates:\n  headers:\n    X-Key: abcdefgh',
      'f:4:12: updates.headers.X-Key: Put the value in quotes',
    ],
    [
      'a line between two columns',
      profile('address: a.b').replace('    address', '   address'),
      'f:5:4: The indentation of this line is wrong. The lines above begin in column 5',
    ],
    [
      'a line too far in',
      profile(' address: a.b'),
      'f:5:6: The indentation of this line is wrong. The lines above begin in column 5',
    ],
    [
      'a section whose keys are at the margin',
      'updates:\nfeed_url: https://a.b/\nchannel: stable\njitter_seconds: 5',
      'f:3:1: feed_url: Unknown key. Check the indentation of this line and of 2 more lines.',
    ],
    [
      'an entry whose keys are at the margin',
      'proxies:\n- name: corp\n  address: a.b\nport: 3128\ndefault: true',
      'f:5:1: port: Unknown key. Check the indentation of this line and of 1 more line.',
    ],
    [
      'a section inside of another',
      'updates:\n  response_timeout:\n  mode: fixed\n  base_ms: 10000',
      'Did you mean response_timeout, at the left margin?',
    ],
  ])('names position, key, value, range and suggestion: %s', async (_what, text, words) => {
    const found = await lines(text);
    expect(found).toEqual([expect.stringContaining(words)]);
  });

  it('asks to remove the quotes of a version', async () => {
    const { problems } = await folder.refuse('version: "1"\n');
    expect(problems.map(problemLine)).toEqual([
      expect.stringContaining(':1:10: version: The version is a number. Remove the quotes. Found: "1".'),
    ]);
  });

  it('never repeats a secret', async () => {
    const text = profile('address: http://bob:hunter2@proxy:3128', 'user: bob', 'password: hunter2 #3');
    expect((await lines(text)).join('\n')).not.toMatch(/hunter2/);
  });
});

describe('a password in the file', () => {
  it.each(['"S3cret #21"', "'S3cret #21'", '|-\n      S3cret #21'])(
    'keeps its hash sign in quotes or as a block: %s',
    async (value) => {
      const text = profile('address: a.b', 'authentication: basic', 'user: u', `password: ${value}`);
      const { settings } = await folder.accept(`version: 2\n${text}\n`);
      expect(settings.proxies[0]?.password?.reveal()).toBe('S3cret #21');
    },
  );
});

describe('a domain in the user of basic', () => {
  it('causes a warning, because some proxies expect it there', async () => {
    const text = profile('address: a.b', 'authentication: basic', 'user: CORP\\bob', 'password: "abcdefgh"');
    const { warnings } = await folder.accept(`version: 2\n${text}\n`);
    expect(warnings.map(({ key, didYouMean }) => [key, didYouMean])).toEqual([
      ['proxies[0].user', 'domain: CORP and user: bob'],
    ]);
  });
});

describe('suggestNumber', () => {
  it.each([
    ['3128', null, 3128],
    ['5m', 'seconds', 300],
    ['5 min', 'ms', 300_000],
    ['1.5h', 'ms', 5_400_000],
    ['2d', 'hours', 48],
    ['90s', 'hours', undefined],
    ['48MB', 'bytes', 48_000_000],
    ['10 MiB', 'bytes', 10_485_760],
    ['5m', 'attempts', undefined],
    ['five', 'ms', undefined],
    ['', 'ms', undefined],
  ])('reads %s in %s as %s', (text, unit, number) => {
    expect(suggestNumber(text, unit)).toBe(number);
  });
});
