import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeAll(async () => {
  folder = await ConfigFolder.make();
});
afterAll(() => folder.remove());

const withNoProxy = (value: string) =>
  `version: 2\nproxies:\n  - name: corp\n    address: proxy.example.com\n    default: true\n    no_proxy: ${value}\n`;

describe('no_proxy', () => {
  it.each([
    ['one text', 'localhost, .corp.example.com 10.0.0.0/8'],
    ['a list in one line', '[localhost, .corp.example.com, 10.0.0.0/8]'],
    ['a list of lines', '\n      - localhost\n      - .corp.example.com\n      - 10.0.0.0/8'],
    ['a list whose entries are lists', '\n      - localhost, .corp.example.com\n      - "10.0.0.0/8"'],
  ])('may be %s', async (_how, value) => {
    const { settings } = await folder.accept(withNoProxy(value));
    expect(settings.proxies[0]?.no_proxy?.split(/[\s,]+/)).toEqual(['localhost', '.corp.example.com', '10.0.0.0/8']);
  });

  it('that is an empty list is the same as none', async () => {
    const { settings } = await folder.accept(withNoProxy('[]'));
    expect(settings.proxies[0]?.no_proxy ?? '').toBe('');
  });

  it('has each mistake of a list at its entry', async () => {
    const value = '\n      - localhost\n      - a;b\n      - "10.*"';
    const { problems } = await folder.refuse(withNoProxy(value));
    expect(problems.map(({ key, line, message }) => [key, line, message])).toEqual([
      ['proxies[0].no_proxy[1]', 8, expect.stringContaining('commas or spaces')],
      ['proxies[0].no_proxy[2]', 9, expect.stringContaining('write 10.0.0.0/8')],
    ]);
  });

  it.each([
    ['7', 'This must be text or a list, with a dash before each entry. Put it in quotes.'],
    ['true', 'This must be text or a list, with a dash before each entry. Put it in quotes.'],
    ['{ a: b }', 'This must be text or a list, with a dash before each entry.'],
    ['[7]', 'This must be text. Put it in quotes.'],
  ])('may not be %s', async (value, message) => {
    const { problems } = await folder.refuse(withNoProxy(value));
    expect(problems.map((problem) => problem.message)).toEqual([message]);
  });

  it('is as long as a list as it may be as a text', async () => {
    const list = Array.from({ length: 200 }, (_, at) => `${'a'.repeat(20)}${at}.example`);
    const { problems } = await folder.refuse(withNoProxy(`[${list.join(', ')}]`));
    expect(problems.map(({ message }) => message)).toEqual(['The list has at most 4096 characters.']);
  });
});

describe('allowed_origins', () => {
  it('with an asterisk are refused, with what to write instead', async () => {
    const { problems } = await folder.refuse('version: 2\nupdates:\n  allowed_origins: ["https://*.example.com"]\n');
    expect(problems.map(({ key, message }) => [key, message])).toEqual([
      ['updates.allowed_origins[0]', expect.stringContaining('an asterisk matches nothing')],
    ]);
  });
});
