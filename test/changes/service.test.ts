// The change service with callers that are slow, wrong, hostile, or gone. test/real-parts/systemd-change.test.ts tests
// it with real users and systemd.

import { once } from 'node:events';
import { chmod, copyFile, mkdir, readdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChangeRequest, ChangeVerdict } from '#control/change.ts';
import { coded } from '#errors/coded-error.ts';
import { ChangeRig } from '#test/support/change-rig.ts';
import { aFailure } from '#test/support/fake-control.ts';

const CORP =
  '  - { name: corp, address: proxy.example, default: true, authentication: basic, user: u, password: "inline secret" }';
const TEXT = `version: 1\n# ours\nproxy_enabled: true\nproxies:\n${CORP}\n`;
const PASSED: ChangeVerdict = { confirmed: true, by: 'stages', failure: null };
const FAILED: ChangeVerdict = { confirmed: false, by: 'nobody', failure: aFailure() };

let rig: ChangeRig;
let tried: ChangeRequest[];
beforeEach(async () => {
  rig = await ChangeRig.make(TEXT);
  tried = [];
  daemonThatFinds(PASSED);
});
afterEach(() => rig.close());

function daemonThatFinds(verdict: ChangeVerdict, meanwhile: () => Promise<unknown> = () => Promise.resolve()): void {
  rig.daemon({
    tryChange: async (request, onEvent) => {
      tried.push(request);
      onEvent({ name: 'change-tried', by: request.by, window: request.window_ms });
      await meanwhile();
      return verdict;
    },
  });
}

const edit = (path: (string | number)[], value: unknown) => ({ edits: [{ kind: 'set', path, value }] });
const untouched = async () => expect(await rig.rig.text()).toBe(TEXT);

describe('change by the service', () => {
  it('is tried by the daemon, written, and answered with the result', async () => {
    const lines = await rig.send(`${JSON.stringify(await rig.request())}\n`);
    expect(lines.map(({ event }) => event?.name)).toEqual(['change-tried', undefined]);
    expect(lines[1]?.result).toMatchObject({
      state: 'made',
      changed: true,
      verdict: PASSED,
      daemon: { taken: 'taken' },
    });
    expect(await rig.rig.text()).toBe(TEXT.replace('proxy_enabled: true', 'proxy_enabled: false'));
    expect(tried[0]).toMatchObject({
      waits: false,
      window_ms: 60_000,
      by: 'user 1501 (process 77)',
      secrets: 'in_force',
    });
  });

  it('is logged with user and keys, and why it was not made', async () => {
    await rig.ask();
    await rig.ask(edit(['updates', 'feed_url'], 'https://evil.example/'));
    const who = 'user 1501 (process 77)';
    expect(rig.events).toMatchObject([
      { name: 'change-requested', verb: 'apply', who, keys: ['proxy_enabled'] },
      { name: 'change-made', who, keys: ['proxy_enabled'] },
      { name: 'change-requested', who, keys: ['updates.feed_url'] },
      { name: 'change-not-made', who, error: { code: 'KEY-AUTHORITY' } },
    ]);
  });

  it('with an old key name is rejected with the new name', async () => {
    const asked = edit(['endpoints', 'support_logs'], 'https://logs.example/');
    expect((await rig.ask(asked)).error?.code).toBe('CONFIG-RENAMED');
    await untouched();
  });

  it('that is only tried is not written', async () => {
    expect((await rig.ask({ verb: 'try' })).result).toEqual({ state: 'tried', verdict: PASSED });
    await untouched();
  });

  it('that the daemon rejects is not written', async () => {
    daemonThatFinds(FAILED);
    expect((await rig.ask()).result).toMatchObject({ state: 'tried', verdict: { confirmed: false } });
    await untouched();
  });

  it('is not written while no daemon runs, and fails with a code', async () => {
    rig.rig.daemon = null;
    expect((await rig.ask()).error?.code).toBe('CHANGE-UNTRIED');
    await untouched();
  });

  it('is not written while another one is on trial', async () => {
    rig.daemon({ tryChange: () => Promise.reject(coded('CHANGE-PENDING', { by: 'root', until: '-' })) });
    expect((await rig.ask()).error?.code).toBe('CHANGE-PENDING');
    await untouched();
  });

  it('that makes the file invalid returns every error and line', async () => {
    const { result } = await rig.ask(edit(['proxies', 0, 'port'], 99_999));
    expect(result).toMatchObject({ state: 'refused', problems: [{ key: 'proxies[0].port', line: 5 }] });
    expect(tried).toEqual([]);
    await untouched();
  });

  it('stores its password in a file, never in log or response', async () => {
    const secret = { path: ['proxies', 0, 'password'], value: 'typed by a member' };
    const { result } = await rig.ask({ edits: [], secret });
    expect(result).toMatchObject({ state: 'made', stored: 'secrets/corp' });
    expect(await rig.rig.read('secrets/corp')).toBe('typed by a member\n');
    expect(tried[0]).toMatchObject({
      text: expect.stringContaining('"typed by a member"'),
      typed: ['proxies[0].password'],
    });
    expect(JSON.stringify([result, rig.events])).not.toContain('typed by');
  });
});

