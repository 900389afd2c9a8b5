import { afterEach, beforeEach, expect, it } from 'vitest';
import { listKeys } from '#config/generate/keys.ts';
import { explainSettings } from '#config/reading/show.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

it('config show: prints each key with value, source and line, and secrets as ***', async () => {
  const loaded = await folder.accept(
    [
      'version: 2',
      'updates:',
      "  headers: {X-Key: 'a-secret-value'}",
      '  allowed_origins: [https://cdn.example.com]',
      'proxies:',
      '  - name: corp',
      '    address: proxy.example.com',
      '    default: true',
      "    password: 'a-secret-value'",
    ].join('\n'),
  );
  const rows = explainSettings(loaded);
  const row = (key: string) => rows.find((one) => one.key === key);

  expect(row('updates.headers.X-Key')).toEqual({
    key: 'updates.headers.X-Key',
    value: '***',
    source: 'file',
    line: 3,
    setBy: 'root',
  });
  expect(row('updates.allowed_origins')).toMatchObject({ value: ['https://cdn.example.com'], source: 'file', line: 4 });
  expect(row('proxies[0].address')).toMatchObject({ value: 'proxy.example.com', source: 'file', line: 7 });
  expect(row('proxies[0].port')).toEqual({
    key: 'proxies[0].port',
    value: 80,
    source: 'default',
    line: null,
    setBy: 'admin',
  });
  expect(row('proxies[0].password')).toMatchObject({ value: '***', source: 'file' });
  expect(row('proxies[0].user')).toMatchObject({ value: null, source: 'default' });
  expect(row('updates.feed_url')).toMatchObject({ value: null, source: 'default' });
  expect(row('logging.dir')).toMatchObject({ value: '/dev/null/logs', source: 'default' });
  expect(JSON.stringify(rows)).not.toContain('a-secret-value');
});

it('config show: prints the version in the file, not the one it is read as', async () => {
  const version = async (text: string) =>
    explainSettings(await folder.accept(text)).find(({ key }) => key === 'version');

  expect(await version('# ours\nversion: 1\n')).toMatchObject({ value: 1, source: 'file', line: 2 });
  expect(await version('version: 2\n')).toMatchObject({ value: 2, source: 'file', line: 1 });
});

it('config show: has a row for every key outside lists and objects', async () => {
  const shown = new Set(explainSettings(await folder.accept('version: 2\n')).map(({ key }) => key));
  const inner = new Set(listKeys().flatMap((key) => key.inner.map(({ name }) => name)));

  expect(
    listKeys()
      .map(({ name }) => name)
      .filter((name) => !inner.has(name) && !shown.has(name)),
  ).toEqual([]);
});
