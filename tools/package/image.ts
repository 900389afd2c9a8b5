/**
 * Makes the container image as an OCI archive: the program, Node and the Debian libraries that Node needs, without a
 * shell. buildah makes the layout. An archive made by buildah would differ in times and order each time, so the layout
 * is packed here.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pack } from './archive.ts';
import { programOutput } from './programs.ts';
import type { Architecture, Release } from './release.ts';
import { settle } from './tree.ts';

/** Debian's packages whose files are copied: the loader, the libraries of Node, and time zones. */
const LIBRARIES = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1', 'tzdata'];
const SUITE = 'bookworm';
/** A user ID that no distribution gives to a user of its own. */
const USER = '65532';
const STATE = '/var/lib/sallyport';

/** Makes `sallyport-V-linux-A.oci.tar` in `output`. Returns its path. */
export function makeImage(
  release: Release,
  architecture: Architecture,
  from: { readonly root: string; readonly work: string; readonly output: string },
): string {
  const work = mkdtempSync(join(from.work, 'image-'));
  const root = join(work, 'root');
  addLibraries(architecture, root);
  addProgram(from.root, root);
  settle(release, root);
  chmodSync(join(root, 'tmp'), 0o1777);
  const layout = join(work, 'layout');
  buildLayout(release, architecture, { root, layout, work });
  const file = join(from.output, `sallyport-${release.version}-linux-${architecture.node}.oci.tar`);
  pack(release, file, { folder: layout, names: readdirSync(layout).sort(), gzip: false });
  rmSync(work, { recursive: true, force: true });
  return file;
}

/** Unpacks the packages and keeps what a process needs. Nothing of them is run, so they may be for another machine. */
function addLibraries({ deb }: Architecture, root: string): void {
  const unpacked = `${root}-packages`;
  const flags = ['--variant=extract', '--mode=root', `--architectures=${deb}`, `--include=${LIBRARIES.join(',')}`];
  programOutput('mmdebstrap', ['--quiet', ...flags, SUITE, unpacked]);
  mkdirSync(join(root, 'usr'), { recursive: true });
  for (const part of ['lib', 'lib64']) {
    for (const place of [part, join('usr', part)]) {
      const exists = programOutput('find', [unpacked, '-maxdepth', '2', '-path', join(unpacked, place)]) !== '';
      if (exists) cpSync(join(unpacked, place), join(root, 'usr', part), { recursive: true, verbatimSymlinks: true });
    }
    programOutput('ln', ['-sfn', join('usr', part), join(root, part)]);
  }
  cpSync(join(unpacked, 'usr', 'share', 'zoneinfo'), join(root, 'usr', 'share', 'zoneinfo'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  rmSync(unpacked, { recursive: true, force: true });
}

function addProgram(tree: string, root: string): void {
  for (const part of [join('usr', 'lib', 'sallyport'), join('usr', 'share', 'sallyport')]) {
    cpSync(join(tree, part), join(root, part), { recursive: true });
  }
  // Places for what a runtime mounts, even if it mounts the root read-only first.
  for (const folder of ['etc/sallyport', 'tmp', 'proc', 'sys', 'dev', 'run', 'var/lib']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, 'etc', 'passwd'), `sallyport:x:${USER}:${USER}:Sallyport:${STATE}:/nonexistent\n`);
  writeFileSync(join(root, 'etc', 'group'), `sallyport:x:${USER}:\n`);
  // The host names of the machine that runs it come from its own files.
  writeFileSync(join(root, 'etc', 'nsswitch.conf'), 'hosts: files dns\n');
}

/** A folder with the state folder in it, so that the state folder itself gets the owner. */
function stateFolder(release: Release, work: string): string {
  const folder = join(work, 'state');
  const state = join(folder, basename(STATE));
  mkdirSync(state, { recursive: true });
  settle(release, folder);
  // What Sallyport demands of its state folder.
  chmodSync(state, 0o711);
  return folder;
}

function buildLayout(
  release: Release,
  { oci }: Architecture,
  at: { readonly root: string; readonly layout: string; readonly work: string },
): void {
  const store = ['--storage-driver', 'vfs', '--root', join(at.work, 'store'), '--runroot', join(at.work, 'run')];
  const buildah = (...args: readonly string[]) => programOutput('buildah', [...store, ...args]).trim();
  const container = buildah('from', '--arch', oci, '--name', 'sallyport', 'scratch');
  buildah('add', '--quiet', container, at.root, '/');
  buildah('add', '--quiet', '--chown', `${USER}:${USER}`, container, stateFolder(release, at.work), dirname(STATE));
  const node = ['/usr/lib/sallyport/node', '--disable-sigusr1', '--report-exclude-env', '--max-semi-space-size=1'];
  const entry = JSON.stringify([...node, '/usr/lib/sallyport/program/main.js']);
  buildah('config', '--arch', oci, '--os', 'linux', '--user', `${USER}:${USER}`, '--workingdir', STATE, container);
  buildah('config', '--entrypoint', entry, '--cmd', 'run', '--volume', STATE, '--stop-signal', 'SIGTERM', container);
  const places = {
    STATE_DIRECTORY: `${STATE}/state`,
    LOGS_DIRECTORY: `${STATE}/logs`,
    RUNTIME_DIRECTORY: `${STATE}/run`,
    MALLOC_ARENA_MAX: '1',
    HOME: STATE,
  };
  for (const [name, value] of Object.entries(places)) buildah('config', '--env', `${name}=${value}`, container);
  const labels = { version: release.version, licenses: 'Apache-2.0', title: 'sallyport' };
  for (const [name, value] of Object.entries(labels)) {
    buildah('config', '--label', `org.opencontainers.image.${name}=${value}`, container);
  }
  const image = buildah('commit', '--quiet', '--format', 'oci', '--timestamp', String(release.epoch), container);
  buildah('push', '--quiet', '--compression-format', 'gzip', image, `oci:${at.layout}:${release.version}`);
  buildah('rm', container);
}