describe('member of the group', () => {
  it.each<[string, object, string]>([
    ['set a key of root', edit(['updates', 'feed_url'], 'https://evil.example/'), 'KEY-AUTHORITY'],
    ['set a hook', edit(['updates', 'on_published'], { command: '/bin/sh' }), 'KEY-AUTHORITY'],
    ['use a file as a password', edit(['proxies', 0, 'password'], { file: '/etc/shadow' }), 'KEY-AUTHORITY'],
    ['remove a key of root', { edits: [{ kind: 'remove', path: ['version'] }] }, 'KEY-AUTHORITY'],
    ['move a proxy with its password', edit(['proxies', 0, 'address'], 'evil.example'), 'SECRET-NOT-IN-FORCE'],
    ['change the port of a proxy with its password', edit(['proxies', 0, 'port'], 9), 'SECRET-NOT-IN-FORCE'],
    [
      'change the authentication of a proxy with its password',
      edit(['proxies', 0, 'authentication'], 'digest'),
      'SECRET-NOT-IN-FORCE',
    ],
    [
      'set a secret other than a proxy password',
      { secret: { path: ['updates', 'bearer_token'], value: 'abcdefgh' } },
      'KEY-AUTHORITY',
    ],
    [
      'set a password of a proxy that does not exist',
      { secret: { path: ['proxies', 7, 'password'], value: 'abcdefgh' } },
      'CHANGE-REQUEST',
    ],
  ])('cannot %s', async (_what, over, code) => {
    expect((await rig.ask(over)).error?.code).toBe(code);
    expect(tried).toEqual([]);
    await untouched();
  });

  it('may move a proxy together with a password for it, or rename it', async () => {
    const moved = {
      ...edit(['proxies', 0, 'address'], 'new.example'),
      secret: { path: ['proxies', 0, 'password'], value: 'for the new one' },
    };
    expect((await rig.ask(moved)).result).toMatchObject({ state: 'made' });
    expect((await rig.ask(edit(['proxies', 0, 'name'], 'office'))).result).toMatchObject({ state: 'made' });
    const file = await rig.ask(edit(['proxies', 0, 'address'], 'evil.example'));
    expect(file.error?.code).toBe('SECRET-NOT-IN-FORCE');
  });

  it('may give auto only with a password, and never negotiate', async () => {
    const own = { name: 'own', address: 'own.example', user: 'u', password: 'typed by a member' };
    const ticket = { name: 'own', address: 'own.example', authentication: 'negotiate' };
    expect((await rig.ask(edit(['proxies', 1], ticket))).error).toMatchObject({
      code: 'SECRET-NOT-IN-FORCE',
      facts: { key: 'proxies.own.authentication' },
    });
    expect((await rig.ask(edit(['proxies', 0, 'authentication'], 'auto'))).error?.code).toBe('SECRET-NOT-IN-FORCE');
    for (const authentication of ['basic', 'auto']) {
      const { result } = await rig.ask(edit(['proxies', 1], { ...own, authentication }));
      expect(result).toMatchObject({ state: 'made' });
    }
  });

  it('cannot find out whether a guessed password is right', async () => {
    const moved = { kind: 'set', path: ['proxies', 0, 'address'], value: 'evil.example' };
    const codes = async (guess: string) => {
      const other = { name: 'other', address: 'evil.example', authentication: 'basic', user: 'u', password: guess };
      const user = { kind: 'set', path: ['proxies', 0, 'user'], value: guess };
      const append = { kind: 'append', path: ['proxies'], value: other };
      return [
        (await rig.ask({ edits: [moved, user] })).error?.code,
        (await rig.ask({ edits: [moved, append] })).error?.code,
      ];
    };
    expect(await codes('wrong secret')).toEqual(['SECRET-NOT-IN-FORCE', 'SECRET-NOT-IN-FORCE']);
    expect(await codes('inline secret')).toEqual(['SECRET-NOT-IN-FORCE', 'SECRET-NOT-IN-FORCE']);
    await untouched();
  });

  it('cannot send the password of a file to another address', async () => {
    const text = TEXT.replace('"inline secret"', '{ file: password }');
    await rig.rig.folder.write('password', 'from a file\n', 0o640);
    await rig.rig.folder.write('sallyport.yaml', text, 0o640);
    const again = { kind: 'set', path: ['proxies', 0, 'password'], value: { file: 'password' } };
    const moved = { kind: 'set', path: ['proxies', 0, 'address'], value: 'evil.example' };
    expect((await rig.ask({ edits: [again, moved] })).error?.code).toBe('SECRET-NOT-IN-FORCE');
    expect(await rig.rig.text()).toBe(text);
  });

  it('cannot use a name that leads outside the folder of secrets', async () => {
    const rename_ = edit(['proxies', 0, 'name'], '../../x');
    const { result } = await rig.ask({ ...rename_, secret: { path: ['proxies', 0, 'password'], value: 'abcdefgh' } });
    expect(result).toMatchObject({ state: 'refused', problems: [{ key: 'proxies[0].name' }] });
    expect((await readdir(rig.rig.folder.path)).toSorted()).toEqual(['change.sock', 'sallyport.yaml']);
  });
});

