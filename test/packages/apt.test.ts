// The Debian package from a signed repository in files, by apt, on a machine with a real systemd and without a network.

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { feedOf, itemFor, makeJar, sha256 } from '#test/support/jars.ts';
import { Machine } from '#test/support/machine.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { programOutput } from '#tools/package/programs.ts';
import { readRelease } from '#tools/package/release.ts';
import { makeAptRepository } from '#tools/package/repositories.ts';
import { exportKey, findKey, type Signing } from '#tools/package/signing.ts';
import { madePackages } from './made-packages.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const JAR = makeJar('big', 60_000_000);
/** Bytes per second of the origin. */
const RATE = 6_000_000;
const NEW = '9.0.0-1';
const SOURCES =
  'Types: deb\nURIs: file:/repository/apt\nSuites: stable\nComponents: main\nSigned-By: /etc/apt/keyrings/sallyport.asc\n';

describe('the Debian package', () => {
  let machine: Machine;
  let origin: ScriptedOrigin;
  let sent = 0;
  let signing: Signing;
  const work = mkdtempSync(join(tmpdir(), 'sallyport-apt-'));
  const release = readRelease(true);
  const deb = join(madePackages(), `sallyport_${release.packageVersion}-1_amd64.deb`);

  beforeAll(async () => {
    process.env['GNUPGHOME'] = join(work, 'keys');
    mkdirSync(join(work, 'keys'), { mode: 0o700 });
    const flags = ['--batch', '--quiet', '--passphrase', '', '--quick-gen-key'];
    programOutput('gpg', [...flags, 'Test <test@example.com>', 'ed25519', 'sign', 'never']);
    signing = findKey('test@example.com');
    machine = await Machine.boot();
    await preparePackageManager(machine);
    makeRepository('repository', [deb, withVersion(work, deb, NEW)]);
    machine.copy(join(work, 'repository'), '/repository');
    machine.write(
      '/etc/apt/keyrings/sallyport.asc',
      readFileSync(join(work, 'repository/sallyport-archive-key.asc'), 'utf8'),
    );
    machine.write('/etc/apt/sources.list.d/sallyport.sources', SOURCES);
    origin = await startScriptedOrigin();
    origin.serve('/feed.json', feedOf([itemFor('big', JAR)]));
    origin.on(
      '/big.jar',
      slowly(JAR, (bytes) => (sent += bytes)),
    );
  });
  afterAll(async () => {
    await origin?.close();
    programOutput('gpgconf', ['--kill', 'all']);
    rmSync(work, { recursive: true, force: true });
  });

  const makeRepository = (name: string, debs: readonly string[]) => {
    const output = join(work, name);
    makeAptRepository(release, debs, { output, signing });
    exportKey(signing, output);
  };
  const apt = (...args: readonly string[]) => machine.try('apt-get', '--quiet=2', '--yes', ...args);
  const aptMust = async (...args: readonly string[]) => {
    const ran = await apt(...args);
    expect(`${ran.status} ${ran.stderr}`, args.join(' ')).toMatch(/^0 /);
  };
  const installed = async () => (await machine.run('dpkg-query', '-W', 'sallyport')).split('\t')[1]?.trim();
  const log = () => readFileSync(machine.outside('/var/log/sallyport/sallyport.log'), 'utf8');

  it('apt: it refuses a changed list, a list without signature, and a changed package', async () => {
    await aptMust('update');
    for (const [name, spoil] of SPOILED) {
      const output = join(work, 'spoiled');
      cpSync(join(work, 'repository'), output, { recursive: true });
      spoil(join(output, 'apt'));
      rmSync(machine.outside('/repository'), { recursive: true });
      machine.copy(output, '/repository');
      rmSync(output, { recursive: true });
      // What apt has read before would be used again.
      await machine.run('sh', '-c', 'rm -rf /var/lib/apt/lists/*');
      const [updated, got] = [await apt('update'), await apt('install', 'sallyport')];
      expect(`${updated.status} ${updated.stderr}${got.stderr}`, name).toMatch(
        /NO_PUBKEY|not signed|BADSIG|NOSPLIT|Hash Sum|[sS]ignature/,
      );
      expect(got.status, name).not.toBe(0);
    }
    rmSync(machine.outside('/repository'), { recursive: true });
    machine.copy(join(work, 'repository'), '/repository');
    expect(machine.exists('/usr/bin/sallyport')).toBe(false);
  });

  it('apt: the first installation starts nothing and puts nothing of the package into /etc', async () => {
    await aptMust('update');
    await aptMust('install', `sallyport=${release.packageVersion}-1`);

    expect(await installed()).toBe(`${release.packageVersion}-1`);
    expect(await machine.show('ActiveState')).toBe('inactive');
    expect((await machine.try('systemctl', 'is-enabled', 'sallyport.service')).stdout.trim()).toBe('disabled');
    expect(await machine.run('find', '/etc/sallyport', '-type', 'f')).toBe('');
    expect(await machine.run('dpkg-query', '-L', 'sallyport')).not.toMatch(/^\/etc/m);
    expect(await machine.run('sallyport', '--version')).toContain(release.version);
  });

  it('apt: install.sh refuses to replace or remove what the package owns', async () => {
    for (const flag of [[], ['--remove']]) {
      const ran = await machine.try('/checkout/systemd/install.sh', '--node', '/usr/lib/sallyport/node', ...flag);
      expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('the Debian package sallyport owns') });
    }
  });

  it('apt: an upgrade during a download continues it, with the new files', async () => {
    machine.write(
      '/etc/sallyport/sallyport.yaml',
      `version: 2\nupdates:\n  feed_url: ${origin.url}/feed.json\n`,
      0o640,
      'sallyport',
    );
    await machine.run('systemctl', 'start', 'sallyport.service');
    await machine.until('a part has arrived', () => sent > 15_000_000, 60_000);
    const diagnosis = machine.try('sallyport', 'diagnose');

    await aptMust('install', `sallyport=${NEW}`);

    expect(await machine.show('ActiveState')).toBe('active');
    expect(await installed()).toBe(NEW);
    expect((await diagnosis).stderr).not.toMatch(/Cannot find module|ERR_MODULE_NOT_FOUND|\[INTERNAL\]/);
    await machine.until(
      'the package is published',
      () => machine.exists('/var/lib/sallyport/packages/big.json'),
      90_000,
    );
    expect(sha256(readFileSync(machine.outside('/var/lib/sallyport/packages/big.jar')))).toBe(sha256(JAR));
    expect(sent).toBeLessThanOrEqual(JAR.length * 1.05);
    expect(log()).not.toMatch(/ERR_MODULE_NOT_FOUND|\[INTERNAL\]/);
  });

  it('apt: a downgrade keeps the settings, and a stopped or masked service stays so', async () => {
    await machine.run('systemctl', 'stop', 'sallyport.service');
    await machine.run('systemctl', 'mask', 'sallyport.service');
    await aptMust('install', '--allow-downgrades', `sallyport=${release.packageVersion}-1`);

    expect(await installed()).toBe(`${release.packageVersion}-1`);
    expect(await machine.show('ActiveState')).toBe('inactive');
    expect(await machine.show('LoadState')).toBe('masked');
    await machine.run('systemctl', 'unmask', 'sallyport.service');
    const before = origin.asked.length;
    await machine.run('systemctl', 'start', 'sallyport.service');
    await machine.until('a check has ended', async () => (await machine.show('StatusText')).includes('Next check'));
    expect(origin.asked.slice(before)).not.toContain('GET /big.jar');
  });

  it('apt: remove keeps settings and data, purge deletes them and keeps the users', async () => {
    machine.write('/etc/systemd/system/sallyport.service.d/override.conf', '[Service]\nNice=1\n');
    await machine.run('systemctl', 'enable', 'sallyport.service');
    await aptMust('remove', 'sallyport');
    expect(await machine.show('ActiveState')).toBe('inactive');
    expect(machine.exists('/usr/bin/sallyport')).toBe(false);
    expect(machine.exists('/etc/sallyport/sallyport.yaml')).toBe(true);
    expect(machine.exists('/var/lib/sallyport/packages/big.jar')).toBe(true);

    await aptMust('purge', 'sallyport');
    const left = await machine.run(
      'find',
      '/etc',
      '/usr',
      '/var',
      '/run',
      '-xdev',
      '-name',
      '*allyport*',
      '-not',
      '-path',
      '/var/lib/apt/*',
      '-not',
      '-path',
      '/etc/apt/*',
    );
    expect(left.split('\n').filter((line) => line !== '' && !line.startsWith('/var/lib/dpkg/'))).toEqual([]);
    expect((await machine.try('id', 'sallyport')).status).toBe(0);
  });

  it('apt: the package takes over a program that install.sh installed, with its service', async () => {
    const name = `sallyport-${release.version}-linux-x64`;
    cpSync(join(madePackages(), `${name}.tar.gz`), machine.outside('/repository/program.tar.gz'));
    await machine.run('tar', '-xzf', '/repository/program.tar.gz', '-C', '/repository');
    await machine.run(`/repository/${name}/systemd/install.sh`);
    machine.write(
      '/etc/sallyport/sallyport.yaml',
      `version: 2\nupdates:\n  feed_url: ${origin.url}/feed.json\n`,
      0o640,
      'sallyport',
    );
    await machine.run('systemctl', 'start', 'sallyport.service');
    writeFileSync(machine.outside('/usr/lib/sallyport/program/parts/of-the-script.js'), '');

    await aptMust('install', 'sallyport');

    expect(await machine.show('ActiveState')).toBe('active');
    expect(machine.exists('/usr/lib/sallyport/program/parts/of-the-script.js')).toBe(false);
    expect(readdirSync(machine.outside('/usr/lib')).filter((name) => name.startsWith('sallyport'))).toEqual([
      'sallyport',
    ]);
    expect(existsSync(machine.outside('/etc/sallyport/sallyport.yaml'))).toBe(true);
  });
});

