/**
 * Finds the real servers that some suites need: installed ones first, then those that `npm run parts` unpacked into the
 * ignored .cache/parts. A suite states its needs with `describeWith`. If one is missing, the suite is skipped, the run names
 * it with the command to run, and CI fails (tools/suite-reporter.ts).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { isRoot } from './part.ts';

export interface SquidParts {
  readonly binary: string;
  readonly basicAuth: string;
  readonly digestAuth: string;
  readonly negotiateAuth: string;
  readonly certificates: string;
  readonly errorDirectory: string;
  readonly iconDirectory: string;
  readonly mimeTable: string;
  readonly unlinkd: string;
  /** Where libraries are that the machine does not have; for LD_LIBRARY_PATH. */
  readonly libraryPath: string | undefined;
}

const UNPACKED = fileURLToPath(new URL('../../.cache/parts/root', import.meta.url));

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The browser for the pages of the console; null without one. */
export function chromiumPath(): string | null {
  return CHROMIUM.find((path) => existsSync(path)) ?? null;
}

/** The package `kerberos`, where it was built. */
export const KERBEROS = fileURLToPath(
  new URL('../../.cache/kerberos/node_modules/kerberos/lib/index.js', import.meta.url),
);

/** Makes journal files from exported entries. */
export const JOURNAL_REMOTE = '/lib/systemd/systemd-journal-remote';

/** Verifies signatures of TUF. Debian's package is for its own Python only. */
const SECURESYSTEMSLIB = '/usr/lib/python3/dist-packages/securesystemslib';

/** Parses OpenMetrics. Debian's package is for its own Python only. */
const PROMETHEUS_CLIENT = '/usr/lib/python3/dist-packages/prometheus_client';

/** Squid, or null when it is neither installed nor unpacked. */
export const squid: SquidParts | null = findSquid();

/** A real systemd can be booted: it is installed, and we may make mounts and namespaces. */
function canBootSystemd(): boolean {
  if (!isRoot() || !existsSync('/lib/systemd/systemd')) return false;
  return spawnSync('unshare', ['--mount', '--pid', '--fork', '--cgroup', 'true']).status === 0;
}

/** A KDC of our own, whose users can show tickets: the package `kerberos` is built (`npm run kerberos`). */
function canShowTickets(): boolean {
  const programs = ['krb5kdc', 'kdb5_util', 'kadmin.local', 'kinit'];
  return programs.every(isOnPath) && existsSync(KERBEROS) && existsSync(squid?.negotiateAuth ?? '');
}

/** A part can be given names and users of its own: files that it alone sees. */
function canRunAlone(program: string): boolean {
  return isRoot() && isOnPath(program) && spawnSync('unshare', ['--mount', 'true']).status === 0;
}

/** Processes can run as other users of this host. */
function canBeOthers(): boolean {
  return isRoot() && isOnPath('setpriv');
}

const FOUND: Readonly<Record<string, () => boolean>> = {
  'root and setpriv': canBeOthers,
  squid: () => squid !== null,
  systemd: canBootSystemd,
  samba: () => canRunAlone('winbindd') && isOnPath('ntlm_auth'),
  kerberos: canShowTickets,
  strace: () => canRunAlone('strace'),
  mounts: () => canRunAlone('mount'),
  dante: () => canRunAlone('danted'),
  ssh: () => canRunAlone('sshd') && isOnPath('ssh'),
  privoxy: () => canRunAlone('privoxy'),
  tinyproxy: () => canRunAlone('tinyproxy'),
  python3: () => isOnPath('python3'),
  tmux: () => isOnPath('tmux'),
  zsh: () => isOnPath('zsh'),
  fish: () => isOnPath('fish'),
  securesystemslib: () => existsSync(SECURESYSTEMSLIB) && existsSync('/usr/bin/python3'),
  prometheus: () => isOnPath('prometheus') && isOnPath('promtool'),
  'prometheus-client': () => existsSync(PROMETHEUS_CLIENT) && existsSync('/usr/bin/python3'),
  curl: () => isOnPath('curl'),
  nginx: () => isOnPath('nginx'),
  haproxy: () => isOnPath('haproxy'),
  openssl: () => isOnPath('openssl'),
  zstd: () => isOnPath('zstd'),
  tar: () => isOnPath('tar'),
  ansible: () => isOnPath('ansible-playbook'),
  unzip: () => isOnPath('unzip'),
  age: () => isOnPath('age'),
  chromium: () => chromiumPath() !== null,
  journals: () => isOnPath('journalctl') && existsSync(JOURNAL_REMOTE),
};

/** Which of these are not here. Parts by name: 'squid', 'systemd' and so on, see FOUND. */
export function missingParts(parts: readonly string[]): string[] {
  return parts.filter((part) => FOUND[part]?.() !== true);
}

/** `describe`, skipped when one of the parts is missing. */
export function describeWith(parts: readonly string[], name: string, body: () => void): void {
  const missing = missingParts(parts);
  if (missing.length === 0) {
    describe(name, body);
  } else {
    describe.skip(`${name} [needs ${missing.join(', ')}]`, body);
  }
}

/** A real JAR of more than 10 MB, made by others. It comes with the packages, so it is always there. */
export function realJar(): string {
  return createRequire(import.meta.url).resolve('google-closure-compiler-java/compiler.jar');
}

/** Also where only root looks: programs of servers. */
function isOnPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

function findSquid(): SquidParts | null {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'squid'));
  const installed = [...onPath, '/usr/sbin/squid'].find((file) => existsSync(file));
  if (installed !== undefined) {
    return squidUnder('/', installed, undefined);
  }
  const unpacked = join(UNPACKED, 'usr/sbin/squid');
  if (!existsSync(unpacked)) {
    return null;
  }
  const libraries = join(UNPACKED, 'usr/lib');
  const libraryPath = readdirSync(libraries).find((name) => name.endsWith('-linux-gnu'));
  return squidUnder(UNPACKED, unpacked, join(libraries, libraryPath ?? ''));
}

function squidUnder(root: string, binary: string, libraryPath: string | undefined): SquidParts {
  return {
    binary,
    basicAuth: join(root, 'usr/lib/squid/basic_ncsa_auth'),
    digestAuth: join(root, 'usr/lib/squid/digest_file_auth'),
    certificates: join(root, 'usr/lib/squid/security_file_certgen'),
    negotiateAuth: join(root, 'usr/lib/squid/negotiate_kerberos_auth'),
    errorDirectory: join(root, 'usr/share/squid-langpack/en'),
    iconDirectory: join(root, 'usr/share/squid/icons'),
    mimeTable: join(root, 'usr/share/squid/mime.conf'),
    unlinkd: join(root, 'usr/lib/squid/unlinkd'),
    libraryPath,
  };
}
