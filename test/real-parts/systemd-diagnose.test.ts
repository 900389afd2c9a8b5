// `sallyport diagnose` against the service in a real systemd: only the service can read its password, and the user's shell has
// other proxy variables. The verdict matches that of the work, because the service itself gives it.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Diagnosis, RoundResult } from '#control/control.ts';
import { ca, startFeedOrigin } from '#test/support/diagnosis-rig.ts';
import { startFaultProxy } from '#test/support/fault-proxy.ts';
import { Installed } from '#test/support/installed.ts';
import { type LoginProxy, startLoginProxy } from '#test/support/login-proxy.ts';
import type { Machine, Ran } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';
import type { TlsOrigin } from '#test/support/tls-origin.ts';

// Tests start several processes in the machine, and others may run at the same time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SECRET = '/etc/sallyport/secrets/proxy-password';
/** Where no proxy is, and as the admin's own account has it. */
const SHELL = ['HTTPS_PROXY=http://admin:admins-own@127.0.0.1:9', 'HTTP_PROXY=http://127.0.0.1:9', 'NO_PROXY=*'];

describeWith(['systemd'], 'diagnose with the service in a real systemd', () => {
  let installed: Installed;
  let machine: Machine;
  let origin: TlsOrigin;
  let login: LoginProxy;

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
  });
  afterAll(() => installed.release());
  async function startServers(): Promise<void> {
    origin = await startFeedOrigin();
    login = await startLoginProxy('basic', { user: 'svc', password: 'right one', domain: '' }, origin.port);
    await installed.reset();
  }
  const stopServers = () => Promise.all([origin.close(), login.close()]);

  /** Starts the service behind the proxy, with a password that is written like this. */
  async function start(password: string): Promise<void> {
    installed.configure([
      'updates:',
      `  feed_url: https://updates.example.com:${origin.port}/feed.json`,
      '  ca_file: /etc/sallyport/ca.pem',
      'proxies:',
      '  - name: corp',
      '    address: 127.0.0.1',
      `    port: ${login.port}`,
      '    authentication: basic',
      '    user: svc',
      `    password: ${password}`,
      '    default: true',
    ]);
    machine.write('/etc/sallyport/ca.pem', ca.cert);
    await machine.run('systemctl', 'start', 'sallyport.service');
  }

  /** A password that systemd gives only to the service. */
  async function startWithCredential(password: string): Promise<void> {
    machine.write(SECRET, `${password}\n`, 0o600);
    await installed.edit(`LoadCredential=proxy-password:${SECRET}`);
    await start('{ credential: proxy-password }');
  }

  const inShell = (...command: string[]) => machine.try('env', ...SHELL, 'sallyport', ...command);
  /** A user of the service's group: may ask the daemon, may not read its password. */
  const asMember = (...command: string[]) => {
    const member = ['--reuid=application', '--regid=application', '--groups=sallyport'];
    return machine.try('setpriv', ...member, 'env', ...SHELL, ...command);
  };
  const work = async () => JSON.parse((await inShell('check', '--json')).stdout) as RoundResult;

  function read({ status, stdout, stderr }: Ran): { status: number; diagnosis: Diagnosis } {
    expect(stderr).toContain('Using the daemon that listens at');
    return { status, diagnosis: JSON.parse(stdout) as Diagnosis };
  }

  describe('with the right password', () => {
    beforeAll(async () => {
      await startServers();
      await startWithCredential('right one');
    });
    afterAll(stopServers);

    it('diagnose with systemd: it reports success whatever variables the shell has', async () => {
      expect((await work()).failure).toBeNull();
      const { status, diagnosis } = read(await inShell('diagnose', '--json'));
      const told = await inShell('diagnose');

      expect(status).toBe(0);
      expect(diagnosis).toMatchObject({
        verdict: { outcome: 'ok', sentence: 'All is well: updates through corp.' },
        as: { service: true, user: 'sallyport', pid: Number(await machine.show('MainPID')) },
        environment: { service: {}, shell: { HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: '*' } },
      });
      expect(told.stdout).toMatch(/^All is well: updates through corp\.\n/);
      expect(told.stdout).toContain(
        'The environment of the service has no HTTPS_PROXY; your shell has http://127.0.0.1:9.',
      );
      expect(told.stdout + JSON.stringify(diagnosis)).not.toMatch(/admins-own|right one/);
    });

    it('diagnose with systemd: a user without access learns what to do', async () => {
      const { status, stdout } = await machine.as('application', 'sallyport', 'diagnose');
      const json = await machine.as('application', 'sallyport', 'diagnose', '--json');

      expect(status).toBe(19);
      expect(stdout).toMatch(/^Running as application, not as the service\.\n\[CONTROL-UNREACHABLE\] /);
      expect(stdout).toContain('as root or as a member of the service group');
      expect(JSON.parse(json.stdout)).toMatchObject({
        as: { user: 'application', service: false },
        verdict: { outcome: 'failed', finding: { code: 'CONTROL-UNREACHABLE', class: 'system' } },
      });
    });
  });

  describe('with another start for each test', () => {
    beforeEach(startServers);
    afterEach(stopServers);

    it('diagnose with systemd: it reports the failure of the work without another attempt', async () => {
      await startWithCredential('wrong one');
      const failure = (await work()).failure;
      const refused = login.counted.refused;

      const { status, diagnosis } = read(await inShell('diagnose', '--json'));

      expect(failure?.code).toBe('AUTH-REJECTED');
      expect({ status, finding: diagnosis.verdict.finding }).toMatchObject({
        status: 12,
        finding: { code: failure?.code },
      });
      expect(diagnosis.as.service).toBe(true);
      expect([refused, login.counted.refused]).toEqual([1, 1]);
    });

    it("diagnose with systemd: a member who cannot read the password gets the service's result", async () => {
      machine.write(SECRET, 'right one\n', 0o600);
      await machine.run('chown', 'sallyport', SECRET);
      await start(`{ file: ${SECRET} }`);

      expect((await asMember('cat', SECRET)).status).not.toBe(0);
      expect(read(await asMember('sallyport', 'diagnose', '--json'))).toMatchObject({
        status: 0,
        diagnosis: { verdict: { outcome: 'ok' }, as: { service: true, user: 'sallyport' } },
      });
      expect((await asMember('sallyport', 'proxy', 'test', 'corp')).stdout).toMatch(
        /^All is well: updates through corp\./,
      );
    });

    it('diagnose with systemd: a proxy variable that only the shell has is named', async () => {
      const gone = await startFaultProxy(() => undefined);
      await gone.close();
      const feed = `  feed_url: http://127.0.0.1:${gone.port}/feed.json`;
      installed.configure(['retry: { attempts: 1 }', 'updates:', feed]);
      await machine.run('systemctl', 'start', 'sallyport.service');

      const failure = (await work()).failure;
      const { status, stdout } = await inShell('diagnose');

      expect(status).toBe(78);
      expect(stdout).toMatch(
        /^\[SHELL-DIFFERS\] updates: .* Your shell sets HTTPS_PROXY, HTTP_PROXY, but the environment of the service does not/,
      );
      expect(stdout).toContain(`(${failure?.code})`);
    });
  });
});
