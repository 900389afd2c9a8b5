// What the settings pages of the console write, and what they refuse.

import { afterEach, describe, expect, it } from 'vitest';
import type { ConflictAnswer } from '#console/saving/routes.ts';
import type { Control } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';
import { SavingRig } from '#test/support/saving-rig.ts';

const FEED = 'version: 2\nupdates:\n  feed_url: https://updates.example.com/feed.json\n';
const CORP = `${FEED}proxies:
  - name: corp
    address: proxy.example.com
    port: 3128
    default: true
    authentication: basic
    user: svc
    password: { file: secrets/corp }
`;

const PLAIN = `${FEED}proxies:
  - name: corp
    address: proxy.example.com
    port: 3128
    default: true
`;

const rigs: { readonly rig: CommandRig; readonly saving: SavingRig }[] = [];
afterEach(async () => {
  for (const { rig, saving } of rigs.splice(0)) {
    saving.close();
    await rig.folder.remove();
  }
});

async function rigOf(text: string, over: Partial<Control> = {}) {
  const rig = await CommandRig.make(text);
  await rig.folder.write('secrets/corp', 'stored\n', 0o640);
  const config = { ...aStatus().config, file: rig.file, since: new Date(Date.now() + 3_600_000).toISOString() };
  rig.daemon = fakeControl({ status: () => Promise.resolve(aStatus({ config })), ...over });
  const saving = new SavingRig(rig);
  rigs.push({ rig, saving });
  return { rig, saving };
}

const FAILURE = {
  code: 'TCP-REFUSED',
  message: 'Nothing listens.',
  check: 'Check it.',
  hop: 'proxy',
  class: 'network',
};

/** A daemon whose test fails, and then waits until it is ended or confirmed. */
function failing(file: () => string): Partial<Control> {
  let trying = false;
  return {
    status: () => {
      const pending = { by: 'process 1 of user root', since: '', until: '', failure: FAILURE };
      const since = new Date(Date.now() + 3_600_000).toISOString();
      const config = { ...aStatus().config, file: file(), since, trying: trying ? pending : null };
      return Promise.resolve(aStatus({ config }));
    },
    tryChange: async ({ waits }, onEvent, signal) => {
      onEvent({ name: 'change-stage', stage: 'connect', purpose: 'updates', result: 'TCP-REFUSED' });
      if (!waits) return { confirmed: false, by: 'nobody', failure: FAILURE };
      trying = true;
      onEvent({ name: 'change-failed', code: 'TCP-REFUSED', message: 'Nothing listens.' });
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      trying = false;
      throw signal.reason;
    },
  };
}

