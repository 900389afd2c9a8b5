// Sallyport as its own script installs it, in a real systemd as PID 1: starting and stopping the service, access to its files,
// and what systemd reports about the unit.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Installed, LOG_FILE, PACKAGES } from '#test/support/installed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import type { Machine } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

// Tests start several processes in the machine, and others may run at the same time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const JAR = makeJar('u1', 300_000);
const UNIT = '/usr/lib/systemd/system/sallyport.service';
const INSTALL_DOC = fileURLToPath(new URL('../../docs/install.md', import.meta.url));

/** The proxy that asks for the password is the origin itself. */
const FEED_URL = 'http://127.0.0.1:1/feed.json';
const AUTHORIZATION = `Basic ${Buffer.from('daemon:correct horse').toString('base64')}`;

describeWith(['systemd'], 'the service in a real systemd', () => {
  let installed: Installed;
  let machine: Machine;
  let origin: ScriptedOrigin;

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
    // PID 1 then logs every message of sd_notify.
    await machine.run('systemctl', 'log-level', 'debug');
  });
  afterAll(async () => {
    await machine.run('systemctl', 'log-level', 'info');
    await installed.release();
  });

  const start = () => machine.run('systemctl', 'start', 'sallyport.service');
  const untilPublished = () => machine.until('u1 is published', () => machine.exists(`${PACKAGES}/u1.json`));

  describe('that published a package through a proxy', () => {
    const proxied: (string | undefined)[] = [];
    let logAtStart = '';

    beforeAll(async () => {
      origin = await startScriptedOrigin();
      for (const [url, content] of [
        [FEED_URL, feedOf([itemFor('u1', JAR)])],
        ['http://127.0.0.1:1/u1.jar', JAR],
      ] as const) {
        origin.on(url, behindLogin(content));
      }
      await installed.reset();
      machine.write('/etc/sallyport/secrets/proxy-password', 'correct horse\n', 0o600);
      await installed.edit(
        'LoadCredential=proxy-password:/etc/sallyport/secrets/proxy-password',
        'Environment=NODE_OPTIONS=--inspect NODE_EXTRA_CA_CERTS=/etc/passwd',
      );
      installed.configure([
        'retry: { attempts: 1 }',
        'updates:',
        `  feed_url: ${FEED_URL}`,
        'proxy_enabled: true',
        'proxies:',
        '  - name: corp',
        '    address: 127.0.0.1',
        `    port: ${new URL(origin.url).port}`,
        '    authentication: basic',
        '    user: daemon',
        '    password: { credential: proxy-password }',
        '    default: true',
      ]);
      await start();
      logAtStart = installed.log();
      await untilPublished();
    });
    afterAll(() => origin.close());

    function behindLogin(body: Uint8Array | string): (request: IncomingMessage, response: ServerResponse) => void {
      return (request, response) => {
        proxied.push(request.headers['proxy-authorization']);
        if (request.headers['proxy-authorization'] === AUTHORIZATION) response.writeHead(200).end(body);
        else response.writeHead(407, { 'proxy-authenticate': 'Basic realm="corp"' }).end();
      };
    }

    it('service: it is started only when the daemon is at work', async () => {
      expect(logAtStart).toContain('Listening for commands on');
      const status = await machine.run('sallyport', 'status', '--json');
      expect(JSON.parse(status)).toMatchObject({ main: { state: 'running' } });
      expect(await installed.notifications()).toContain('READY=1');
    });

    it('service: it reads a password from a credential of systemd', () => {
      expect(proxied).toContain(AUTHORIZATION);
    });

    it('service: systemctl status shows the last check and the time of the next', async () => {
      await machine.until('the round is over', async () => (await machine.show('StatusText')).includes('Next check'));

      expect(await machine.run('systemctl', 'status', 'sallyport.service')).toMatch(
        /Status: "Round ended: 1 published, 0 failed, 0 pruned\. Next check for updates at \S+\."/,
      );
    });

    it('service: another user can read packages, but no state, log, configuration or secret', async () => {
      const as = (...command: readonly [string, ...string[]]) => machine.as('application', ...command);

      const read = await as('sha256sum', `${PACKAGES}/u1.jar`);
      expect(read.stdout).toContain(createHash('sha256').update(JAR).digest('hex'));
      expect((await as('ls', PACKAGES)).stdout.split('\n')).toEqual(expect.arrayContaining(['u1.jar', 'u1.json']));
      expect((await as('touch', `${PACKAGES}/mine`)).status).not.toBe(0);
      for (const path of [
        '/var/lib/sallyport',
        '/var/lib/sallyport/outbox',
        `${PACKAGES}/.staging`,
        '/var/log/sallyport',
        '/etc/sallyport',
        '/run/sallyport',
        '/run/credentials/sallyport.service',
      ]) {
        expect([path, (await as('ls', path)).status]).not.toEqual([path, 0]);
      }
      for (const path of ['/var/lib/sallyport/agent.json', '/var/lib/sallyport/updates.json']) {
        expect([path, (await as('cat', path)).status]).not.toEqual([path, 0]);
        expect(await machine.run('stat', '-c', '%a %U', path)).toBe('600 sallyport\n');
      }
      expect(await machine.run('stat', '-c', '%a', PACKAGES, `${PACKAGES}/u1.jar`)).toBe('755\n644\n');
      expect(await machine.run('stat', '-c', '%a', LOG_FILE)).toBe('640\n');
    });

    it('service: it runs without privileges, core dumps and variables that change Node', async () => {
      const pid = await machine.show('MainPID');

      expect(await machine.run('cat', `/proc/${pid}/environ`)).not.toMatch(/NODE_/);
      expect((await machine.run('cat', `/proc/${pid}/cmdline`)).split('\0')).toEqual(
        expect.arrayContaining(['--disable-sigusr1', '--report-exclude-env']),
      );
      const status = await machine.run('cat', `/proc/${pid}/status`);
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^CapBnd:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(await machine.run('cat', `/proc/${pid}/limits`)).toMatch(/Max core file size\s+0\s+0/);
    });

    it('service: systemd is notified when a reload begins and when it is over', async () => {
      const before = (await installed.notifications()).length;
      await machine.run('systemctl', 'reload', 'sallyport.service');
      const since = async () => (await installed.notifications()).slice(before);
      await machine.until('the reload is over', async () => (await since()).includes('READY=1'));

      const told = await since();
      const begun = told.findIndex((message) => /^RELOADING=1, MONOTONIC_USEC=\d+$/.test(message));
      expect(begun).toBeGreaterThanOrEqual(0);
      expect(told.indexOf('READY=1')).toBeGreaterThan(begun);
      expect(await machine.show('ActiveState')).toBe('active');
    });

    it('service: a published package starts another service through a .path unit', async () => {
      for (const unit of ['application-update.path', 'application-update.service']) {
        const example = `/usr/share/doc/sallyport/examples/${unit}`;
        await machine.run('cp', example, '/etc/systemd/system/');
        expect(await machine.try('systemd-analyze', 'verify', example)).toEqual({ status: 0, stdout: '', stderr: '' });
      }
      await machine.run('systemctl', 'daemon-reload');
      await machine.run('systemctl', 'start', 'application-update.path');
      origin.on('http://127.0.0.1:1/u2.jar', behindLogin(makeJar('u2', 1_000)));
      const items = [itemFor('u1', JAR), itemFor('u2', makeJar('u2', 1_000), { package: 'other' })];
      origin.on(FEED_URL, behindLogin(feedOf(items, { serial: 2 })));
      await machine.run('sallyport', 'check');

      const told = () => installed.journal('--unit=application-update.service');
      await machine.until('it was woken', async () => (await told()).includes('u2.jar'));
      await machine.run('systemctl', 'stop', 'application-update.path');
    });

    it('service: systemctl status says what is wrong and what to check', async () => {
      await origin.close();
      await machine.try('sallyport', 'check');

      expect(await machine.show('StatusText')).toMatch(
        /^The check failed at proxy corp \(\S+\): \[TCP-REFUSED\].*Check the port/,
      );
    });
  });

  describe('with another start for each test', () => {
    beforeEach(async () => {
      origin = await startScriptedOrigin();
      origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
      origin.serve('/u1.jar', JAR);
      await installed.reset();
      installed.configure(['updates:', `  feed_url: ${origin.url}/feed.json`]);
    });
    afterEach(() => origin.close());

    it('service: a stop during a download ends within 10 s, and the download resumes later', async () => {
      origin.on('/u1.jar', (_request, response) => {
        response.writeHead(200, { 'content-length': JAR.length, etag: '"v1"' });
        response.write(JAR.subarray(0, 200_000));
      });
      await start();
      const parked = async () => (await machine.try('find', `${PACKAGES}/.staging`, '-size', '+100k')).stdout.trim();
      await machine.until('bytes are there', async () => (await parked()) !== '');
      const begun = Date.now();
      await machine.run('systemctl', 'stop', 'sallyport.service');

      expect(Date.now() - begun).toBeLessThan(10_000);
      expect(await machine.show('Result')).toBe('success');
      expect(await installed.notifications()).toContain('STOPPING=1');
      expect(await parked()).not.toBe('');

      const ranges: (string | undefined)[] = [];
      rememberRanges(origin, ranges);
      await start();
      await machine.run('sallyport', 'check');
      await untilPublished();
      expect(ranges).toEqual([expect.stringMatching(/^bytes=\d{5,}-$/)]);
    });

    function rememberRanges(server: ScriptedOrigin, ranges: (string | undefined)[]): void {
      server.on('/u1.jar', (request, response) => {
        ranges.push(request.headers.range);
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
        response.writeHead(206, {
          'content-length': JAR.length - from,
          'content-range': `bytes ${from}-${JAR.length - 1}/${JAR.length}`,
          etag: '"v1"',
        });
        response.end(JAR.subarray(from));
      });
    }

    it('service: the example drop-in lets support logs read what only the group adm may', async () => {
      const sources = 'support_logs: { sources: [/var/log/host.log] }';
      installed.configure(['updates:', `  feed_url: ${origin.url}/feed.json`, sources]);
      for (const group of ['adm', 'systemd-journal']) await machine.run('groupadd', '--force', '--system', group);
      machine.write('/var/log/host.log', 'a line\n', 0o640, 'adm');
      const plan = async () =>
        JSON.parse(await machine.run('sallyport', 'send-logs', '--dry-run', '--json')) as unknown;
      await start();
      const reason = expect.stringContaining(
        'the group adm would allow it (example drop-in: support-logs.conf)',
      ) as string;
      expect(await plan()).toMatchObject({ files: [], left_out: [{ reason }] });

      const folder = `/etc/systemd/system/sallyport.service.d`;
      await machine.run('mkdir', '-p', folder);
      await machine.run('cp', '/usr/share/doc/sallyport/examples/support-logs.conf', folder);
      await machine.run('systemctl', 'daemon-reload');
      await machine.run('systemctl', 'restart', 'sallyport.service');
      expect(await plan()).toMatchObject({ files: [{ bytes: 7 }], left_out: [] });
    });

    it('service: it is not restarted if its configuration is invalid, and the journal says why', async () => {
      installed.configure(['updates:', '  no_such_key: 1']);

      expect((await installed.systemctl('start', 'sallyport.service')).status).not.toBe(0);
      expect(await machine.show('ExecMainStatus')).toBe('78');
      expect(await machine.show('ActiveState')).toBe('failed');
      expect(await machine.show('NRestarts')).toBe('0');
      expect(await installed.journal('--unit=sallyport.service')).toContain('no_such_key');
    });
  });

  it('service: systemd-analyze verify accepts the unit', async () => {
    expect(await machine.try('systemd-analyze', 'verify', UNIT)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('service: the exposure is the one in docs/install.md, at most 1.5', async () => {
    const { stdout } = await machine.try('systemd-analyze', 'security', '--offline=true', '--no-pager', UNIT);
    const level = /Overall exposure level for sallyport\.service: ([\d.]+)/.exec(stdout)?.[1] ?? '';

    expect(Number(level)).toBeLessThanOrEqual(1.5);
    expect(readFileSync(INSTALL_DOC, 'utf8')).toContain(`**${level}**`);
  });
});
