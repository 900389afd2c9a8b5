// The console under a real systemd, with real users: what root becomes, who may change what, and what is logged of it.

import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type ConsoleSession, PAGE_STREAMS, PAGE_VERBS } from '#console/wire.ts';
import { VERBS } from '#control/control.ts';
import { CONFIG_FILE, Installed } from '#test/support/installed.ts';
import type { Machine } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';

const OPERATORS = 'console-operators';
/** Two admins, and a user who may only look. They need no entry in /etc/passwd. */
const USERS = {
  alice: { uid: 1_611, groups: `sallyport,sallyport-admin,${OPERATORS}` },
  bob: { uid: 1_612, groups: `sallyport,sallyport-admin,${OPERATORS}` },
  carol: { uid: 1_613, groups: 'sallyport' },
  root: { uid: 0, groups: '0' },
} as const;
type User = keyof typeof USERS;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
interface Trial {
  readonly trial: {
    readonly trial: number;
    readonly state: string;
    readonly error: { readonly code: string; readonly message: string } | null;
  };
}

/** The verbs of pages that need more than the right to look. */
const OPERATING = [...PAGE_VERBS, ...PAGE_STREAMS].filter((name) => VERBS[name].needs !== 'look');
const UNITS = {
  console: 'console-alice.service',
  service: 'sallyport.service',
  'change service': 'sallyport-change@*.service',
} as const;
const KILLS = [
  ['console', 0],
  ['console', 300],
  ['service', 150],
  ['change service', 0],
  ['change service', 150],
  ['change service', 600],
] as const;

vi.setConfig({ testTimeout: 120_000, hookTimeout: 90_000 });

