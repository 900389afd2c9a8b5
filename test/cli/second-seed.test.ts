// The second manual, "Proxy Settings", sentence by sentence and in its order: the commands do what its pages do.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { addProxyCommand, editProxyCommand, type ProfileFlags } from '#cli/settings/proxy-change.ts';
import { defaultProxyCommand, deleteProxyCommand } from '#cli/settings/proxy-delete.ts';
import { listProxiesCommand, showProxyCommand } from '#cli/settings/proxy-list.ts';
import { setRouteCommand } from '#cli/settings/route.ts';
import { profileFields } from '#config/editing/profile-fields.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aDiagnosis, aFailure, fakeControl } from '#test/support/fake-control.ts';

const NO_FLAGS: ProfileFlags = { fields: {}, makeDefault: false, json: false };
const add = (context: CommandContext) => addProxyCommand(context, undefined, NO_FLAGS);

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make('version: 2\n');
});
afterEach(() => rig.folder.remove());

/** The answers to the form, in the order of its fields, without a test of the connection. */
function form(name: string, address: string, rest: readonly (readonly [string, string])[]) {
  const fields = rest.filter(([about]) => about !== 'default');
  return [...testedForm(name, address, fields), NO_TEST, ...rest.filter(([about]) => about === 'default')] as const;
}
function testedForm(name: string, address: string, rest: readonly (readonly [string, string])[]) {
  return [['name', name], ...SCHEME, ['address', address], ...rest] as const;
}
const NO_TEST = ['Test the connection', 'n'] as const;
const SCHEME: readonly (readonly [string, string])[] =
  (profileFields().find(({ flag }) => flag === 'scheme')?.choices.length ?? 0) > 1 ? [['Scheme', 'http']] : [];

