// The container image, run by bwrap as a container runtime would: a read-only root, user 65532, no rights, and one volume.
// podman needs more than a test machine permits. Without an image, as in CI, vitest.config.ts leaves this file out.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { programOutput } from '#tools/package/programs.ts';
import { readRelease } from '#tools/package/release.ts';
import { madePackages } from './made-packages.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const ARCHIVE = join(madePackages(), `sallyport-${readRelease(true).version}-linux-x64.oci.tar`);
const USER = '65532';
const STATE = '/var/lib/sallyport';
const JAR = makeJar('u1', 50_000);
const POLL_MS = 50;

/** OCI image configuration (image-spec, config.md). */
interface ImageConfig {
  readonly architecture: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly Volumes: Readonly<Record<string, unknown>>;
  };
}

describe('the image', () => {
  const work = mkdtempSync(join(tmpdir(), 'sallyport-image-'));
  const root = join(work, 'root');
  const state = join(work, 'state');
  const config = join(work, 'config');
  let image: ImageConfig;
  let origin: ScriptedOrigin;
  let service: ChildProcess;
  let output = '';

  beforeAll(async () => {
    image = unpackImage(work, root);
    origin = await startScriptedOrigin();
    origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]));
    origin.serve('/u1.jar', JAR);
    for (const folder of [state, config]) mkdirSync(folder);
    chmodSync(state, 0o711);
    writeFileSync(join(config, 'sallyport.yaml'), `version: 2\nupdates:\n  feed_url: ${origin.url}/feed.json\n`);
    service = spawn('/usr/bin/bwrap', container(image.config.Cmd), { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [service.stdout, service.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  });
  afterAll(async () => {
    service.kill('SIGKILL');
    await origin.close();
    rmSync(work, { recursive: true });
  });

  /** Arguments of bwrap. The network is that of the machine, because the origin listens on its loopback. */
  const container = (command: readonly string[]): string[] => [
    ...['--ro-bind', root, '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--bind', state, STATE],
    ...[
      '--ro-bind',
      config,
      '/etc/sallyport',
      '--unshare-user',
      '--unshare-pid',
      '--uid',
      USER,
      '--gid',
      USER,
      '--cap-drop',
      'ALL',
      '--die-with-parent',
    ],
    ...image.config.Env.flatMap((pair) => {
      const at = pair.indexOf('=');
      return ['--setenv', pair.slice(0, at), pair.slice(at + 1)];
    }),
    ...['--', ...image.config.Entrypoint, ...command],
  ];

  it('image: it names its architecture, user 65532 and one volume, and has no shell', () => {
    expect(image.architecture).toBe('amd64');
    expect(image.config.User).toBe(`${USER}:${USER}`);
    expect(Object.keys(image.config.Volumes)).toEqual([STATE]);
    for (const shell of ['bin/sh', 'usr/bin/sh', 'usr/bin/env']) expect(existsSync(join(root, shell))).toBe(false);
  });

  it('image: on a read-only root it publishes a package, reports its health, and stops', async () => {
    const deadline = Date.now() + 30_000;
    while (!output.includes('Published update ID u1')) {
      expect(service.exitCode, output).toBeNull();
      expect(Date.now(), output).toBeLessThan(deadline);
      await delay(POLL_MS);
    }
    const checked = spawnSync('/usr/bin/bwrap', container(['status', '--check']), { encoding: 'utf8', env: {} });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
    const ended = new Promise((resolve) => service.once('exit', resolve));
    // The child of bwrap is PID 1 of the container.
    const child = readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, 'utf8').trim().split(' ')[0];
    const main = readFileSync(`/proc/${child}/task/${child}/children`, 'utf8').trim() || child;
    process.kill(Number(main), 'SIGTERM');
    await ended;
    expect(output).toContain('Stopped.');
  });
});

/** Unpacks the layers. Returns the configuration. */
function unpackImage(work: string, root: string): ImageConfig {
  const layout = join(work, 'layout');
  for (const folder of [layout, root]) mkdirSync(folder);
  programOutput('tar', ['-xf', ARCHIVE, '-C', layout]);
  const blob = (digest: string) => join(layout, 'blobs', ...digest.split(':'));
  const read = <T>(file: string) => JSON.parse(readFileSync(file, 'utf8')) as T;
  interface Reference {
    readonly digest: string;
  }
  const { manifests } = read<{ manifests: [Reference] }>(join(layout, 'index.json'));
  const manifest = read<{ config: Reference; layers: readonly Reference[] }>(blob(manifests[0].digest));
  for (const { digest } of manifest.layers) programOutput('tar', ['-xzf', blob(digest), '-C', root]);
  return read<ImageConfig>(blob(manifest.config.digest));
}