describeWith(['systemd'], 'the console in a real systemd', () => {
  let installed: Installed;
  let machine: Machine;
  /** Accepts connections and says nothing, so that a test of a proxy takes long. */
  let silent: Server;
  const consoles = new Map<User, { readonly port: number; readonly authorization: string }>();

  beforeAll(async () => {
    silent = createServer().listen(0, '127.0.0.1');
    installed = await Installed.take();
    machine = installed.machine;
    await machine.run('groupadd', '-f', OPERATORS);
    await machine.run('usermod', '-aG', OPERATORS, 'sallyport');
    machine.write('/etc/systemd/system/sallyport-change@.service.d/quota-off.conf', '[Service]\nCPUQuota=\n');
    await machine.run('systemctl', 'daemon-reload');
    installed.configure([
      `control: { operate_group: ${OPERATORS} }`,
      'updates: { feed_url: "https://updates.example.com/feed.json" }',
      'proxies:',
      '  - { name: corp, address: 127.0.0.1, port: 1, default: true }',
    ]);
    await machine.run('systemctl', 'start', 'sallyport.service', 'sallyport-change.socket');
    await Promise.all((Object.keys(USERS) as User[]).map((user) => start(user)));
  });
  afterAll(async () => {
    for (const user of Object.keys(USERS)) await machine.try('systemctl', 'stop', `console-${user}.service`);
    await machine.try('gpasswd', '-d', 'sallyport', OPERATORS);
    await installed.release();
    silent.close();
  });

  async function start(user: User): Promise<void> {
    const { uid, groups } = USERS[user];
    const unit = `console-${user}`;
    const as = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, `--groups=${groups}`, '--'];
    let found: RegExpMatchArray | null = null;
    const links = async () => [
      ...(await installed.journal(`--unit=${unit}.service`)).matchAll(/127\.0\.0\.1:(?!8743)(\d+)\/#(\S+)/g),
    ];
    // A console that was killed has left its link.
    const seen = (await links()).at(-1)?.[2];
    await machine.run('systemd-run', '--collect', `--unit=${unit}`, ...as, '/usr/bin/sallyport', 'console');
    await machine.until(
      `the console of ${user} prints its link`,
      async () => {
        found = (await links()).at(-1) ?? null;
        return found !== null && found[2] !== seen;
      },
      40_000,
    );
    const [, port = '', key = ''] = found ?? [];
    const { body } = await ask(Number(port), '/api/key', { key });
    consoles.set(user, { port: Number(port), authorization: `Bearer ${(body as { token: string }).token}` });
  }

  async function ask(port: number, path: string, json: object | null, authorization = ''): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { authorization, 'content-type': 'application/json' },
      ...(json === null ? {} : { method: 'POST', body: JSON.stringify(json) }),
    });
    return { status: response.status, body: await response.json() };
  }
  async function as<T = Answer['body']>(user: User, path: string, json: object | null = null) {
    const { port, authorization } = consoles.get(user) ?? { port: 0, authorization: '' };
    const { status, body } = await ask(port, path, json, authorization);
    return { status, body: body as T };
  }

  const content = () => readFileSync(machine.outside(CONFIG_FILE), 'utf8');
  const digest = async (user: User) => (await as<{ digest: string }>(user, '/api/settings')).body.digest;
  const keyForm = (key: string, value: string) => ({ form: 'keys', keys: [{ key, value }] });
  const trialOf = async (user: User) => (await as<Trial>(user, '/api/changes/trial')).body.trial;
  async function ended(user: User): Promise<Trial['trial']> {
    await machine.until(
      'the change has ended',
      async () => !['testing', 'writing'].includes((await trialOf(user)).state),
      40_000,
    );
    return await trialOf(user);
  }

  it("console: root's runs as sallyport-console, with two groups and no capability", async () => {
    const pid = await machine.show('MainPID', 'console-root.service');
    const status = await machine.run('cat', `/proc/${pid}/status`);
    const [uid, gid, look, admin] = (
      await machine.run(
        'sh',
        '-c',
        'id -u sallyport-console; id -g sallyport-console; getent group sallyport sallyport-admin | cut -d: -f3',
      )
    ).split('\n');

    expect(status).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
    expect(status).toMatch(new RegExp(`^Gid:\\s+${gid}\\s+${gid}\\s+${gid}\\s+${gid}$`, 'm'));
    const groups = /^Groups:\s+(.*?)\s*$/m.exec(status)?.[1]?.split(' ') ?? [];
    expect(groups.toSorted()).toEqual([...new Set([gid, look, admin])].toSorted());
    for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'));
    expect(await machine.run('getent', 'passwd', 'sallyport-console')).toMatch(/:\/usr\/s?bin\/nologin$/m);
  });

  it('console: the session says what each user may do, and names the groups', async () => {
    const session = async (user: User) => (await as<ConsoleSession>(user, '/api/session')).body;

    expect(await session('alice')).toMatchObject({
      uid: 1_611,
      writes: 'service',
      daemon: 'running',
      authority: 'operate',
    });
    expect(await session('carol')).toMatchObject({
      may: { look: true, operate: false, change: false },
      writes: 'nobody',
      authority: 'look',
      group: { look: 'sallyport', operate: OPERATORS, change: 'sallyport-admin' },
    });
    expect(await session('root')).toMatchObject({
      user: 'sallyport-console',
      writes: 'service',
      may: { change: true },
    });
  });

  it.each(OPERATING)('console: a user who may only look is refused by the verb %s', async (name) => {
    const place = (PAGE_STREAMS as readonly string[]).includes(name) ? 'streams' : 'verbs';
    const { port, authorization } = consoles.get('carol') ?? { port: 0, authorization: '' };
    const response = await fetch(`http://127.0.0.1:${port}/api/${place}/${name}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(name === 'retryCredentials' ? 'corp' : {}),
    });
    const text = await response.text();
    if (response.status === 422) {
      // It never reached the daemon.
      expect([VERBS[name].request === null, text]).toEqual([false, expect.stringContaining('CONSOLE-REQUEST')]);
      return;
    }
    // A stream has begun before the daemon refuses it.
    expect([name, response.status]).toEqual([name, place === 'streams' ? 200 : 403]);
    expect(text).toMatch(/"code":"CONTROL-(?:OPERATE|ADMIN)"/);
  });

  it.each(['try', 'save'])('console: a user who may only look is refused a change (%s)', async (kind) => {
    const [before, journal] = [content(), await installed.journal('SYSLOG_IDENTIFIER=sallyport-change')];
    expect(await digest('carol')).toBe('');
    const form = keyForm('response_timeout.base_ms', '45000');
    const refused = await as<{ error: { code: string } }>('carol', `/api/changes/${kind}`, {
      digest: 'a'.repeat(64),
      form,
    });
    expect([refused.status, refused.body.error.code]).toEqual([403, 'CONFIG-FORBIDDEN']);
    for (const action of ['again', 'anyway', 'in-clear', 'leave'])
      expect((await as('carol', `/api/changes/${action}`, { trial: 1 })).status).toBe(400);
    expect(content()).toBe(before);
    expect(await installed.journal('SYSLOG_IDENTIFIER=sallyport-change')).toBe(journal);
    expect((await as('carol', '/api/verbs/status', {})).status).toBe(200);
  });

  it('console: the second of two admins gets a conflict, and the log names who changed what', async () => {
    const [first, second] = [await digest('alice'), await digest('bob')];
    expect(first).toBe(second);
    await as('alice', '/api/changes/save', { digest: first, form: keyForm('response_timeout.base_ms', '45000') });
    expect((await ended('alice')).state).toBe('saved');

    const late = await as<{ conflict?: { error: { code: string } } }>('bob', '/api/changes/save', {
      digest: second,
      form: keyForm('response_timeout.base_ms', '50000'),
    });
    expect(late.body.conflict?.error.code).toBe('CONFIG-CHANGED');
    expect(content()).toContain('45000');

    await as('bob', '/api/changes/save', {
      digest: await digest('bob'),
      form: keyForm('response_timeout.base_ms', '50000'),
    });
    expect((await ended('bob')).state).toBe('saved');
    const journal = await installed.journal('SYSLOG_IDENTIFIER=sallyport-change');
    for (const uid of [1_611, 1_612]) {
      expect(journal).toMatch(
        new RegExp(`Settings changed at the request of user ${uid} .*: response_timeout\\.base_ms\\.`),
      );
    }
  });

  it('console: while the change of one admin is tested, another learns whose it is', async () => {
    const { port } = silent.address() as AddressInfo;
    const form = { form: 'profile', name: 'corp', fields: { port: String(port) } };
    await as('alice', '/api/changes/try', { digest: await digest('alice'), form });
    await machine.until('the daemon tests the change', async () => {
      const { body } = await as<{ result: { config: { trying: object | null } } }>('alice', '/api/verbs/status', {});
      return body.result.config.trying !== null;
    });
    await as('bob', '/api/changes/try', { digest: await digest('bob'), form });
    const refused = await ended('bob');

    expect(refused.error?.code).toBe('CHANGE-PENDING');
    expect(refused.error?.message).toContain('user 1611');
    // A reload of the page finds it again.
    const held = await trialOf('alice');
    expect(held.state).toBe('testing');
    await as('alice', '/api/changes/leave', { trial: held.trial });
    await ended('alice');
    expect(content()).toContain('port: 1,');
  });

  // After each kill the file is the old one or the new one, and the next Save works.
  it.each(KILLS)('console: kill -9 of the %s %i ms after Save leaves the old or the new file', async (what, ms) => {
    const value = 60_000 + (KILLS.findIndex(([one, at]) => one === what && at === ms) + 1) * 1_000;
    const before = content();
    const old = /base_ms: (\d+)/.exec(before)?.[1] ?? '';
    const after = before.replace(`base_ms: ${old}`, `base_ms: ${value}`);
    await as('alice', '/api/changes/save', {
      digest: await digest('alice'),
      form: keyForm('response_timeout.base_ms', String(value)),
    });
    await delay(ms);
    await machine.try('systemctl', 'kill', '--signal=SIGKILL', '--kill-who=all', UNITS[what]);
    if (what === 'console') {
      await machine.until(
        'the console has ended',
        async () => (await machine.show('MainPID', 'console-alice.service')) === '0',
      );
      await start('alice');
    }
    await machine.until('the service runs', async () => (await machine.show('ActiveState')) === 'active', 40_000);
    if (what !== 'console') await ended('alice');
    expect([before, after]).toContain(content());
    // Nothing is left that holds the next change up.
    await machine.until(
      'the next Save works',
      async () => {
        const next = await as<{ trial?: number }>('alice', '/api/changes/save', {
          digest: await digest('alice'),
          form: keyForm('response_timeout.base_ms', String(value + 500)),
        });
        return next.status === 200 && next.body.trial !== undefined && (await ended('alice')).state === 'saved';
      },
      60_000,
    );
    expect(content()).toBe(before.replace(`base_ms: ${old}`, `base_ms: ${value + 500}`));
  });

  it('console: no user changes a key of root, also not in the console that root started', async () => {
    const before = content();
    for (const user of ['alice', 'root'] as const) {
      const form = keyForm('control.operate_group', 'adm');
      const answer = await as<{ error?: { code: string } }>(user, '/api/changes/save', {
        digest: await digest(user),
        form,
      });
      const code = answer.status === 200 ? (await ended(user)).error?.code : answer.body.error?.code;
      expect([user, code]).toEqual([user, 'KEY-AUTHORITY']);
    }
    expect(content()).toBe(before);
  });
});
