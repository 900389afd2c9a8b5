/** Runs the programs that make packages. A missing program is reported with the Debian package that has it. */
import { spawnSync } from 'node:child_process';

/** The Debian package of each program. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  'dpkg-deb': 'dpkg',
  'dpkg-shlibdeps': 'dpkg-dev',
  readelf: 'binutils',
  'apt-ftparchive': 'apt-utils',
  rpmbuild: 'rpm',
  rpmsign: 'rpm',
  createrepo_c: 'createrepo-c',
  buildah: 'buildah',
  mmdebstrap: 'mmdebstrap',
  gpg: 'gpg',
  git: 'git',
  tar: 'tar',
  gzip: 'gzip',
};

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Everything that a package could depend on by accident is fixed: language, time zone, umask of the caller. */
function environment(more: RunOptions['env'] = {}): Record<string, string> {
  const {
    PATH = '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME = '/dev/null',
    TMPDIR,
    GNUPGHOME,
    npm_config_cache,
  } = process.env;
  const kept = Object.entries({ PATH, HOME, TMPDIR, GNUPGHOME, npm_config_cache });
  const set = kept.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(set), LC_ALL: 'C.UTF-8', TZ: 'UTC', ...more };
}

/** Standard output of a program. @throws Error with its standard error if it fails or is missing */
export function programOutput(program: string, args: readonly string[], options: RunOptions = {}): string {
  const ran = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? {} : { input: options.input }),
    env: environment(options.env),
  });
  if (ran.error !== undefined) {
    const name = PACKAGE_OF[program];
    const advice = name === undefined ? '' : ` Debian has it in the package ${name}: apt-get install ${name}`;
    throw new Error(`${program} cannot be started: ${ran.error.message}.${advice}`);
  }
  if (ran.status !== 0) {
    const why = ran.signal === null ? `exit status ${ran.status}` : `signal ${ran.signal}`;
    throw new Error(`${program} ${args.join(' ')}\nended with ${why}:\n${ran.stderr}${ran.stdout}`);
  }
  return ran.stdout;
}

/** Which of these programs are missing here, with their Debian packages. */
export function missingPackages(programs: readonly string[]): string[] {
  const missing = programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  return [...new Set(missing.map((name) => PACKAGE_OF[name] ?? name))].sort();
}
