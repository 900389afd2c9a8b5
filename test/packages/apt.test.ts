// The Debian package from a signed repository in files, by apt, on a machine with a real systemd and without a network.

import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { feedOf, itemFor, makeBigJar, sha256 } from '#test/support/jars.ts';
import type { Machine } from '#test/support/machine.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { AptMachine, NEW } from './apt-machine.ts';
import { madePackages } from './made-packages.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const JAR = makeBigJar('big', 200_000_000);
/** Bytes per second of the origin. */
const RATE = 20_000_000;

describe('the Debian package', () => {
  let host: AptMachine;
  let machine: Machine;
  let origin: ScriptedOrigin;
  let sent = 0;
  const feed = feedOf([itemFor('big', JAR)]);
  /** Before the first installation. */
  let filesBefore: readonly string[] = [];

  beforeAll(async () => {
    host = await AptMachine.boot();
    machine = host.machine;
    origin = await startScriptedOrigin();
    origin.serve('/feed.json', feed);
    origin.on(
      '/big.jar',
      slowly(JAR, (bytes) => (sent += bytes)),
    );
  });
  afterAll(async () => {
    await origin?.close();
    host?.close();
  });

  const configure = () =>
    host.configure(['updates:', `  feed_url: ${origin.url}/feed.json`, `  acknowledge_url: ${origin.url}/acknowledge`]);
  const checkEnded = () =>
    machine.until('a check has ended', async () => (await machine.show('StatusText')).includes('Next check'));

  it('apt: it refuses a changed, unsigned or wrongly signed list, and a changed package', async () => {
    await host.aptMust('update');
    await host.whileSpoiled(async (damage) => {
      const [updated, got] = [await host.apt('update'), await host.apt('install', 'sallyport')];
      expect(`${updated.status} ${updated.stderr}${got.stderr}`, damage).toMatch(
        /NO_PUBKEY|not signed|BADSIG|NOSPLIT|Hash Sum|[sS]ignature/,
      );
      expect(got.status, damage).not.toBe(0);
    });
    expect(machine.exists('/usr/bin/sallyport')).toBe(false);
  });

  it('apt: the first installation starts nothing and puts nothing of the package into /etc', async () => {
    await host.aptMust('update');
    // Every real host has them.
    await machine.run('mkdir', '-p', '/etc/systemd/system/multi-user.target.wants', '/var/spool');
    // dpkg does not know here that fish owns this folder, and removes it if it is empty.
    await machine.run('mkdir', '-p', '/usr/share/fish/vendor_completions.d');
    machine.write('/usr/share/fish/vendor_completions.d/other.fish', '');
    filesBefore = await host.files();
    await host.aptMust('install', `sallyport=${host.old}`);

    expect(await host.installed()).toBe(host.old);
    expect(await machine.show('ActiveState')).toBe('inactive');
    expect((await machine.try('systemctl', 'is-enabled', 'sallyport.service')).stdout.trim()).toBe('disabled');
    expect(await machine.run('find', '/etc/sallyport', '-type', 'f')).toBe('');
    expect(await machine.run('dpkg-query', '-L', 'sallyport')).not.toMatch(/^\/etc/m);
    expect(await machine.run('sallyport', '--version')).toContain(host.release.version);
  });

  it('apt: install.sh refuses to replace or remove what the package owns', async () => {
    for (const flag of [[], ['--remove']]) {
      const ran = await machine.try('/checkout/systemd/install.sh', '--node', '/usr/lib/sallyport/node', ...flag);
      expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('the Debian package sallyport owns') });
    }
  });

  it('apt: an upgrade during a download of 200 MB continues it, with the new files', async () => {
    configure();
    await machine.run('systemctl', 'start', 'sallyport.service');
    await machine.until('a part has arrived', () => sent > 30_000_000, 60_000);
    // The diagnosis waits for this answer when the files change.
    const asked = origin.asked.length;
    origin.on('/feed.json', () => undefined);
    const diagnosis = machine.try('sallyport', 'diagnose');
    await machine.until('the diagnosis runs', () => origin.asked.slice(asked).includes('GET /feed.json'));

    await host.aptMust('install', `sallyport=${NEW}`);

    origin.serve('/feed.json', feed);
    expect(sent, 'the upgrade came during the download').toBeLessThan(JAR.length);
    expect(await machine.show('ActiveState')).toBe('active');
    expect(await host.installed()).toBe(NEW);
    expect((await diagnosis).status).not.toBe(0);
    expect((await diagnosis).stderr).not.toMatch(/Cannot find module|ERR_MODULE_NOT_FOUND|\[INTERNAL\]/);
    // After a restart the next check is a minute later.
    await machine.run('sallyport', 'check');
    expect(machine.exists('/var/lib/sallyport/packages/big.json')).toBe(true);
    expect(sha256(readFileSync(machine.outside('/var/lib/sallyport/packages/big.jar')))).toBe(sha256(JAR));
    expect(sent).toBeLessThanOrEqual(JAR.length * 1.05);
    expect(host.log()).not.toMatch(/ERR_MODULE_NOT_FOUND|\[INTERNAL\]/);
  });

  it('apt: a downgrade keeps the settings, and sets a newer state file aside', async () => {
    await machine.run('systemctl', 'stop', 'sallyport.service');
    await machine.run('systemctl', 'mask', 'sallyport.service');
    // As a later version may write it.
    const state = machine.outside('/var/lib/sallyport/updates.json');
    writeFileSync(state, readFileSync(state, 'utf8').replace('"format":1', '"format":1000'));
    expect(readFileSync(state, 'utf8')).toContain('"format":1000');
    await host.aptMust('install', '--allow-downgrades', `sallyport=${host.old}`);

    expect(await host.installed()).toBe(host.old);
    expect(await machine.show('ActiveState'), 'a stopped service stays stopped').toBe('inactive');
    expect(await machine.show('LoadState'), 'a masked service stays masked').toBe('masked');
    await machine.run('systemctl', 'unmask', 'sallyport.service');
    const before = origin.asked.length;
    await machine.run('systemctl', 'start', 'sallyport.service');
    await checkEnded();
    expect(host.log()).toContain('STATE-NEWER');
    expect(origin.asked.slice(before)).not.toContain('GET /big.jar');
    await machine.until('the receipt was sent', () => origin.receipts.length > 0);
    expect(machine.exists('/var/lib/sallyport/packages/big.jar')).toBe(true);
  });

  it('apt: remove keeps settings and data, purge deletes all except the users', async () => {
    machine.write('/etc/systemd/system/sallyport.service.d/override.conf', '[Service]\nNice=1\n');
    await machine.run('systemctl', 'enable', 'sallyport.service');
    await host.aptMust('remove', 'sallyport');
    expect(await machine.show('ActiveState')).toBe('inactive');
    expect(machine.exists('/usr/bin/sallyport')).toBe(false);
    expect(machine.exists('/etc/sallyport/sallyport.yaml')).toBe(true);
    expect(machine.exists('/var/lib/sallyport/packages/big.jar')).toBe(true);

    await machine.run('sh', '-c', 'cd / && tar -cf /backup.tar etc/sallyport var/lib/sallyport');
    await host.aptMust('purge', 'sallyport');
    expect((await host.files()).sort()).toEqual([...filesBefore].sort());
    expect((await machine.try('id', 'sallyport')).status).toBe(0);
  });

  it('backup: after a restore on a host without data, nothing is downloaded or reported again', async () => {
    await host.aptMust('install', `sallyport=${host.old}`);
    await machine.run('tar', '-xf', '/backup.tar', '-C', '/');
    const [asked, receipts] = [origin.asked.length, origin.receipts.length];
    await machine.run('systemctl', 'start', 'sallyport.service');
    await machine.run('sallyport', 'check');

    expect(origin.asked.slice(asked)).toContain('GET /feed.json');
    expect(origin.asked.slice(asked)).not.toContain('GET /big.jar');
    expect(origin.receipts.length).toBe(receipts);
    expect(host.log()).not.toMatch(/STATE-|FOLDER-UNSAFE/);
    await host.aptMust('purge', 'sallyport');
  });

  it('apt: the package takes over a program that install.sh installed, with its service', async () => {
    const name = `sallyport-${host.release.version}-linux-x64`;
    cpSync(join(madePackages(), `${name}.tar.gz`), machine.outside('/repository/program.tar.gz'));
    await machine.run('tar', '-xzf', '/repository/program.tar.gz', '-C', '/repository');
    await machine.run(`/repository/${name}/systemd/install.sh`);
    configure();
    await machine.run('systemctl', 'start', 'sallyport.service');
    writeFileSync(machine.outside('/usr/lib/sallyport/program/parts/of-the-script.js'), '');

    await host.aptMust('install', 'sallyport');

    expect(await machine.show('ActiveState')).toBe('active');
    expect(machine.exists('/usr/lib/sallyport/program/parts/of-the-script.js')).toBe(false);
    expect(readdirSync(machine.outside('/usr/lib')).filter((one) => one.startsWith('sallyport'))).toEqual([
      'sallyport',
    ]);
    expect(existsSync(machine.outside('/etc/sallyport/sallyport.yaml'))).toBe(true);
  });
});

/** Serves the bytes at `RATE`, also from the middle. */
function slowly(
  body: Buffer,
  sending: (bytes: number) => void,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, {
      etag: '"v1"',
      'content-length': body.length - from,
      ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` }),
    });
    void (async () => {
      for (let at = from; at < body.length && !response.destroyed; at += RATE / 20) {
        const chunk = body.subarray(at, at + RATE / 20);
        // Bytes that wait in this process were not fetched.
        if (!response.write(chunk)) await drained(response);
        if (!response.destroyed) sending(chunk.length);
        await delay(50);
      }
      response.end();
    })();
  };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      response.off('drain', end).off('close', end);
      resolve();
    };
    response.on('drain', end).on('close', end);
  });
}