describe('change service: a request', () => {
  const codeOf = async (text: string) => (await rig.send(text)).at(-1)?.error;

  it.each<[string, string]>([
    ['that is not JSON', 'version: 1\n'],
    ['with the text of a file', '{"verb":"apply","text":"version: 1"}\n'],
    ['without anything in it', '\n'],
    ['of 24 levels and more', `${'['.repeat(100_000)}\n`],
    ['of 50,000 values and more', `[${'1,'.repeat(60_000)}1]\n`],
    ['with another one behind it', '{}\n{}\n'],
  ])('%s is refused with a code', async (_what, text) => {
    expect(await codeOf(text)).toMatchObject({ code: 'CHANGE-REQUEST' });
    await untouched();
  });

  it.each(['verb', 'digest', 'edits', 'secret', 'window_ms', 'waits'])(
    'with an invalid %s is refused, and the error names the field',
    async (field) => {
      const { error } = await rig.ask({ [field]: { wrong: true } });
      expect(error).toMatchObject({ code: 'CHANGE-REQUEST', facts: { reason: expect.stringContaining(field) } });
    },
  );

  it('with too many values is refused before any is parsed as root', async () => {
    const hosts = (count: number) =>
      edit(
        ['proxies', 0, 'no_proxy'],
        Array.from({ length: count }, (_, n) => `h${n}.example`),
      );
    const from = performance.now();
    const { error } = await rig.ask(hosts(10_000));
    expect(error).toMatchObject({ code: 'CHANGE-REQUEST', facts: { reason: expect.stringContaining('edits') } });
    expect(performance.now() - from).toBeLessThan(5_000);
    expect((await rig.ask({ edits: Array.from({ length: 3 }, () => hosts(200).edits[0]) })).error?.code).toBe(
      'CHANGE-REQUEST',
    );
    await untouched();
  });

  it('above the size limit is refused while it arrives', async () => {
    expect(await codeOf('x'.repeat(300_000))).toMatchObject({
      code: 'CHANGE-REQUEST',
      facts: { reason: /262144 bytes/ },
    });
  });

  it('that stays incomplete is refused after its deadline', async () => {
    rig.over = { limitMs: 200 };
    expect(await codeOf('{"verb":')).toMatchObject({ code: 'CHANGE-REQUEST', facts: { reason: /not whole/ } });
  });

  it('that breaks off in the middle changes nothing', async () => {
    const socket = await rig.connect();
    socket.end('{"verb":');
    await rig.served();
    socket.destroy();
    await untouched();
  });

  it('whose sender the kernel cannot identify is refused', async () => {
    rig.over = { peerOf: () => Promise.resolve(null) };
    expect((await rig.ask()).error?.code).toBe('CHANGE-REQUEST');
    await untouched();
  });
});