const SPOILED: readonly (readonly [string, (apt: string) => void])[] = [
  [
    'a changed list',
    (apt) => {
      for (const name of ['Packages', 'Packages.gz']) append(join(apt, 'dists/stable/main/binary-amd64', name), 'x');
    },
  ],
  [
    'a changed InRelease',
    (apt) => replace(join(apt, 'dists/stable/InRelease'), 'Origin: Sallyport', 'Origin: Sallyp0rt'),
  ],
  [
    'no signature',
    (apt) => {
      rmSync(join(apt, 'dists/stable/InRelease'));
      rmSync(join(apt, 'dists/stable/Release.gpg'));
    },
  ],
  [
    'a changed package',
    (apt) => {
      const pool = join(apt, 'pool/main/s/sallyport');
      for (const name of readdirSync(pool)) append(join(pool, name), 'x');
    },
  ],
];

function append(file: string, text: string): void {
  writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from(text)]));
}

function replace(file: string, from: string, to: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
}

/** The database of packages of this machine, so that dependencies are met, and folders that apt wants. */
async function preparePackageManager(machine: Machine): Promise<void> {
  for (const folder of [
    '/var/lib/dpkg/info',
    '/var/lib/dpkg/updates',
    '/var/lib/dpkg/triggers',
    '/var/lib/dpkg/alternatives',
    '/var/lib/apt/lists/partial',
    '/var/cache/apt/archives/partial',
    '/var/log/apt',
    '/etc/apt/apt.conf.d',
    '/etc/apt/preferences.d',
    '/etc/apt/trusted.gpg.d',
  ]) {
    await machine.run('mkdir', '-p', folder);
  }
  machine.write('/var/lib/dpkg/status', readFileSync('/var/lib/dpkg/status', 'utf8'));
  // apt converts an armored key with awk, which is a link to an alternative.
  await machine.run('mkdir', '-p', '/etc/alternatives');
  await machine.run('ln', '-s', readlinkSync('/etc/alternatives/awk'), '/etc/alternatives/awk');
  // The machine has no user _apt.
  machine.write('/etc/apt/apt.conf.d/sandbox', 'APT::Sandbox::User "root";\n');
}

/** The same package with another version, without compression. */
function withVersion(work: string, deb: string, version: string): string {
  const folder = join(work, 'unpacked');
  programOutput('dpkg-deb', ['--raw-extract', deb, folder]);
  const control = join(folder, 'DEBIAN', 'control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`));
  const file = join(work, `sallyport_${version}_amd64.deb`);
  programOutput('dpkg-deb', ['--root-owner-group', '-Znone', '--build', folder, file]);
  rmSync(folder, { recursive: true });
  return file;
}

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
        response.write(chunk);
        if (!response.destroyed) sending(chunk.length);
        await delay(50);
      }
      response.end();
    })();
  };
}
