// Plain JavaScript for Node 20, without dependencies: it runs before anything is installed.
//
// Makes sure that node_modules is what package-lock.json says, by `npm ci` of the very npm that called us, and finds
// the Node to run on: the pinned one from node_modules, else the running one when it is new enough. After a good
// install a stamp with the digest of the lock is left in node_modules; a crash before that means: install again.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run } from './run.js';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const LOCK = join(ROOT, 'package-lock.json');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.sallyport-lock');
const BUSY = join(ROOT, '.cache', 'installing');
const HERE = `${process.platform} ${process.arch}`;
const PINNED_NODE = join(MODULES, `node-${process.platform}-${process.arch}`, 'bin', 'node');

// The first release line in which the TypeScript of src/ runs as it is and which we test.
const OLDEST_NODE = [24, 15];

const LONGEST_INSTALL_MS = 15 * 60_000;

/** Installs what is missing and returns the Node to run on; ends the process with a clear message when it cannot. */
export async function ensureInstalled() {
  const digest = createHash('sha256').update(readFileSync(LOCK)).digest('hex');
  const wanted = `${digest} ${process.platform} ${process.arch}\n`;
  if (!readStamp().startsWith(wanted)) {
    await alone(async () => {
      if (!readStamp().startsWith(wanted)) {
        await installUnlessFresh();
        writeFileSync(STAMP, `${wanted}${choosePinnedNode() ? 'pinned' : 'own'} node\n`);
      }
    });
  }
  return readStamp().endsWith('pinned node\n') ? PINNED_NODE : ownNode();
}

/** Ends the process with one line that says what to do. */
export function fail(message) {
  process.stderr.write(`sallyport: ${message}\n`);
  process.exit(1);
}

function readStamp() {
  return existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : '';
}

async function installUnlessFresh() {
  if (!isFreshInstall()) {
    await install();
  }
}

// Somebody ran `npm ci` or `npm install` by hand: npm writes its own copy of the lock last. With dev or optional
// packages left out it is not complete for us.
function isFreshInstall() {
  const copy = join(MODULES, '.package-lock.json');
  const complete = existsSync(copy) && statSync(copy).mtimeMs >= statSync(LOCK).mtimeMs;
  return complete && existsSync(join(MODULES, 'vitest')) && (!isPinnedPlatform() || existsSync(PINNED_NODE));
}

async function install() {
  process.stderr.write('sallyport: installing packages (npm ci); this happens once ...\n');
  const { command, args } = npmCommand();
  const flags = ['--no-audit', '--no-fund', '--loglevel=error'];
  // What the caller's environment may have turned the other way, and what this checkout cannot do without.
  const needed = ['--include=dev', '--include=optional', '--package-lock=true', '--bin-links=true', '--global=false'];
  const { code, signal, told } = await run(command, [...args, 'ci', ...flags, ...needed], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (signal !== null) {
    rmSync(BUSY, { force: true });
    process.kill(process.pid, signal);
  }
  if (told) {
    fail('the install was ended before it was done. Run the same command again.');
  }
  if (code !== 0) {
    fail(
      `the install failed (npm ci ended with ${code}; its reason is above). npm must reach a package registry: ` +
        'behind a proxy set HTTPS_PROXY or `npm config set https-proxy URL`, with a mirror `npm config set registry URL`. ' +
        'Then run the same command again.',
    );
  }
}

// The npm that called us, on the Node that npm itself runs on: the pinned Node may be about to be replaced.
function npmCommand() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  if (npm !== undefined && basename(npm) === 'npm-cli.js' && existsSync(npm)) {
    return { command: node !== undefined && existsSync(node) ? node : process.execPath, args: [npm] };
  }
  return { command: 'npm', args: [] };
}

function isPinnedPlatform() {
  return process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
}

// It is built for glibc and needs libatomic, which a bare Debian does not have: the file is there and does not start.
function tryPinnedNode() {
  const { status, stderr, error } = spawnSync(PINNED_NODE, ['--version'], { encoding: 'utf8' });
  return { runs: status === 0, reason: (stderr || error?.message || '').trim() };
}

// npm puts node_modules/.bin first on the PATH of its scripts: a Node that does not start must not be found there.
function choosePinnedNode() {
  const { runs } = tryPinnedNode();
  const link = join(MODULES, '.bin', 'node');
  rmSync(link, { force: true });
  if (runs) {
    symlinkSync(relative(dirname(link), PINNED_NODE), link);
  }
  return runs;
}

function ownNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) {
    return process.execPath;
  }
  // Next time both are tried anew: what was missing may be there.
  rmSync(STAMP, { force: true });
  const remedy = `Install Node ${OLDEST_NODE.join('.')} or newer and run the same command again`;
  const { reason } = tryPinnedNode();
  if (!isPinnedPlatform()) {
    return fail(`no Node comes with the packages for ${HERE}, and this one is ${process.versions.node}. ${remedy}.`);
  }
  const library = /(lib[\w+-]+)\.so\.(\d+)/.exec(reason);
  const debian = library
    ? ` Or install the library: on Debian and Ubuntu, apt-get install ${library[1]}${library[2]}.`
    : '';
  return fail(`the Node that comes with the packages does not start here: ${reason}. ${remedy}.${debian}`);
}

// Two commands started at once on a fresh clone must not install into the same folder at the same time.
async function alone(work) {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const deadline = Date.now() + LONGEST_INSTALL_MS;
  while (!claim()) {
    if (Date.now() > deadline) {
      fail(`another install has been running for too long (process ${readOwner()}). End it and run the command again.`);
    }
    await delay(200);
  }
  try {
    await work();
  } finally {
    rmSync(BUSY, { force: true });
  }
}

// The file gets its name only when the number is in it, so a reader never sees it empty.
function claim() {
  const mine = `${BUSY}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, BUSY);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error;
    }
  } finally {
    rmSync(mine, { force: true });
  }
  if (!isAlive(readOwner())) {
    rmSync(BUSY, { force: true });
  }
  return false;
}

function readOwner() {
  try {
    return Number(readFileSync(BUSY, 'utf8'));
  } catch {
    // It has just left.
    return process.pid;
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
