// `mirror` and `updates import` by the service in the sandbox of its unit, under a real systemd.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RoundResult } from '#control/control.ts';
import { Installed, PACKAGES } from '#test/support/installed.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import type { Machine } from '#test/support/machine.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { SignedOrigin } from '#test/support/signed-origin.ts';

const MIRROR = '/srv/mirror';
const JAR = makeJar('u1', 4_000);

describeWith(['systemd'], 'mirrors and imports by the installed service', () => {
  let installed: Installed;
  let machine: Machine;
  let origin: SignedOrigin;

  beforeAll(async () => {
    installed = await Installed.take();
    machine = installed.machine;
    origin = await SignedOrigin.start();
    origin.validFromNow();
    origin.offer([{ item: itemFor('u1', JAR), bytes: JAR }]);
  }, 120_000);
  afterAll(async () => {
    await origin?.close();
    await machine?.try('rm', '-rf', MIRROR);
    await installed?.release();
  });

  async function start(): Promise<void> {
    installed.configure([
      ...['updates:', '  trust: tuf', '  tuf:', `    metadata_url: ${origin.url}/metadata/`],
      ...['    root_file: /etc/sallyport/root.json', 'retry:', '  attempts: 1'],
    ]);
    const root = Buffer.from(origin.repository.initialRoot).toString('utf8');
    machine.write('/etc/sallyport/root.json', root, 0o640, 'sallyport');
    await machine.run('systemctl', 'start', 'sallyport.service');
  }

  it('installed: a mirror needs a folder of its own, and an import only one to read', {
    timeout: 120_000,
  }, async () => {
    await start();
    await machine.run('install', '-d', '-o', 'sallyport', MIRROR);
    const refused = await machine.try('sallyport', 'mirror', MIRROR);
    expect(refused.status).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/\[FILE-FAILED\].*read-only/i);

    await installed.edit(`ReadWritePaths=${MIRROR}`);
    await machine.run('systemctl', 'restart', 'sallyport.service');
    expect(await machine.run('sallyport', 'mirror', MIRROR)).toContain('is complete: 2 targets, 2 downloaded now');

    await installed.reset();
    await origin.close();
    await start();
    const imported = JSON.parse(await machine.run('sallyport', 'updates', 'import', MIRROR, '--json')) as RoundResult;
    expect(imported).toMatchObject({ published: ['u1'], failed: [], failure: null });
    expect(await machine.run('sha256sum', `${PACKAGES}/u1.jar`)).toContain(String(itemFor('u1', JAR)['sha256']));
    expect(installed.log()).toContain(`Importing updates from ${MIRROR}, as requested by root.`);
  });
});
