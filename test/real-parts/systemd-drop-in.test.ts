// The drop-in of `sallyport systemd dropin` in a real systemd: the service works with it, and is more restricted.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Installed, PACKAGES } from '#test/support/installed.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import type { Machine } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/security.md', import.meta.url)), 'utf8');
const JAR = makeJar('u1', 20_000);

describeWith(['systemd'], 'the drop-in in a real systemd', () => {
  let installed: Installed;
  let machine: Machine;
  /** Also the proxy. */
  let origin: ScriptedOrigin;

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
    origin = await startScriptedOrigin();
    origin.serve('http://127.0.0.1:1/feed.json', feedOf([itemFor('u1', JAR)]));
    origin.serve('http://127.0.0.1:1/u1.jar', JAR);
    const { port } = new URL(origin.url);
    installed.configure([
      'updates:',
      '  feed_url: http://127.0.0.1:1/feed.json',
      'proxies:',
      ...[
        '  - name: corp',
        '    default: true',
        '    address: 127.0.0.1',
        `    port: ${port}`,
        '    authentication: basic',
        '    user: daemon',
      ],
      '    password: { credential: proxy-password }',
    ]);
    machine.write('/etc/sallyport/secrets/proxy-password', 'correct horse\n', 0o600);
  });
  afterAll(async () => {
    await origin.close();
    await installed.release();
  });

  const use = async (...options: readonly string[]) => {
    const made = await machine.run('sallyport', 'systemd', 'dropin', ...options);
    machine.write('/etc/systemd/system/sallyport.service.d/50-sallyport.conf', made);
    await machine.run('systemctl', 'daemon-reload');
    return made;
  };
  const exposure = async () => {
    const { stdout } = await machine.try('systemd-analyze', 'security', '--no-pager', 'sallyport.service');
    return /Overall exposure level for sallyport\.service: ([\d.]+)/.exec(stdout)?.[1] ?? 'none';
  };

  it('drop-in: the exposure is the one in docs/security.md, at most 1.3', async () => {
    expect(await use()).toContain('IPAddressAllow=127.0.0.1\n');
    const level = await exposure();
    expect(Number(level)).toBeLessThanOrEqual(1.3);
    expect(PAGE).toContain(`**${level}**`);
  });

  it('drop-in: with private users the exposure is at most 1.1, and a package is published', async () => {
    expect(await use('--private-users')).toContain('PrivateUsers=yes\n');
    const level = await exposure();
    expect(Number(level)).toBeLessThanOrEqual(1.1);
    expect(PAGE).toContain(`**${level}**`);
    await machine.run('systemctl', 'start', 'sallyport.service');
    expect(await machine.show('IPAddressDeny')).toContain('0.0.0.0/0');
    await machine.until('u1 is published', () => machine.exists(`${PACKAGES}/u1.json`));
    expect((await machine.try('sallyport', 'status', '--check')).status).toBe(0);
  });
});
