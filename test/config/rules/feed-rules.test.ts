import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { urlOf } from '#config/purpose-settings.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

async function problemsOf(text: string) {
  return (await folder.refuse(`version: 2\n${text}\n`)).problems;
}

async function warningsOf(text: string) {
  return (await folder.accept(`version: 2\n${text}\n`)).warnings;
}

const METADATA = 'metadata_url: https://updates.example.com/metadata';

describe('signed feed rules', () => {
  it('accept a repository over http as the URL of updates', async () => {
    const text = 'updates: {trust: tuf, tuf: {metadata_url: http://updates.example.com/metadata/}}';
    const { settings, warnings } = await folder.accept(`version: 2\n${text}\n`);

    expect(warnings).toEqual([]);
    expect(urlOf(settings, 'updates')).toBe('http://updates.example.com/metadata/');
    expect(settings.updates.tuf).toMatchObject({ feed_target: 'feed.json', mirrors: [] });
  });

  it('require the repository with trust: tuf', async () => {
    expect(await problemsOf('updates: {trust: tuf}')).toMatchObject([
      { key: 'updates.trust', message: expect.stringContaining('metadata_url') },
    ]);
  });

  it('warn of a repository that is not used', async () => {
    const text = `updates: {feed_url: https://a.example.com/feed.json, tuf: {${METADATA}}}`;
    expect(await warningsOf(text)).toMatchObject([{ key: 'updates.tuf' }]);
    const { settings } = await folder.accept(`version: 2\n${text}\n`);
    expect(urlOf(settings, 'updates')).toBe('https://a.example.com/feed.json');
  });

  it('warn of a permission to downgrade that is left behind', async () => {
    expect(await warningsOf(`updates: {trust: tuf, tuf: {${METADATA}}, trust_downgrade: true}`)).toMatchObject([
      { key: 'updates.trust_downgrade' },
    ]);
  });

  it.each([
    ['a query', 'metadata_url: "https://a.example.com/m?x=1"', 'updates.tuf.metadata_url'],
    ['the name of a file', 'metadata_url: https://a.example.com/root.json', 'updates.tuf.metadata_url'],
    ['another scheme', 'metadata_url: ftp://a.example.com/', 'updates.tuf.metadata_url'],
    ['no metadata_url', 'root_file: root.json', 'updates.tuf.metadata_url'],
    ['a path with ..', `${METADATA}, feed_target: ../feed.json`, 'updates.tuf.feed_target'],
    ['an absolute path', `${METADATA}, feed_target: /feed.json`, 'updates.tuf.feed_target'],
    ['a path twice', `${METADATA}, feed_target: [a.json, b.json, a.json]`, 'updates.tuf.feed_target[2]'],
    ['an empty list of paths', `${METADATA}, feed_target: []`, 'updates.tuf.feed_target'],
    ['a mirror without URL', `${METADATA}, mirrors: [{}]`, 'updates.tuf.mirrors[0].metadata_url'],
  ])('refuse %s', async (_what, tuf, key) => {
    expect((await problemsOf(`updates: {trust: tuf, tuf: {${tuf}}}`)).map((problem) => problem.key)).toEqual([key]);
  });

  it('refuse to send a token or a secret header over http', async () => {
    const secrets = 'bearer_token: {file: token}, headers: {X-Key: {file: token}}';
    await folder.write('token', 'abcdefgh');
    const clear = 'trust: tuf, tuf: {metadata_url: http://a.example.com/m/}';
    expect((await problemsOf(`updates: {${clear}, ${secrets}}`)).map(({ key }) => key)).toEqual([
      'updates.bearer_token',
      'updates.headers.X-Key',
    ]);
    const local = 'trust: tuf, tuf: {metadata_url: http://127.0.0.1:8080/m/}';
    expect(await warningsOf(`updates: {${local}, ${secrets}}`)).toEqual([]);
  });

  it('let the hook run for a signed feed without hook_trust', async () => {
    expect(
      await warningsOf(`updates: {trust: tuf, tuf: {${METADATA}}, on_published: {command: /usr/bin/true}}`),
    ).toEqual([]);
  });

  it('say that an http feed next to a signed one is not read', async () => {
    expect(
      await warningsOf(`updates: {trust: tuf, tuf: {${METADATA}}, feed_url: http://a.example.com/feed.json}`),
    ).toMatchObject([{ key: 'updates.feed_url', message: expect.stringContaining('compared') }]);
  });
});