describe('Proxy Settings Page', () => {
  it('proxy list: "You can view, edit, or delete any proxy configurations"', async () => {
    await rig.run(
      add,
      form('Main', 'proxy.example.com', [
        ['Port', '3128'],
        ['Authentication', ''],
      ]),
    );
    const { out } = await rig.run((context) => listProxiesCommand(context, { json: false }));
    expect(out[0]).toMatch(/^NAME +ADDRESS OR IP +PORT +AUTHENTICATION +IS DEFAULT +DATE CREATED$/);
    expect(out[1]).toMatch(/^Main +proxy\.example\.com +3128 +transparent +yes +\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('address: "The proxy server address (hostname or IP address)", both and nothing else', async () => {
    const answers = form('ip', 'http://10.1.2.3:3128', [
      ['address', '10.1.2.3'],
      ['Port', ''],
      ['Authentication', ''],
    ]);
    const { err } = await rig.run(add, answers);
    expect(err[0]).toContain('This key takes only the host; write address: 10.1.2.3 and port: 3128.');
    expect((await rig.settings()).proxies[0]).toMatchObject({ address: '10.1.2.3', port: 80 });
  });

  it('proxy add: "Transparent: No user authentication is required" asks for no user', async () => {
    const { asked } = await rig.run(
      add,
      form('t', 'proxy', [
        ['Port', ''],
        ['Authentication', 'transparent'],
      ]),
    );
    expect(asked.map(({ question }) => question).filter((question) => /user|password/i.test(question))).toEqual([]);
  });

  it('proxy add: "Basic: User authentication is required" asks for user and password', async () => {
    const answers = form('b', 'proxy', [
      ['Port', ''],
      ['Authentication', 'basic'],
      ['User', ''],
      ['User', 'svc'],
      ['Password', 'correct horse'],
    ]);
    const made = await rig.run(add, answers);
    expect(made.status).toBe(0);
    expect(made.asked.find(({ question }) => question.includes('Password'))?.shown).toBe(false);
    const looks = await Promise.all([
      rig.run((context) => listProxiesCommand(context, { json: true })),
      rig.run((context) => showProxyCommand(context, 'b', { json: true })),
      rig.run((context) => showProxyCommand(context, 'b', { json: false })),
    ]);
    const said = [made, ...looks].flatMap(({ out, err }) => [...out, ...err]).join('\n');
    expect(`${said}${await rig.text()}`).not.toContain('correct horse');
    expect(await rig.read('secrets/b')).toBe('correct horse\n');
    expect((await rig.settings()).proxies[0]?.password?.reveal()).toBe('correct horse');
  });

  it('use_proxy_for: "the new settings ... will have a default proxy setting automatically"', async () => {
    await rig.run(
      add,
      form('first', 'a.example.com', [
        ['Port', ''],
        ['Authentication', ''],
      ]),
    );
    expect(await rig.settings()).toMatchObject({
      proxies: [{ name: 'first', default: true }],
      use_proxy_for: {
        updates: 'default',
        support_logs: 'default',
        exposure_analytics: 'default',
        platform: 'default',
      },
    });
  });

  it('created: "The date and time that proxy settings were created" survives edits', async () => {
    await rig.run(
      add,
      form('a', 'a.example.com', [
        ['Port', ''],
        ['Authentication', ''],
      ]),
    );
    const before = await rig.run((context) => listProxiesCommand(context, { json: true }));
    await rig.run((context) => editProxyCommand(context, 'a', { ...NO_FLAGS, fields: { port: '8080' } }));
    const after = await rig.run((context) => listProxiesCommand(context, { json: true }));
    const created = ({ out }: { out: readonly string[] }) => /"created": "(.*)"/.exec(out.join('\n'))?.[1];
    expect(created(after)).toBe(created(before));
    expect(created(after)).toMatch(/^\d{4}-/);
  });

  it('proxy edit, delete: "Proxy settings can be edited or deleted", with safeguards', async () => {
    await rig.run(
      add,
      form('a', 'a.example.com', [
        ['Port', '3128'],
        ['Authentication', ''],
      ]),
    );
    const before = await rig.text();
    const kept = await rig.run(
      (context) => editProxyCommand(context, 'a', NO_FLAGS),
      [...SCHEME, ['address or IP [a.example.com]', ''], ['Port [3128]', ''], ['[transparent]', ''], NO_TEST],
    );
    expect(kept.out[0]).toContain('already has this setting; nothing was written.');
    expect(await rig.text()).toBe(before);
    const flags = { force: false, yes: false, json: false };
    await expect(rig.run((context) => deleteProxyCommand(context, 'a', flags))).rejects.toMatchObject({
      code: 'PROFILE-IN-USE',
    });
    const deleted = await rig.run((context) => deleteProxyCommand(context, 'a', { ...flags, force: true }));
    expect(deleted.out.slice(0, 2)).toEqual(['Deleted proxy a.', 'updates now connects directly (none).']);
  });
});

describe('How to Configure Proxy Settings', () => {
  it('proxy default: "Make Default Proxy Setting" replaces the old default in one write', async () => {
    await rig.run(
      add,
      form('old', 'a.example.com', [
        ['Port', ''],
        ['Authentication', ''],
      ]),
    );
    await rig.run(
      add,
      form('new', 'b.example.com', [
        ['Port', ''],
        ['Authentication', ''],
        ['default', 'y'],
      ]),
    );
    expect((await rig.settings()).proxies.map(({ name, default: is }) => [name, is])).toEqual([
      ['old', false],
      ['new', true],
    ]);
    const back = await rig.run((context) => defaultProxyCommand(context, 'old', { json: false }));
    expect(back.out[0]).toBe('old is now the default instead of new.');
    expect((await rig.settings()).proxies.filter((one) => one.default).map(({ name }) => name)).toEqual(['old']);
  });

  it('proxy add: "Test Connection: Confirm if the proxy settings work correctly"', async () => {
    const tried: unknown[] = [];
    rig.daemon = fakeControl({
      diagnose: async ({ candidate, through }) => {
        const { proxies } = parse(candidate?.text ?? '') as { proxies: unknown };
        tried.push({ proxies, through, typed: candidate?.typed });
        expect(await rig.text()).toBe('version: 2\n');
        return aDiagnosis({ saved: false });
      },
    });
    const answers = testedForm('b', 'proxy', [
      ['Port', '3128'],
      ['Authentication', 'basic'],
      ['User', 'svc'],
      ['Password', 'correct horse'],
      ['Test the connection', 'y'],
    ]);
    const { out } = await rig.run(add, answers);
    const account = { authentication: 'basic', user: 'svc', password: 'correct horse' };
    const proxies = [{ name: 'b', address: 'proxy', port: 3128, default: true, ...account }];
    expect(tried).toEqual([{ proxies, through: 'b', typed: ['proxies[0].password'] }]);
    expect(out.slice(0, 3)).toEqual([
      'The connection works.',
      '  All is well: updates through corp.',
      'Added proxy b.',
    ]);
  });

  it('a failed test shows why and asks whether to save anyway', async () => {
    const finding = aFailure();
    const sentence = `[${finding.code}] updates: ${finding.message}`;
    const verdict = { outcome: 'failed', sentence, purpose: 'updates', finding } as const;
    rig.daemon = fakeControl({ diagnose: () => Promise.resolve(aDiagnosis({ verdict })) });
    const answers = (save: string) =>
      testedForm('b', 'proxy', [
        ['Port', ''],
        ['Authentication', ''],
        ['Test', ''],
        ['anyway', save],
      ]);
    await expect(rig.run(add, answers('n'))).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await rig.text()).toBe('version: 2\n');
    const { err } = await rig.run(add, answers('y'));
    expect(err[0]).toContain('[AUTH-REJECTED]');
    expect(err.join('\n')).toContain('proxy chosen');
    expect((await rig.settings()).proxies).toHaveLength(1);
  });
});

describe('Use Cases of Proxy', () => {
  it('route set: "Find the Proxy field and select the Proxy setting"', async () => {
    await rig.run(
      add,
      form('a', 'a.example.com', [
        ['Port', ''],
        ['Authentication', ''],
      ]),
    );
    await rig.run(
      add,
      form('b', 'b.example.com', [
        ['Port', ''],
        ['Authentication', ''],
        ['default', 'n'],
      ]),
    );
    const set = (purpose: string, use: string) =>
      rig.run((context) => setRouteCommand(context, { purpose, use, json: false }));
    expect((await set('support_logs', 'none')).out[0]).toBe('support_logs now connects directly.');
    expect((await set('platform', 'b')).out[0]).toBe('platform now uses proxy b.');
    expect((await set('updates', 'default')).out[0]).toBe('updates now uses the default proxy, a.');
    expect((await rig.settings()).use_proxy_for).toEqual({
      updates: 'default',
      support_logs: 'none',
      exposure_analytics: 'default',
      platform: 'b',
      telemetry: 'default',
    });
  });
});

describe('FAQ', () => {
  it('FAQ: "the internet IP address and Port ... must be defined to allow access"', async () => {
    await rig.folder.remove();
    rig = await CommandRig.make('version: 2\nplatform:\n  url: wss://platform.example.com/\n');
    const { err } = await rig.run(
      add,
      form('a', '10.9.9.9', [
        ['Port', ''],
        ['Authentication', ''],
      ]),
    );
    expect(err[0]).toContain('10.9.9.9 is a private address, which a platform on the internet cannot reach');
  });
});
