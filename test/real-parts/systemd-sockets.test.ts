// The control sockets of the installed service with real users under a real systemd: every verb on every socket, and the
// user IDs of two users distinguished.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VERBS } from '#control/control.ts';
import { type AnyVerb, type Authority, isSufficient, methodOf } from '#control/verb.ts';
import { type Origin, startOrigin } from '#origin/server.ts';
import { Installed } from '#test/support/installed.ts';
import { feedOf } from '#test/support/jars.ts';
import type { Machine, Ran } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { readDocuments } from '#test/support/stored-documents.ts';

const OPERATORS = 1_700;
/**
 * `look` is in the group of the service only, the operators in the group of `control.operate_group` only, the submitter in
 * sallyport-submit only.
 */
const USERS = { root: 0, look: 1_601, operator: 1_602, other: 1_603, stranger: 1_604, submitter: 1_605 } as const;
type User = keyof typeof USERS;

const SOCKETS = ['look', 'operate', 'control', 'admin'] as const;
const TABLE = Object.entries(VERBS as Readonly<Record<string, AnyVerb>>);
/** What each socket allows. */
const AUTHORITY: Readonly<Record<(typeof SOCKETS)[number], Authority>> = {
  look: 'look',
  operate: 'operate',
  control: 'operate',
  admin: 'admin',
};
/** Which sockets each user can open. */
const OPEN: Readonly<Record<User, readonly string[]>> = {
  root: SOCKETS,
  look: ['look'],
  operator: ['operate', 'control'],
  other: ['operate', 'control'],
  stranger: [],
  submitter: [],
};
/** A request that each verb accepts; the change is refused because its text is not a configuration. */
const REQUESTS: Readonly<Record<string, unknown>> = {
  follow: { after: null },
  explainTimeout: { size: null },
  metrics: { format: 'text' },
  retryCredentials: { profile: null },
  seedTimeout: [],
  diagnose: { purposes: ['updates'], shell: {}, candidate: null, through: null },
  runHook: { id: 'u1' },
  tryChange: { text: '', typed: [], window_ms: 1_000, waits: false, by: 'a test' },
};