describe('console: Proxy Settings', () => {
  it('makes a profile, and stores the typed password in a file', async () => {
    const { rig, saving } = await rigOf(FEED);
    const password = { kind: 'typed', text: 'p4ss#wort' } as const;
    const view = await saving.save({
      form: 'proxy-settings',
      address: 'Proxy.Example.com',
      port: '3128',
      domain: 'CORP',
      user: 'svc',
      password,
      timeout_ms: '300000',
      uses_proxy: { support_logs: false },
    });
    expect(view).toMatchObject({ state: 'saved', made: { stored: 'secrets/appliance', daemon: { taken: 'taken' } } });
    const { proxies, response_timeout: timeout, use_proxy_for: uses } = await rig.settings();
    expect(proxies[0]).toMatchObject({
      name: 'appliance',
      address: 'proxy.example.com',
      port: 3_128,
      authentication: 'auto',
      domain: 'CORP',
      user: 'svc',
      default: true,
    });
    expect([timeout.base_ms, uses.support_logs, uses.updates]).toEqual([300_000, 'none', 'default']);
    expect(await rig.read('secrets/appliance')).toBe('p4ss#wort\n');
    await saving.view();
    expect(saving.bodies.join('\n')).not.toMatch(/p4ss|wort/);
  });

  it('a cleared address switches proxies off and keeps the profile', async () => {
    const { rig, saving } = await rigOf(CORP);
    expect(await saving.save({ form: 'proxy-settings', address: '' })).toMatchObject({ state: 'saved' });
    const { proxy_enabled: enabled, proxies } = await rig.settings();
    expect([enabled, proxies.length]).toEqual([false, 1]);
  });

  it('a cleared address is refused while proxies are required', async () => {
    const { rig, saving } = await rigOf(`${CORP}proxy_required: true\n`);
    const before = await rig.text();
    const view = await saving.save({ form: 'proxy-settings', address: '' });
    expect(view).toMatchObject({ state: 'refused', error: { code: 'POLICY-DIRECT' } });
    expect(await rig.text()).toBe(before);
  });

  it('a set box keeps a named profile, else means the default', async () => {
    const { rig, saving } = await rigOf(`${CORP}use_proxy_for:\n  support_logs: none\n  platform: corp\n`);
    await saving.save({ form: 'proxy-settings', uses_proxy: { support_logs: true, platform: true } });
    const { use_proxy_for: uses } = await rig.settings();
    expect([uses.support_logs, uses.platform]).toEqual(['default', 'corp']);
  });

  it.each([
    ['address', 'other.example.com'],
    ['port', '8080'],
  ])('another %s wants the password again', async (field, value) => {
    const { rig, saving } = await rigOf(CORP);
    const before = await rig.text();
    await expect(saving.begin('save', { form: 'proxy-settings', [field]: value })).rejects.toMatchObject({
      code: 'PASSWORD-ANEW',
    });
    expect(await rig.text()).toBe(before);
    const typed = { kind: 'typed', text: 'again' } as const;
    expect(await saving.save({ form: 'proxy-settings', [field]: value, password: typed })).toMatchObject({
      state: 'saved',
    });
    expect((await rig.settings()).proxies[0]?.password?.reveal()).toBe('again');
  });

  it.each([['proxies.corp.port'], ['proxies[0].scheme']])(
    'removing %s does not send the password elsewhere',
    async (key) => {
      const { saving } = await rigOf(CORP.replace('port: 3128', 'port: 3128\n    scheme: https'));
      await expect(saving.begin('save', { form: 'keys', keys: [{ key, value: null }] })).rejects.toMatchObject({
        code: 'PASSWORD-ANEW',
      });
    },
  );

  it('a refused value is named by its key, and not written', async () => {
    const { rig, saving } = await rigOf(CORP);
    const before = await rig.text();
    const view = await saving.save({ form: 'proxy-settings', timeout_ms: '999', mode: 'fixed' });
    expect(view.state).toBe('refused');
    expect(view.problems.map(({ key }) => key)).toEqual(['response_timeout.base_ms']);
    expect(await rig.text()).toBe(before);
  });

  it('warns of an address that is the update server or the gateway', async () => {
    const { saving } = await rigOf(FEED);
    const warnings = async (address: string) => (await saving.diff({ form: 'proxy-settings', address })).warnings;
    expect(await warnings('updates.example.com')).toHaveLength(1);
    expect(await warnings('10.0.0.1')).toHaveLength(1);
    expect(await warnings('proxy.example.com')).toEqual([]);
  });

  it('a proxy that is chosen by a PAC file is only shown', async () => {
    const { saving } = await rigOf(
      `${FEED}proxies:\n  - { name: auto, scheme: pac, pac: { url: http://wpad/p.pac }, default: true }\n`,
    );
    await expect(saving.begin('save', { form: 'proxy-settings', address: 'a.example' })).rejects.toMatchObject({
      code: 'CHANGE-REQUEST',
    });
  });
});

