// `sallyport config set` with a real file: which keys it finds, what it writes, and that a secret is never an argument.

import { lstat, readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSetCommand, type SetArguments } from '#cli/settings/config-set.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { CommandRig, type Script } from '#test/support/command-rig.ts';

const FILE = `version: 2
# ours
updates:
  parallel: 1 # slow
proxies:
  - { name: corp, address: proxy.example.com, port: 0443, default: true, user: svc, authentication: basic, password: 'a long password' }
`;

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make(FILE);
});
afterEach(() => rig.folder.remove());

function set(key: string, values: string[] = [], over: Partial<SetArguments> = {}, script?: Script) {
  const given = { key, values, unset: false, json: false, confirm: {}, ...over };
  return rig.run((context) => configSetCommand(context, given), script);
}

const code = async (work: Promise<unknown>) =>
  await work.then(
    () => null,
    (error: { code?: string }) => error.code ?? (error instanceof UsageError ? 'usage' : String(error)),
  );

describe('config set', () => {
  it('config set: changes only the value and says what it was', async () => {
    const { status, out } = await set('updates.parallel', ['3']);
    expect(status).toBe(0);
    expect(out[0]).toBe('updates.parallel is now 3; it was 1.');
    expect(await rig.text()).toBe(FILE.replace('parallel: 1', 'parallel: 3'));
  });

  it.each([
    ['proxies.corp.port', ['8080'], 'port', 8_080],
    ['proxies[0].tunnel_http', ['true'], 'tunnel_http', true],
    ['proxies.CORP.no_proxy', ['a.example.com', '10.0.0.0/8'], 'no_proxy', 'a.example.com, 10.0.0.0/8'],
    ['proxies.corp.name', ['0815'], 'name', '0815'],
  ])('config set: %s %j sets %s', async (key, values, field, value) => {
    await rig.folder.write('sallyport.yaml', FILE.replace(/, user: .*'/, ''), 0o640);
    expect((await set(key, values)).err).toEqual([]);
    const [profile] = (await rig.settings()).proxies;
    expect((profile as unknown as Record<string, unknown>)[field]).toEqual(value);
  });

  it.each([
    [['https://a.example.com', 'https://b.example.com']],
    [['https://a.example.com,https://b.example.com']],
    [['["https://a.example.com", "https://b.example.com"]']],
  ])('config set: %j is a list', async (values) => {
    expect((await set('updates.allowed_origins', values)).err).toEqual([]);
    expect((await rig.settings()).updates.allowed_origins).toEqual(['https://a.example.com', 'https://b.example.com']);
  });

  it.each([
    ['updates.paralel', 'Did you mean updates.parallel?'],
    ['updates', 'it is a section'],
    ['proxies', 'it is a section'],
    ['proxies.other.port', 'a list without the entry other'],
    ['', 'there is no such key'],
    ['constructor.name', 'there is no such key'],
  ])('config set: refuses the key "%s"', async (key, text) => {
    await expect(set(key, ['1'])).rejects.toMatchObject({
      code: 'KEY-UNKNOWN',
      message: expect.stringContaining(text),
    });
  });

  it('config set: writes nothing that would make the file invalid', async () => {
    const { status, err } = await set('updates.parallel', ['99']);
    expect(status).toBe(78);
    expect(err.join('\n')).toContain('updates.parallel');
    expect(await rig.text()).toBe(FILE);
  });

  it('config set: --unset removes the key, and accepts an absent one', async () => {
    expect((await set('updates.parallel', [], { unset: true })).out[0]).toBe('updates.parallel is no longer set.');
    expect(await rig.text()).not.toContain('parallel');
    expect((await set('updates.parallel', [], { unset: true })).out[0]).toContain('nothing was written');
  });

  it('config set: needs exactly one of a value and --unset', async () => {
    expect(await code(set('updates.parallel'))).toBe('usage');
    expect(await code(set('updates.parallel', ['1'], { unset: true }))).toBe('usage');
  });

  it('config set: a new address of a proxy needs its password again', async () => {
    for (const [key, value] of [
      ['address', 'evil.example.com'],
      ['port', '444'],
      ['scheme', 'https'],
    ] as const) {
      expect(await code(set(`proxies.corp.${key}`, [value]))).toBe('PASSWORD-ANEW');
    }
    expect(await code(set('proxies.corp.port', [], { unset: true }))).toBe('PASSWORD-ANEW');
    expect((await set('proxies.corp.port', ['443'])).status).toBe(0);
  });

  it('config set: --json masks secrets', async () => {
    const { out } = await set('updates.bearer_token', [], { json: true }, { piped: 'tok-en-123456\n' });
    expect(JSON.parse(out.join(''))).toMatchObject({
      key: 'updates.bearer_token',
      before: null,
      value: '***',
      changed: true,
    });
  });
});

describe('config set with secrets', () => {
  it.each(['updates.bearer_token', 'proxies.corp.password', 'menu.pin'])(
    'config set: %s is never an argument, and the refusal does not repeat it',
    async (key) => {
      await expect(set(key, ['s3cret-value'])).rejects.toSatisfy(
        (error: Error) => error instanceof UsageError && !error.message.includes('s3cret-value'),
      );
      expect(await rig.text()).toBe(FILE);
    },
  );

  it('config set: a secret from standard input goes into a private file of its own', async () => {
    const { status, out, err } = await set('updates.bearer_token', [], {}, { piped: 'tok-en-123456\n' });
    expect({ status, err }).toEqual({ status: 0, err: [] });
    expect(out.join('\n')).not.toContain('tok-en-123456');
    expect(await rig.read('secrets/updates.bearer_token')).toBe('tok-en-123456\n');
    expect((await lstat(`${rig.folder.path}/secrets/updates.bearer_token`)).mode & 0o777).toBe(0o640);
    expect((await rig.settings()).updates.bearer_token?.reveal()).toBe('tok-en-123456');
  });

  it('config set: a new value replaces the old one, and a removed secret leaves no file', async () => {
    await set('updates.bearer_token', [], {}, { piped: 'tok-en-123456\n' });
    await set('updates.bearer_token', [], {}, { piped: 'tok-en-654321\n' });
    expect(await readdir(`${rig.folder.path}/secrets`)).toEqual(['updates.bearer_token']);
    expect((await rig.settings()).updates.bearer_token?.reveal()).toBe('tok-en-654321');

    const { out } = await set('updates.bearer_token', [], { unset: true });
    expect(out).toContain('Removed secrets/updates.bearer_token, because no setting refers to it any more.');
    expect(await readdir(`${rig.folder.path}/secrets`)).toEqual([]);
  });

  it('config set: at a terminal a secret is asked for without echo', async () => {
    const { asked } = await set('proxies.corp.password', [], {}, [['New value', 'another password']]);
    expect(asked).toEqual([{ question: 'New value of proxies[0].password: ', shown: false }]);
    expect((await rig.settings()).proxies[0]?.password?.reveal()).toBe('another password');
    expect(await code(set('proxies.corp.password', [], {}, []))).toBe('CANCELLED');
  });

  it('config set: an argument may say where a secret is', async () => {
    await rig.folder.write('token', 'tok-en-123456\n', 0o600);
    expect((await set('updates.bearer_token', ['{"file": "token"}'])).status).toBe(0);
    expect((await rig.settings()).updates.bearer_token?.reveal()).toBe('tok-en-123456');
  });

  it('config set: an empty secret is refused', async () => {
    expect(await code(set('updates.bearer_token', [], {}, { piped: '\n' }))).toBe('usage');
  });
});
