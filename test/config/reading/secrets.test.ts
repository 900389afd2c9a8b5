import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

const token = (source: string) => `version: 2\nupdates:\n  bearer_token: ${source}\n`;

describe('a secret', () => {
  it('is read from a file relative to the configuration, without the last line break', async () => {
    for (const end of ['', '\n', '\r\n']) {
      await folder.write('secrets/token', `abc-def${end}`);
      const { settings, warnings } = await folder.accept(token('{file: secrets/token}'));
      expect(settings.updates.bearer_token?.reveal()).toBe('abc-def');
      expect(warnings).toEqual([]);
    }
  });

  it('loses only one line break; a second one is a mistake', async () => {
    await folder.write('token', 'abc-def\n\n');
    expect((await folder.refuse(token('{file: token}'))).problems).toMatchObject([
      { message: expect.stringContaining('control') },
    ]);
  });

  it('is read from a variable', async () => {
    const { settings } = await folder.accept(token('{env: TOKEN}'), { environment: { TOKEN: 'abc-def' } });

    expect(settings.updates.bearer_token?.reveal()).toBe('abc-def');
  });

  it('is read from a systemd credential', async () => {
    await folder.write('credentials/token', 'abc-def\n');
    const environment = { CREDENTIALS_DIRECTORY: join(folder.path, 'credentials') };
    const { settings } = await folder.accept(token('{credential: token}'), { environment });

    expect(settings.updates.bearer_token?.reveal()).toBe('abc-def');
  });

  it('of the service is a warning for read-only commands, otherwise a mistake', async () => {
    const { warnings, settings } = await folder.accept(token('{credential: token}'), { mayLackCredentials: true });
    expect(warnings).toMatchObject([
      {
        line: 3,
        key: 'updates.bearer_token.credential',
        found: 'token',
        message: expect.stringContaining('the service'),
      },
    ]);
    expect(settings.updates.bearer_token).toBeDefined();

    await folder.refuse(token('{credential: token}'));
  });

  it('missing in the credentials folder is a mistake for every command', async () => {
    const environment = { CREDENTIALS_DIRECTORY: join(folder.path, 'credentials') };
    const { problems } = await folder.refuse(token('{credential: token}'), { environment, mayLackCredentials: true });

    expect(problems).toMatchObject([{ key: 'updates.bearer_token.credential' }]);
  });

  it('is masked even if the file is refused for another reason', async () => {
    await folder.refuse(`${token("'inline-token'")}  keep_versions: 0\n`);

    expect(folder.known.redact('a inline-token b')).toBe('a *** b');
  });

  it('prints as *** in every form', async () => {
    const { settings } = await folder.accept(token("'inline-token'"));

    expect(
      `${JSON.stringify(settings)} ${inspect(settings, { depth: 9 })} ${settings.updates.bearer_token}`,
    ).not.toContain('inline');
  });

  it.each([
    [0o600, null],
    [0o640, 'the group'],
    [0o644, 'every user'],
    [0o604, 'every user'],
  ])('inline in a file of mode %o warns if others can read it', async (mode, who) => {
    const { warnings } = await folder.accept(token("'inline-token'"), { mode });

    expect(warnings.map(({ line, key }) => [line, key])).toEqual(who === null ? [] : [[3, 'updates.bearer_token']]);
    if (who !== null) expect(warnings[0]?.message).toContain(who);
  });

  it('in a file that every user can read causes a warning with file, line and key', async () => {
    await folder.write('token', 'abc-def', 0o644);
    const { warnings } = await folder.accept(token('{file: token}'));

    expect(warnings).toMatchObject([{ line: 3, key: 'updates.bearer_token.file', found: join(folder.path, 'token') }]);
  });

  it('too short to be masked causes a warning', async () => {
    expect((await folder.accept(token("'abc'"))).warnings).toMatchObject([
      { message: expect.stringContaining('too short') },
    ]);
  });

  it.each([
    ['{file: none}', 'no such file'],
    ['{file: folder}', 'directory'],
    ['{file: large}', 'larger than 65536'],
    ['{file: blank}', 'empty'],
    ['{file: binary}', 'UTF-8'],
    ['{file: ""}', 'empty'],
    ['{env: NOT_SET}', 'not set'],
    ['{env: BLANK}', 'empty'],
    ['{env: "A B"}', 'letters, digits'],
    ['{credential: ../x}', 'letters, digits'],
    ['{file: a, env: B}', 'valid way to write a secret'],
    ['{}', 'valid way to write a secret'],
    ['12345', 'quotes'],
    ['null', 'no value'],
  ])('that cannot be read is a mistake with line and key: %s', async (source, words) => {
    await mkdir(join(folder.path, 'folder'));
    await folder.write('large', 'x'.repeat(65_537));
    await folder.write('blank', '\n');
    await folder.write('binary', Buffer.from([0xff, 0xfe]));
    const { problems } = await folder.refuse(token(source), { environment: { BLANK: '' } });

    expect(problems).toMatchObject([{ line: 3, key: expect.stringMatching(/^updates\.bearer_token/) }]);
    expect(problems[0]?.message).toContain(words);
  });

  it('of the service fails with its key and the service, not as a mistake', async () => {
    const refused = await folder.refuse(token('{credential: token}'));

    expect(refused.problems).toEqual([]);
    expect(refused.error.message).toMatch(
      /^\[CREDENTIALS-ELSEWHERE\] Only the running service can read credentials\. .*: updates\.bearer_token\. .*CREDENTIALS_DIRECTORY/,
    );
    expect(refused.error.check).toContain('systemctl start sallyport');
  });

  it('of the service does not hide other mistakes', async () => {
    const refused = await folder.refuse(`${token('{credential: token}')}log: {}\n`);

    expect(refused.error.code).toBe('CONFIG');
    expect(refused.problems.map(({ key }) => key)).toEqual(['updates.bearer_token.credential', 'log']);
  });

  it('is checked for its use: as a token, as a header', async () => {
    expect((await folder.refuse(token("'with space'"))).problems).toMatchObject([{ key: 'updates.bearer_token' }]);
    expect(
      (await folder.refuse("version: 2\nupdates: {headers: {X-A: ' lead', X-B: 'ümlaut'}}\n")).problems,
    ).toHaveLength(2);
  });
});