describe('console: a held trial', () => {
  it('a failed test waits, can be left, and writes nothing', async () => {
    const { rig, saving } = await rigOf(
      CORP,
      failing(() => rig.file),
    );
    const before = await rig.text();
    const { trial } = await saving.begin('save', { form: 'enabled', enabled: false });
    const view = await saving.until('waiting');
    expect(view).toMatchObject({ failure: FAILURE, stages: [{ stage: 'connect', result: 'TCP-REFUSED' }] });
    expect(Date.parse(view.until ?? '') - Date.parse(view.since)).toBe(60_000);
    // A reload of the page finds it.
    expect(await saving.ask('/api/changes/trial')).toMatchObject({ trial: { state: 'waiting', trial } });
    await saving.ask('/api/changes/leave', { trial });
    expect(saving.saving.trial?.state).toBe('left');
    expect(await rig.text()).toBe(before);
  });

  it('a second change is refused while one is tested', async () => {
    const { rig, saving } = await rigOf(
      CORP,
      failing(() => rig.file),
    );
    await saving.begin('save', { form: 'enabled', enabled: false });
    await saving.until('waiting');
    await expect(saving.begin('save', { form: 'enabled', enabled: false })).rejects.toMatchObject({
      code: 'CHANGE-PENDING',
      facts: { by: 'process 1 of user root' },
    });
  });

  it('Save anyway writes the change whose test failed', async () => {
    const { rig, saving } = await rigOf(
      CORP,
      failing(() => rig.file),
    );
    const { trial } = await saving.begin('save', { form: 'enabled', enabled: false });
    await saving.until('waiting');
    await saving.ask('/api/changes/anyway', { trial });
    expect(await saving.until('saved')).toMatchObject({ made: { changed: true } });
    expect((await rig.settings()).proxy_enabled).toBe(false);
  });

  it('Try again tests the same change and the same password', async () => {
    const texts: string[] = [];
    let fails = true;
    const { rig, saving } = await rigOf(CORP, {
      tryChange: ({ text }) => {
        texts.push(text);
        return Promise.resolve(
          fails
            ? { confirmed: false, by: 'nobody', failure: FAILURE }
            : { confirmed: true, by: 'stages', failure: null },
        );
      },
    });
    const password = { kind: 'typed', text: 'n3w' } as const;
    const { trial } = await saving.begin('save', { form: 'proxy-settings', password });
    expect(await saving.until('failed')).toMatchObject({ failure: FAILURE, made: null });
    fails = false;
    await saving.ask('/api/changes/again', { trial });
    await saving.until('saved');
    expect(texts[1]).toBe(texts[0]);
    expect(await rig.read('secrets/corp')).toBe('n3w\n');
  });

  it('Send in clear text uses the values of the held change', async () => {
    let fails = true;
    const clear = { ...FAILURE, code: 'AUTH-CLEARTEXT' };
    const { rig, saving } = await rigOf(CORP, {
      tryChange: () =>
        Promise.resolve(
          fails ? { confirmed: false, by: 'nobody', failure: clear } : { confirmed: true, by: 'stages', failure: null },
        ),
    });
    const password = { kind: 'typed', text: 'n3w' } as const;
    await saving.begin('save', { form: 'proxy-settings', address: 'other.example.com', user: 'ann', password });
    const { trial } = await saving.until('failed');
    fails = false;
    await saving.ask('/api/changes/in-clear', { trial });
    await saving.until('saved');
    expect((await rig.settings()).proxies[0]).toMatchObject({
      address: 'other.example.com',
      user: 'ann',
      authentication: 'basic',
    });
    const [, secret = ''] = /file: (\S+)/.exec(await rig.text()) ?? [];
    expect(await rig.read(secret)).toBe('n3w\n');
  });

  it('only a change of the page Proxy Settings can be sent in clear text', async () => {
    const { saving } = await rigOf(PLAIN, {
      tryChange: () => Promise.resolve({ confirmed: false, by: 'nobody', failure: FAILURE }),
    });
    await saving.begin('save', { form: 'profile', name: 'corp', fields: { port: '8080' } });
    const { trial } = await saving.until('failed');
    await expect(saving.ask('/api/changes/in-clear', { trial })).rejects.toMatchObject({ code: 'CHANGE-NONE' });
  });

  it.each(['again', 'anyway', 'in-clear'])(
    'a file that was changed since the test is a conflict for %s',
    async (action) => {
      const { rig, saving } = await rigOf(PLAIN, {
        tryChange: () => Promise.resolve({ confirmed: false, by: 'nobody', failure: FAILURE }),
      });
      await saving.begin('save', { form: 'proxy-settings', port: '8080' });
      const { trial } = await saving.until('failed');
      await rig.folder.write('sallyport.yaml', PLAIN.replace('3128', '9999'), 0o640);
      const answer = await saving.ask<ConflictAnswer>(`/api/changes/${action}`, { trial });
      const { digest } = await saving.view();
      expect(answer.conflict).toMatchObject({ error: { code: 'CONFIG-CHANGED' }, digest });
      expect(answer.conflict.conflicts).toContainEqual({
        key: 'proxies.corp.port',
        before: '3128',
        theirs: '9999',
        yours: '8080',
      });
      expect(await rig.text()).toContain('9999');
    },
  );

  it('a page recognizes its change by the attempt that it chose', async () => {
    const { saving } = await rigOf(CORP);
    const { digest } = await saving.view();
    await saving.ask('/api/changes/try', { digest, form: { form: 'enabled', enabled: false }, attempt: 'a1' });
    expect(await saving.until('passed')).toMatchObject({ attempt: 'a1' });
    await saving.begin('try', { form: 'enabled', enabled: false });
    expect(await saving.until('passed')).toMatchObject({ attempt: null });
  });

  it('a saved change cannot be saved, left or tried again', async () => {
    const { saving } = await rigOf(CORP);
    await saving.save({ form: 'enabled', enabled: false });
    const trial = saving.saving.trial?.trial;
    for (const path of ['leave', 'again', 'anyway'])
      await expect(saving.ask(`/api/changes/${path}`, { trial })).rejects.toMatchObject({ code: 'CHANGE-NONE' });
  });

  it('a refusal of the daemon to test is shown, and nothing is written', async () => {
    const { rig, saving } = await rigOf(CORP, {
      tryChange: () => Promise.reject(coded('CHANGE-PENDING', { by: 'user 1501', until: '12:00' })),
    });
    const before = await rig.text();
    expect(await saving.save({ form: 'enabled', enabled: false })).toMatchObject({
      state: 'failed',
      error: { code: 'CHANGE-PENDING', message: expect.stringContaining('user 1501') as string },
    });
    expect(await rig.text()).toBe(before);
  });

  it('Test Connection uses a profile that no purpose uses', async () => {
    const texts: string[] = [];
    const { rig, saving } = await rigOf(CORP, {
      tryChange: ({ text }) => {
        texts.push(text);
        return Promise.resolve({ confirmed: true, by: 'stages', failure: null });
      },
    });
    const before = await rig.text();
    await saving.begin('try', { form: 'profile', name: null, new_name: 'spare', fields: { address: 'b.example' } });
    expect(await saving.until('passed')).toMatchObject({ kind: 'try', made: null });
    expect(texts[0]).toMatch(/name: spare/);
    expect(texts[0]).toMatch(/use_proxy_for:\n {2}updates: spare/);
    expect(await rig.text()).toBe(before);
  });
});