describeWith(['systemd'], 'the control sockets of the installed service', () => {
  let installed: Installed;
  let machine: Machine;
  let origin: ScriptedOrigin;
  let collector: Origin;
  let collected = '';
  let serviceGroup = '';
  let submitGroup = '';

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
    origin = await startScriptedOrigin();
    origin.serve('/feed.json', feedOf([]), 'application/json');
    collected = await mkdtemp(join(tmpdir(), 'sallyport-collected-'));
    collector = await startOrigin({ dir: collected });
    serviceGroup = (await machine.run('id', '-g', 'sallyport')).trim();
    submitGroup = (await machine.run('sh', '-c', 'getent group sallyport-submit | cut -d: -f3')).trim();
    await machine.run('sh', '-c', `echo 'sallyport-operators:x:${OPERATORS}:sallyport' >> /etc/group`);
    operatedBy('sallyport-operators');
    await machine.run('systemctl', 'start', 'sallyport.service');
  }, 120_000);
  afterAll(async () => {
    await origin?.close();
    await collector?.close();
    await installed?.release();
    await rm(collected, { recursive: true, force: true });
  });

  const operatedBy = (group: string) =>
    installed.configure([
      ...['updates:', `  feed_url: ${origin.url}/feed.json`, 'control:', `  operate_group: ${group}`],
      ...['exposure_analytics:', '  enabled: true', `  url: ${collector.analyticsUrl}`, '  batch_max_age_seconds: 1'],
      '  drop_dir: /var/spool/sallyport',
      ...['metrics:', '  enabled: true'],
    ]);

  function as(user: User, ...command: readonly string[]): Promise<Ran> {
    const others = { look: serviceGroup, operator: OPERATORS, other: OPERATORS, root: 0 };
    const groups = { ...others, stranger: 1_604, submitter: submitGroup }[user];
    const uid = USERS[user];
    return machine.try('setpriv', `--reuid=${uid}`, `--regid=${uid}`, `--groups=${groups}`, '--', ...command);
  }

  /** What came of each verb: `closed`, `refused` or `allowed`. */
  async function askAll(user: User, socket: string): Promise<Record<string, string>> {
    const requests = TABLE.flatMap(([name, verb], index) => [
      ...(index === 0 ? [] : ['--next']),
      // A follower never ends by itself.
      ...['--silent', '--output', '/dev/null', '--max-time', name === 'follow' ? '0.5' : '20'],
      ...['--unix-socket', `/run/sallyport/${socket}.sock`, '--request', methodOf(verb)],
      ...(verb.request === null ? [] : ['--data-binary', JSON.stringify(REQUESTS[name])]),
      ...['--write-out', `${name} %{http_code}\n`, `http://localhost${verb.path}`],
    ]);
    const { stdout } = await as(user, 'curl', ...requests);
    const told: Readonly<Record<string, string>> = { '000': 'closed', '403': 'refused', '404': 'unknown' };
    const lines = stdout.trim().split('\n');
    return Object.fromEntries(
      lines.map((line) => line.split(' ')).map(([name, code = '']) => [name, told[code] ?? 'allowed']),
    );
  }

  it.each(Object.keys(USERS) as User[])(
    'installed sockets: %s can use each verb on their sockets and no other',
    { timeout: 60_000 },
    async (user) => {
      const results = await Promise.all(SOCKETS.map((socket) => askAll(user, socket)));
      for (const [index, socket] of SOCKETS.entries()) {
        const expected = TABLE.map(([name, { needs }]) => {
          const may = isSufficient(AUTHORITY[socket], needs) ? 'allowed' : 'refused';
          return [name, OPEN[user].includes(socket) ? may : 'closed'];
        });
        expect(results[index], socket).toEqual(Object.fromEntries(expected));
      }
    },
  );

  it("installed sockets: an operator's command works without access to the configuration", {
    timeout: 60_000,
  }, async () => {
    expect((await as('operator', 'cat', '/etc/sallyport/sallyport.yaml')).status).not.toBe(0);
    expect(await as('operator', 'sallyport', 'check')).toMatchObject({ status: 0 });
    const refused = await as('operator', 'sallyport', 'updates', 'forget-serial');
    expect(refused).toMatchObject({ status: 19, stderr: expect.stringContaining('[CONTROL-ADMIN]') as string });
    const looking = await as('look', 'sallyport', 'check');
    expect(looking).toMatchObject({ status: 19, stderr: expect.stringContaining('[CONTROL-OPERATE]') as string });
    expect(await as('look', 'sallyport', 'status')).toMatchObject({ status: 0 });
  });

  it('installed sockets: a member of sallyport-submit can submit documents, and nothing else', {
    timeout: 60_000,
  }, async () => {
    const arrived = () => readDocuments(collector).map(({ document }) => document.n);
    expect((await as('submitter', 'cat', '/etc/sallyport/sallyport.yaml')).status).not.toBe(0);
    const submitted = await as('submitter', 'sh', '-c', `printf '{"n":1}\\n{"n":2}\\n' | sallyport submit`);
    expect(submitted).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Accepted 2 documents of stdin /) as string,
    });
    const dropped = `cd /var/spool/sallyport && printf '{"n":3}' > tmp/$$ && mv tmp/$$ new/$$`;
    expect(await as('submitter', 'sh', '-c', dropped)).toMatchObject({ status: 0 });
    await expect.poll(() => arrived().toSorted(), { timeout: 20_000 }).toEqual([1, 2, 3]);

    expect((await as('submitter', 'sallyport', 'status')).stderr).toContain('[CONTROL-UNREACHABLE]');
    const stranger = await as('stranger', 'sh', '-c', `echo '{"n":4}' | sallyport submit`);
    expect(stranger.status).not.toBe(0);
    expect((await as('stranger', 'ls', '/var/spool/sallyport')).status).not.toBe(0);
    expect(arrived()).toHaveLength(3);

    await machine.run('systemctl', 'stop', 'sallyport.service');
    const left = await as('submitter', 'sh', '-c', `echo '{"n":5}' | sallyport submit`);
    expect(left).toMatchObject({ status: 0, stdout: expect.stringContaining('in the drop directory') as string });
    await machine.run('systemctl', 'start', 'sallyport.service');
    await expect.poll(() => arrived().toSorted(), { timeout: 20_000 }).toEqual([1, 2, 3, 5]);
  });

  it('installed sockets: the log names the user of each request', () => {
    const log = installed.log();
    for (const user of ['operator', 'other'] as const) {
      const line = new RegExp(
        `Request over \\S+/operate.sock from user ${USERS[user]} \\(process \\d+\\) to verify the packages`,
      );
      expect(log).toMatch(line);
    }
    expect(log).not.toContain('65534');
  });

  it('installed sockets: systemd serves the metrics on a port, and the service listens on none', {
    timeout: 60_000,
  }, async () => {
    const port = await freePort();
    machine.write(
      '/etc/systemd/system/sallyport-metrics.socket.d/port.conf',
      `[Socket]\nListenStream=\nListenStream=127.0.0.1:${port}\n`,
    );
    await machine.run('systemctl', 'daemon-reload');
    await machine.run('systemctl', 'start', 'sallyport-metrics.socket');
    const read = () => fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text());

    expect(await read()).toContain('\nsallyport_daemon_running 1\n');

    expect((await as('stranger', 'ls', '/run/sallyport/metrics.sock')).status).toBe(0);
    const direct = ['--silent', '--unix-socket', '/run/sallyport/metrics.sock', 'http://localhost/metrics'];
    expect((await as('stranger', 'curl', ...direct)).status).not.toBe(0);
    expect((await as('look', 'curl', ...direct)).stdout).toContain('sallyport_daemon_running 1');
    expect(await machine.show('SocketBindDeny')).toContain('any');
    const exposure = (await machine.try('systemd-analyze', 'security', '--no-pager', 'sallyport-metrics.service'))
      .stdout;
    expect(Number(/exposure level for [^:]*: ([\d.]+)/i.exec(exposure)?.[1])).toBeLessThan(1.5);

    await machine.run('systemctl', 'stop', 'sallyport.service');
    await expect(read()).rejects.toThrow();
    await machine.run('systemctl', 'start', 'sallyport.service');
    expect(await read()).toContain('\nsallyport_daemon_running 1\n');
    await machine.run('systemctl', 'stop', 'sallyport-metrics.socket', 'sallyport-metrics.service');
  });

  it('installed sockets: a group without the service user fails the start with advice', async () => {
    await machine.run('systemctl', 'stop', 'sallyport.service');
    operatedBy('application');
    expect((await installed.systemctl('start', 'sallyport.service')).status).not.toBe(0);
    expect(await machine.show('ExecMainStatus')).toBe('78');
    expect(await installed.journal('--unit=sallyport.service')).toMatch(
      /\[CONTROL-GROUP\] Cannot give operate\.sock to the group application .*the service user is not a member of it.*/,
    );
    expect((await machine.try('ls', '/run/sallyport/operate.sock')).status).not.toBe(0);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
