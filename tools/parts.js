// Plain JavaScript for Node 20: `npm run parts`. Unpacks the real server that some tests need (Squid) from the Debian
// packages of this host's apt sources into .cache/parts, which git ignores. Nothing is installed and nothing outside
// the checkout changes. The folder appears by one rename when it is complete.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ROOT } from './install.js';

const CACHE = join(ROOT, '.cache');
const PARTS = join(CACHE, 'parts');
const WORK = join(CACHE, 'parts.new');
const APT = join(CACHE, 'apt');

// The build with OpenSSL, for TLS. `squid` and `squid-openssl` conflict with each other.
const PACKAGE = 'squid-openssl';
const ALWAYS = [PACKAGE, 'squid-common', 'squid-langpack', 'libecap3'];

const OWN_LISTS = [
  ['Dir::State', join(APT, 'state')],
  ['Dir::State::status', '/var/lib/dpkg/status'],
];
const COMMON = [
  ['Dir::Cache', join(APT, 'cache')],
  // As root, apt would switch to a user that cannot write here.
  ['APT::Sandbox::User', 'root'],
];

let lastReason = '';

if (existsSync('/usr/sbin/squid')) {
  say('Squid is installed on this host: nothing to do.');
} else if (existsSync(PARTS)) {
  say('the parts are already in .cache/parts. To replace them, delete that folder first.');
} else {
  unpackParts();
}

function unpackParts() {
  if (spawnSync('apt-get', ['--version']).error || spawnSync('dpkg', ['--version']).error) {
    fail('npm run parts needs apt-get and dpkg (Debian, Ubuntu). On other systems, install Squid as usual.');
  }
  rmSync(WORK, { recursive: true, force: true });
  for (const folder of [WORK, join(APT, 'state', 'lists', 'partial'), join(APT, 'cache', 'archives', 'partial')]) {
    mkdirSync(folder, { recursive: true });
  }
  const packages = join(WORK, 'packages');
  mkdirSync(packages);
  if (!download(COMMON, packages)) {
    say("this host's package lists are missing or old: downloading separate lists into .cache/apt ...");
    const options = [...COMMON, ...OWN_LISTS];
    if (!apt(['update', '-qq'], options, WORK).ok || !download(options, packages)) {
      fail(`the packages could not be fetched. apt must be able to reach its sources. It said:\n${lastReason}`);
    }
  }
  const root = join(WORK, 'root');
  for (const file of readdirSync(packages)) {
    const { status, stderr } = spawnSync('dpkg', ['-x', join(packages, file), root], { encoding: 'utf8' });
    if (status !== 0) {
      fail(`${file} could not be unpacked: ${stderr}`);
    }
  }
  rmSync(packages, { recursive: true });
  renameSync(WORK, PARTS);
  rmSync(APT, { recursive: true });
  say('unpacked Squid into .cache/parts.');
}

function download(options, folder) {
  const missing = missingPackages(options);
  if (missing === undefined) {
    return false;
  }
  say(`fetching ${missing.join(', ')} ...`);
  return apt(['download', '-q', ...missing], options, folder).ok;
}

// The packages that an install would add; their libraries are needed. A line `Inst NAME [old] (new)` is an upgrade.
function missingPackages(options) {
  const { ok, stdout } = apt(['install', '--simulate', '-q', '--no-install-recommends', PACKAGE], options, WORK);
  if (!ok) {
    return undefined;
  }
  const added = [...stdout.matchAll(/^Inst (\S+) \(/gm)].map(([, name]) => name);
  const libraries = added.filter((name) => /^lib/.test(name) && !/-perl$/.test(name));
  return [...new Set([...ALWAYS, ...libraries])];
}

function apt(args, options, cwd) {
  const flags = options.flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const { status, stdout, stderr } = spawnSync('apt-get', [...flags, ...args], { cwd, encoding: 'utf8' });
  lastReason = status === 0 ? lastReason : stderr;
  return { ok: status === 0, stdout };
}

function say(line) {
  process.stderr.write(`sallyport: ${line}\n`);
}
