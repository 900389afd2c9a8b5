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
  ])('accepts %s', async (_how, value) => {
    const { settings } = await folder.accept(withNoProxy(value));
    expect(settings.proxies[0]?.no_proxy?.split(/[\s,]+/)).toEqual(['localhost', '.corp.example.com', '10.0.0.0/8']);
  });

  it('treats an empty list as unset', async () => {
    const { settings } = await folder.accept(withNoProxy('[]'));
    expect(settings.proxies[0]?.no_proxy ?? '').toBe('');
  });

  it('reports each mistake of a list at its entry', async () => {
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
  ])('refuses %s', async (value, message) => {
    const { problems } = await folder.refuse(withNoProxy(value));
    expect(problems.map((problem) => problem.message)).toEqual([message]);
  });

  it('has the same length limit as a list and as text', async () => {
    const list = Array.from({ length: 200 }, (_, at) => `${'a'.repeat(20)}${at}.example`);
    const { problems } = await folder.refuse(withNoProxy(`[${list.join(', ')}]`));
    expect(problems.map(({ message }) => message)).toEqual(['The list has at most 4096 characters.']);
  });
});

describe('allowed_origins', () => {
  it('refuses an asterisk and names the alternative', async () => {
    const { problems } = await folder.refuse('version: 2\nupdates:\n  allowed_origins: ["https://*.example.com"]\n');
    expect(problems.map(({ key, message }) => [key, message])).toEqual([
      ['updates.allowed_origins[0]', expect.stringContaining('an asterisk matches nothing')],
    ]);
  });
});
