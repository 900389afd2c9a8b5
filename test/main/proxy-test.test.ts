// `proxy test` and Test Connection, with and without a daemon. Both use the same credential guard, so that no command
// sends a rejected password again. Commands are processes where they meet a real terminal or an earlier process.

import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Diagnosis } from '#control/control.ts';
import { startAtTerminal } from '#test/support/at-terminal.ts';
import { feedSettings, startFeedOrigin } from '#test/support/diagnosis-rig.ts';
import { type FaultProxy, honest, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { type LoginProxy, startLoginProxy } from '#test/support/login-proxy.ts';
import { Site } from '#test/support/site.ts';
import type { TlsOrigin } from '#test/support/tls-origin.ts';

const USER = { user: 'svc', password: 'right one', domain: '' };

let site: Site;
let origin: TlsOrigin;
let open: FaultProxy;
let denying: FaultProxy;
let login: LoginProxy;
beforeEach(async () => {
  site = await Site.make();
  origin = await startFeedOrigin();
  open = await startFaultProxy(honest(origin.port));
  denying = await startFaultProxy(says('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'));
  login = await startLoginProxy('basic', USER, origin.port);
});
afterEach(async () => {
  await site.remove();
  await Promise.all([origin, open, denying, login].map((one) => one.close()));
});

/** Configures the proxy without authentication as the default, and more proxies. */
async function configure(...more: object[]): Promise<void> {
  const common = { address: '127.0.0.1' };
  const proxies = [
    { ...common, name: 'corp', port: open.port, default: true },
    { ...common, name: 'strict', port: denying.port },
    ...more.map((one) => ({ ...common, ...one })),
  ];
  await site.configure({ ...(await feedSettings(origin.port, 'updates.example.com')), proxies });
}

async function startDaemon(): Promise<void> {
  const daemon = site.start(['run']);
  await daemon.line('Next check');
}

async function tested(...args: string[]): Promise<{ code: number | null; diagnosis: Diagnosis }> {
  const { code, out } = await site.run(['proxy', 'test', ...args, '--json']);
  return { code, diagnosis: JSON.parse(out) as Diagnosis };
}

describe('proxy test', () => {
  it('uses that proxy in the daemon, whatever the settings, and changes nothing', async () => {
    await configure();
    const before = await readFile(site.config, 'utf8');
    await startDaemon();

    const passed = await tested();
    const failed = await tested('Strict');
    const told = await site.run(['proxy', 'test', 'strict']);

    expect(passed).toMatchObject({ code: 0, diagnosis: { through: 'corp', saved: true, as: { service: true } } });
    expect(failed).toMatchObject({
      code: 13,
      diagnosis: { through: 'strict', verdict: { outcome: 'failed', finding: { code: 'POLICY-DENIED' } } },
    });
    expect(told.code).toBe(13);
    expect(told.err).toContain('Using the daemon that listens at');
    expect(told.out).toMatch(/^\[POLICY-DENIED\] updates: Proxy strict refused updates\.example\.com/);
    expect(told.out).toContain('Tested through strict, regardless of use_proxy_for. Nothing was changed.');
    expect(await readFile(site.config, 'utf8')).toBe(before);
  });

  it('does the same without a daemon, and names the user', async () => {
    await configure();
    const told = await site.run(['proxy', 'test', 'strict']);
    expect(told.code).toBe(13);
    expect(told.out).toMatch(/^Running as \S+, not as the service\.\n\[POLICY-DENIED\] updates: /);
    expect((await tested()).diagnosis).toMatchObject({ through: 'corp', as: { service: false } });
  });

  it('of an unknown name is a failure of the configuration', async () => {
    await configure();
    const unknown = await site.run(['proxy', 'test', 'copr']);
    expect(unknown).toMatchObject({ code: 78, err: expect.stringContaining('[PROFILE-UNKNOWN]') });
  });

  it('without a name and without a default says so', async () => {
    await site.configure(await feedSettings(origin.port));
    const none = await site.run(['proxy', 'test']);
    expect(none).toMatchObject({ code: 78, err: expect.stringContaining('[PROFILE-NO-DEFAULT]') });
  });

  it('of an invalid file names the first error, also in JSON', async () => {
    await site.configure({ proxies: [{ name: 'corp', address: 'proxy.example.com' }] });
    const { code, diagnosis } = await tested();
    expect(code).toBe(78);
    expect(diagnosis.verdict).toMatchObject({ outcome: 'failed', finding: { code: 'CONFIG', class: 'config' } });
    expect(diagnosis.verdict.sentence).toMatch(
      /^\[CONFIG\] \S+sallyport\.yaml:\d+:\d+: proxies: No profile is the default/,
    );
  });
});

/** Makes updates use the proxy that requires authentication. */
async function useGuarded(): Promise<void> {
  const text = await readFile(site.config, 'utf8');
  await site.write('config/sallyport.yaml', `${text}use_proxy_for: { updates: guarded }\n`);
}

describe('proxy test: a rejected password', () => {
  const wrong = () => ({
    name: 'guarded',
    port: login.port,
    authentication: 'basic',
    user: 'svc',
    password: 'wrong one',
  });

  it.each([
    ['with a daemon', true],
    ['without one', false],
  ])(
    'is sent once by diagnose and proxy test in all, and again by the flag: %s',
    async (_where, runs) => {
      await configure(wrong());
      await useGuarded();
      if (runs) await startDaemon();

      expect((await site.run(['proxy', 'test', 'guarded'])).code).toBe(12);
      const again = [await site.run(['diagnose']), await site.run(['proxy', 'test', 'guarded'])] as const;
      expect(login.counted.refused).toBe(1);
      expect(again).toMatchObject([
        { code: 12, err: expect.stringContaining('To try it once: sallyport diagnose --retry-credential') },
        { code: 12, err: expect.stringContaining('To try it once: sallyport proxy test guarded --retry-credential') },
      ]);
      expect((await site.run(['proxy', 'test', 'guarded', '--retry-credential'])).code).toBe(12);
      expect((await site.run(['check'])).code).toBe(12);
      expect(login.counted.refused).toBe(2);
      // The test runs half a dozen processes in sequence.
    },
    60_000,
  );

  it('is sent again only after a question at a terminal', async () => {
    await configure(wrong());
    const args = ['proxy', 'test', 'guarded'];
    expect((await site.run(['proxy', 'test', 'guarded'])).code).toBe(12);

    const declined = await site.runAtTerminal(args, [['Send this password once more?', 'n']]);
    expect(declined).toMatchObject({ code: 12, out: expect.stringContaining('[AUTH-REJECTED]') });
    expect(login.counted.refused).toBe(1);
    const allowed = await startAtTerminal(['--config', site.config, ...args], [['Send this password once more?', 'y']])
      .ended;
    expect(allowed.code).toBe(12);
    expect(login.counted.refused).toBe(2);
  });
});

describe('Test Connection', () => {
  const form = (password: string, ...rest: (readonly [string, string])[]) =>
    [
      ['Proxy setting name', 'guarded'],
      ['Scheme', ''],
      ['Proxy address', '127.0.0.1'],
      ['Port', String(login.port)],
      ['Authentication method', 'basic'],
      ['User', 'svc'],
      ['Password', password],
      ['Test the connection now?', ''],
      ...rest,
    ] as const;
  const add = async (...answers: Parameters<typeof form>) => {
    const { code, out, err } = await site.runAtTerminal(['proxy', 'add'], form(...answers));
    return { code, said: err + out };
  };

  it.each([
    ['in the daemon', true],
    ['in this process if none runs', false],
  ])(
    'tests the typed values before they are saved, %s',
    async (_where, runs) => {
      await configure();
      const before = await readFile(site.config, 'utf8');
      if (runs) await startDaemon();

      const dropped = await add('wrong one', ['Save it anyway?', 'n']);
      expect(dropped.code).not.toBe(0);
      expect(dropped.said).toMatch(/\[AUTH-REJECTED\] updates: Proxy guarded has refused user svc \(Basic\)/);
      expect(dropped.said).toMatch(/proxy user +FAILED/);
      expect(await readFile(site.config, 'utf8')).toBe(before);
      expect(login.counted).toMatchObject({ refused: 1, tunnels: 0 });

      const saved = await add('right one', ['Make it the default', 'n']);
      expect(saved).toMatchObject({ code: 0, said: expect.stringContaining('The connection works.') });
      expect(saved.said).toContain('All is well: updates through guarded.');
      expect(login.counted.refused).toBe(1);
      expect(await readFile(site.config, 'utf8')).toContain('name: guarded');
      for (const { said } of [dropped, saved]) expect(said).not.toMatch(/wrong one|right one/);
    },
    60_000,
  );

  it('of an edit with a rejected password asks before it is sent again', async () => {
    await configure({ name: 'guarded', port: login.port, authentication: 'basic', user: 'svc', password: 'wrong one' });
    expect((await site.run(['proxy', 'test', 'guarded'])).code).toBe(12);
    const kept = [
      'Scheme',
      'Proxy address',
      'Port',
      'Authentication method',
      'User',
      'Password',
      'Test the connection now?',
    ];
    const edit = (again: string) =>
      site.runAtTerminal(
        ['proxy', 'edit', 'guarded'],
        [
          ...kept.map((about) => [about, ''] as const),
          ['Send this password once more?', again],
          ['Save it anyway?', 'n'],
        ],
      );

    expect((await edit('n')).err).toContain('[AUTH-REJECTED]');
    expect(login.counted.refused).toBe(1);
    expect((await edit('y')).err).toContain('[AUTH-REJECTED]');
    expect(login.counted.refused).toBe(2);
  }, 120_000);

  it('reports that no server is configured yet, and saves', async () => {
    await site.configure();
    const { code, said } = await add('right one');
    expect(said).toContain('The connection cannot be tested yet: no server is configured (updates.feed_url).');
    expect(code).toBe(0);
    expect(login.counted.connections).toBe(0);
  });
});