describe('change service: during a trial', () => {
  it('a caller that leaves ends it, and nothing is written', async () => {
    const begun = Promise.withResolvers<void>();
    let isAborted = false;
    rig.daemon({
      tryChange: async (_request, _onEvent, signal) => {
        begun.resolve();
        await once(signal, 'abort');
        isAborted = true;
        throw signal.reason;
      },
    });
    const socket = await rig.connect();
    socket.write(`${JSON.stringify(await rig.request())}\n`);
    await begun.promise;
    socket.destroy();
    await rig.served();
    expect(isAborted).toBe(true);
    expect(rig.events.at(-1)).toMatchObject({ name: 'change-not-made', error: { code: 'CANCELLED' } });
    await untouched();
  });

  it('a file that another process changes is not overwritten', async () => {
    const other = TEXT.replace('# ours', '# theirs');
    daemonThatFinds(PASSED, () =>
      rig.rig.folder.write('sallyport.yaml', `${other}daemon:\n  state_dir: state\n`, 0o640),
    );
    expect((await rig.ask()).error?.code).toBe('CONFIG-CHANGED');
    expect(await rig.rig.text()).toBe(other);
  });

  it('a file that changed unnoticed is not written', async () => {
    const other = TEXT.replace('user: u,', 'user: v,');
    const { load } = rig.parts();
    let digest = await rig.digest();
    rig.over = {
      load: async (text) => {
        const loaded = await load(text);
        // As if the digest did not show the difference.
        return loaded.ok && text === undefined
          ? Object.defineProperty(loaded, 'digest', { get: () => digest })
          : loaded;
      },
    };
    daemonThatFinds(PASSED, async () => {
      await rig.rig.folder.write('sallyport.yaml', `${other}daemon:\n  state_dir: state\n`, 0o640);
      digest = await rig.digest();
    });
    expect((await rig.ask()).error?.code).toBe('CONFIG-CHANGED');
    expect(await rig.rig.text()).toBe(other);
  });

  it('a second caller does not undo what the first one wrote', async () => {
    const request = await rig.request();
    const second = await rig.request(edit(['proxies', 0, 'no_proxy'], ['a.example']));
    expect((await rig.send(`${JSON.stringify(request)}\n`)).at(-1)?.result).toMatchObject({ state: 'made' });
    expect((await rig.send(`${JSON.stringify(second)}\n`)).at(-1)?.error?.code).toBe('CONFIG-CHANGED');
    expect(await rig.rig.text()).toContain('proxy_enabled: false');
  });
});

describe('change service: the configuration file', () => {
  it('a symbolic link is not followed', async () => {
    await rename(rig.rig.file, join(rig.rig.folder.path, 'real.yaml'));
    await symlink('real.yaml', rig.rig.file);
    expect((await rig.ask()).error?.code).toBe('FILE-SYMLINK');
  });

  it('a folder that other users can write to is refused', async () => {
    await chmod(rig.rig.folder.path, 0o777);
    expect((await rig.ask()).error?.code).toBe('FOLDER-UNSAFE');
    await untouched();
  });

  it('a folder that other users can replace is refused', async () => {
    const { path } = rig.rig.folder;
    await mkdir(join(path, 'etc'), { mode: 0o700 });
    await copyFile(rig.rig.file, join(path, 'etc', 'sallyport.yaml'));
    await chmod(path, 0o777);
    rig.over = { file: join(path, 'etc', 'sallyport.yaml') };
    expect((await rig.ask()).error).toMatchObject({ code: 'FOLDER-UNSAFE', facts: { path } });
    expect(tried).toEqual([]);
  });
});