describe('console: a changed file', () => {
  it('Save names theirs and yours, and writes nothing', async () => {
    const { rig, saving } = await rigOf(CORP);
    const { digest } = await saving.view();
    const theirs = CORP.replace('port: 3128', 'port: 8080');
    await rig.folder.write('sallyport.yaml', `${theirs}daemon:\n  state_dir: state\n`, 0o640);
    const form = {
      form: 'proxy-settings',
      port: '3129',
      timeout_ms: '60000',
      password: { kind: 'typed', text: 'x9' },
    } as const;
    const { conflict } = await saving.begin('save', form, digest);
    expect(conflict?.error.code).toBe('CONFIG-CHANGED');
    expect(conflict?.conflicts).toEqual(
      expect.arrayContaining([
        { key: 'proxies.corp.port', before: '3128', theirs: '8080', yours: '3129' },
        { key: 'response_timeout.base_ms', before: '30000', theirs: '30000', yours: '60000' },
      ]),
    );
    expect(await rig.text()).toBe(theirs);
  });

  it('a change by another user ends the test with theirs and yours', async () => {
    const { rig, saving } = await rigOf(CORP, {
      tryChange: async () => {
        await rig.folder.write('sallyport.yaml', `${CORP}proxy_enabled: false\ndaemon:\n  state_dir: state\n`, 0o640);
        return { confirmed: true, by: 'stages', failure: null };
      },
    });
    await saving.begin('save', { form: 'routes', routes: { platform: 'none' } });
    expect((await saving.until('conflict')).conflicts).toEqual([
      { key: 'proxy_enabled', before: 'true', theirs: 'false', yours: null },
      { key: 'use_proxy_for.platform', before: 'default', theirs: 'default', yours: 'none' },
    ]);
  });
});

describe('console: who may set what', () => {
  it.each([
    ['proxy_required', 'true'],
    ['updates.feed_url', 'https://evil.example/'],
    ['daemon.state_dir', '/tmp/x'],
  ])('%s belongs to root, also if the file is writable', async (key, value) => {
    const { rig, saving } = await rigOf(CORP);
    const before = await rig.text();
    await expect(saving.begin('save', { form: 'keys', keys: [{ key, value }] })).rejects.toMatchObject({
      code: 'KEY-AUTHORITY',
    });
    expect(await rig.text()).toBe(before);
  });

  it('a secret cannot be set as a key', async () => {
    const { saving } = await rigOf(CORP);
    await expect(
      saving.begin('save', { form: 'keys', keys: [{ key: 'proxies[0].password', value: 'x' }] }),
    ).rejects.toMatchObject({ code: 'CHANGE-REQUEST' });
  });
});

describe('console: the view of the settings', () => {
  it('has the users of a profile, and what deleting it does', async () => {
    const { saving } = await rigOf(
      CORP.replace('proxies:\n', 'proxies:\n  - { name: spare, address: b.example, fallback: [corp] }\n'),
    );
    const view = await saving.view();
    expect(view).toMatchObject({ writes: 'file', refused: null, proxy: { enabled: true, edited: 'corp' } });
    expect(view.keys.find(({ key }) => key === 'proxies[1].password')).toMatchObject({ value: '***', is_secret: true });
    const corp = view.profiles.find(({ name }) => name === 'corp');
    expect(corp?.users).toContain('the fallback of spare');
    expect(corp?.deletions['spare']?.[0]).toMatch(/^spare is now the default, and used for updates/);
    expect(corp?.deletions['']).toContain('updates now connects directly (none).');
    expect(view.purposes[0]).toMatchObject({ purpose: 'updates', use: 'default', host: 'updates.example.com' });
  });

  it('a file with errors is shown with each of them', async () => {
    const { saving } = await rigOf(`${CORP}proxy_enabled: perhaps\n`);
    const view = await saving.view();
    expect(view.refused?.problems.map(({ key, line }) => [key, line])).toEqual([['proxy_enabled', 12]]);
    await expect(saving.begin('save', { form: 'enabled', enabled: true }, '0'.repeat(64))).rejects.toThrow();
  });
});
