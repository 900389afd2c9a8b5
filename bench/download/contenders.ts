// The other programs: for each, a bash script that downloads all files of a load through the proxy into a folder and
// checks their digests.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scheme, ServedFile, Servers } from './load.ts';
import { type Measured, measureScript } from './measure.ts';

/** What a contender downloads. */
export interface Load {
  readonly servers: Servers;
  readonly scheme: Scheme;
  readonly files: readonly ServedFile[];
  /** Every file, and the folder, must survive a power cut. */
  readonly durable: boolean;
  /** An empty folder for this run alone. */
  readonly dir: string;
}

export interface Contender {
  readonly name: string;
  /** Whether it can do this at all. */
  suits(load: Omit<Load, 'dir'>): boolean;
  /** Leaves the files in the folder that it returns. */
  run(load: Load): Promise<{ readonly measured: Measured; readonly folder: string }>;
}

const APT_HELPER = '/usr/lib/apt/apt-helper';
const LEAST_WORK = fileURLToPath(new URL('least-work.mjs', import.meta.url));
/** As many as `updates.parallel` allows. */
const PARALLEL = 4;

/** Makes a contender of a script, if its program is installed. `write` writes its files and returns the commands. */
function scripted(
  name: string,
  program: string,
  write: (load: Load, at: (file: string) => string) => string,
  suits: Contender['suits'] = () => true,
): Contender {
  const isInstalled = existsSync(program) || spawnSync('which', [program]).status === 0;
  return {
    name,
    suits: (load) => isInstalled && suits(load),
    run: async (load) => {
      const at = (file: string) => join(load.dir, file);
      const commands = write(load, at);
      // `sync FILE` is fsync.
      const paths = [...load.files.map((file) => at(file.name)), load.dir].map(quoted).join(' ');
      const script = load.durable ? `${commands}; sync ${paths}` : commands;
      return { measured: await measureScript(script), folder: load.dir };
    },
  };
}

const hasSeveral: Contender['suits'] = ({ files }) => files.length > 1;
const quoted = (text: string) => `'${text}'`;

function curl(name: string, options: string, digest: (load: Load) => string, suits?: Contender['suits']): Contender {
  const write = (load: Load) => {
    const { servers, files, scheme, dir } = load;
    const lines = files.map(
      (file) => `url = "${servers.urls[scheme]}${file.name}"\noutput = "${join(dir, file.name)}"`,
    );
    writeFileSync(`${dir}.curl`, lines.join('\n'));
    const always = `--disable --silent --show-error --fail --http1.1 --noproxy '' --cacert ${servers.caFile}`;
    return `curl ${always} ${options} --proxy ${servers.proxy.url} -K ${dir}.curl; ${digest(load)}`;
  };
  return scripted(name, 'curl', write, suits);
}

/** Compares the digests of all files with those expected. */
function checkWith(command: string): (load: Load) => string {
  return ({ files, dir }) => {
    const expected = files.map((file) => `${file.sha256} *${file.name}\n`).join('');
    writeFileSync(`${dir}.sums`, expected);
    const names = files.map(({ name }) => name).join(' ');
    return `(cd ${dir}; ${command} ${names}) | cmp - ${dir}.sums`;
  };
}

const openssl = checkWith('openssl dgst -sha256 -r');

/** The first one is what the others are compared with. */
export const PROGRAMS: readonly Contender[] = [
  curl('curl + openssl', '', openssl),
  curl('curl + sha256sum', '', checkWith('sha256sum --binary')),
  curl(`curl -Z ${PARALLEL} + openssl`, `-Z --parallel-max ${PARALLEL} --no-progress-meter`, openssl, hasSeveral),
  scripted('apt-helper', APT_HELPER, ({ servers, files, scheme }, at) => {
    const options = ['APT::Sandbox::User=root', `Acquire::${scheme}::CaInfo=${servers.caFile}`];
    for (const kind of ['http', 'https']) options.push(`Acquire::${kind}::Proxy=${servers.proxy.url}`);
    const each = files.map(({ name, sha256 }) => `${servers.urls[scheme]}${name} ${at(name)} SHA256:${sha256}`);
    return `${APT_HELPER} -q ${options.map((one) => `-o ${one}`).join(' ')} download-file ${each.join(' ')}`;
  }),
  scripted('aria2c', 'aria2c', ({ servers, files, scheme, dir }) => {
    const url = servers.urls[scheme];
    const each = files.map(({ name, sha256 }) => `${url}${name}\n  out=${name}\n  checksum=sha-256=${sha256}`);
    writeFileSync(`${dir}.aria2`, each.join('\n'));
    const always = `--no-conf --quiet --file-allocation=none --ca-certificate=${servers.caFile}`;
    return `aria2c ${always} -j ${PARALLEL} -d ${dir} --all-proxy=${servers.proxy.url} -i ${dir}.aria2`;
  }),
  scripted(
    'wget2 + openssl',
    'wget2',
    (load) => {
      const { servers, files, scheme, dir } = load;
      // It drops the port of a URL when it asks a proxy.
      const url = scheme === 'http' ? servers.at80 : servers.urls.https;
      writeFileSync(`${dir}.wget2`, files.map(({ name }) => `${url}${name}\n`).join(''));
      const proxies = ['http', 'https'].map((kind) => `--${kind}-proxy=${servers.proxy.url}`).join(' ');
      const always = `--no-config --quiet --no-hsts --no-netrc --no-robots --ca-certificate=${servers.caFile}`;
      const threads = `--max-threads=${PARALLEL} --tries=1`;
      return `wget2 ${always} ${threads} ${proxies} -P ${dir} -i ${dir}.wget2; ${openssl(load)}`;
    },
    ({ servers, scheme }) => scheme === 'http' && servers.at80 !== null,
  ),
  scripted('least work: hash and write', process.execPath, ({ files }, at) => {
    const sizes = files.map(({ name, bytes }) => `${at(name)} ${bytes}`).join(' ');
    return `${process.execPath} ${LEAST_WORK} ${sizes}`;
  }),
];

/** Writes no file of the origin, so its files are not compared. */
export const isLeastWork = ({ name }: Contender): boolean => name.startsWith('least work');
