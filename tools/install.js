// Plain JavaScript for Node 20 without dependencies, because it runs before anything is installed.
//
// Guarantees that node_modules matches package-lock.json, by `npm ci` of the npm that called this script. Finds the
// Node to run on: the pinned one in node_modules, or the running one if it is new enough, or one that is downloaded
// into .cache (tools/choose-node.js). After an install, a stamp file in node_modules has the digest of the lock file
// and the chosen Node. A crash leaves no stamp file, so the next start installs again. A downloaded Node gets its name
// by one rename.

import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chooseNode, describeFallback, FALLBACK, isNewEnough, OLDEST_NODE } from './choose-node.js';
import { judgePing, REGISTRY_ADVICE, showLife } from './registry.js';
import { run } from './run.js';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const LOCK = join(ROOT, 'package-lock.json');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.sallyport-lock');
const CACHE = join(ROOT, '.cache');
const BUSY = join(CACHE, 'installing');
const PLATFORM = `${process.platform}-${process.arch}`;
const NODE_IN_MODULES = join(`node-${PLATFORM}`, 'bin', 'node');
const PINNED_NODE = join(MODULES, NODE_IN_MODULES);
const FETCHED = join(CACHE, `node-${FALLBACK.version}-${PLATFORM}`);
const FETCHED_NODE = join(FETCHED, 'node_modules', NODE_IN_MODULES);

const LONGEST_INSTALL_MS = 15 * 60_000;

/** Installs what is missing and returns the Node to run on. If it cannot, ends the process with a message. */
export async function ensureInstalled() {
  const digest = createHash('sha256').update(readFileSync(LOCK)).digest('hex');
  const wanted = `${digest} ${process.platform} ${process.arch}\n`;
  if (findChosenNode(wanted) === undefined) {
    await alone(async () => {
      if (findChosenNode(wanted) === undefined) {
        if (!readStamp().startsWith(wanted)) {
          await installUnlessFresh();
        }
        const choice = await prepareNode();
        writeFileSync(STAMP, `${wanted}${choice} node\n`);
      }
    });
  }
  return findChosenNode(wanted);
}

// The previous choice if it is still valid; undefined if something has to be installed or chosen again.
function findChosenNode(wanted) {
  switch (readStamp()) {
    case `${wanted}pinned node\n`:
      return PINNED_NODE;
    case `${wanted}own node\n`:
      return isNewEnough(process.versions.node) ? process.execPath : undefined;
    case `${wanted}fetched node\n`:
      // The library may have been installed since then; the pinned Node is preferred.
      return existsSync(FETCHED_NODE) && !tryNode(PINNED_NODE).runs ? FETCHED_NODE : undefined;
    default:
      return undefined;
  }
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

// True after a manual `npm ci` or `npm install`: npm writes its copy of the lock last. Without dev or optional packages it
// is not complete.
function isFreshInstall() {
  const copy = join(MODULES, '.package-lock.json');
  const complete = existsSync(copy) && statSync(copy).mtimeMs >= statSync(LOCK).mtimeMs;
  return complete && existsSync(join(MODULES, 'vitest')) && (!isPinnedPlatform() || existsSync(PINNED_NODE));
}

async function install() {
  process.stderr.write('sallyport: installing packages (npm ci); this happens once ...\n');
  await npmCi(ROOT);
}

async function npmCi(folder) {
  const { command, args } = npmCommand();
  // Without install scripts: none is needed, and they would run on the pinned Node, which may not start.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  // The caller's environment may disable what this checkout needs.
  const needed = ['--include=dev', '--include=optional', '--package-lock=true', '--bin-links=true', '--global=false'];
  const life = showLife('installing packages');
  const stopAsking = askRegistry({ command, args, folder }, (code) =>
    life.say(
      `no package registry responds (${code}); npm retries for some minutes, Ctrl-C stops it. ${REGISTRY_ADVICE}.`,
    ),
  );
  const { code, signal, signalled } = await run(command, [...args, 'ci', ...flags, ...needed], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  }).finally(() => {
    stopAsking();
    life.stop();
  });
  if (signal !== null) {
    rmSync(BUSY, { force: true });
    process.kill(process.pid, signal);
  }
  if (signalled) {
    fail('the install was interrupted. Run the same command again.');
  }
  if (code !== 0) {
    fail(
      `the install failed (npm ci ended with ${code}; its reason is above). ${REGISTRY_ADVICE}. ` +
        'Then run the same command again.',
    );
  }
}

// `npm ci` retries each package for more than a minute before it reports anything; a single request shows the problem at
// once. Returns a function that ends it. The install continues either way: npm may have everything in its cache.
function askRegistry({ command, args, folder }, tell) {
  const flags = ['--fetch-retries=0', '--fetch-timeout=10000', '--loglevel=error', '--no-update-notifier'];
  const child = execFile(command, [...args, 'ping', ...flags], { cwd: folder }, (error, _stdout, stderr) => {
    const code = child.killed ? null : judgePing({ status: error === null ? 0 : (error.code ?? 1), stderr });
    if (code !== null) {
      tell(code);
    }
  });
  return () => child.kill();
}

// The npm that called this script, on npm's own Node, because the pinned Node may be replaced.
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

function tryNode(node) {
  const { status, stderr, error } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return { runs: status === 0, reason: (stderr || error?.message || '').trim() };
}

// The pinned Node is built for glibc and needs libatomic, which a minimal Debian lacks. It is installed but does not start.
async function prepareNode() {
  const pinned = tryNode(PINNED_NODE);
  const choice = chooseNode({ pinned, own: process.versions.node, platform: PLATFORM });
  linkNode(choice === 'pinned' ? PINNED_NODE : undefined);
  if (choice === 'none') {
    failWithoutNode(pinned.reason);
  }
  if (choice === 'fetched') {
    if (!existsSync(FETCHED_NODE)) {
      await fetchNode();
    }
    linkNode(FETCHED_NODE);
  }
  return choice;
}

// npm puts node_modules/.bin first in the PATH of its scripts, so a Node that does not start must not be there.
function linkNode(node) {
  const link = join(MODULES, '.bin', 'node');
  rmSync(link, { force: true });
  if (node !== undefined) {
    symlinkSync(relative(dirname(link), node), link);
  }
}

async function fetchNode() {
  process.stderr.write(
    `sallyport: the Node that comes with the packages needs ${FALLBACK.library}, which is missing here; ` +
      `fetching Node ${FALLBACK.version} into .cache instead; this happens once ...\n`,
  );
  const fresh = `${FETCHED}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  for (const [file, content] of Object.entries(describeFallback(PLATFORM))) {
    writeFileSync(join(fresh, file), JSON.stringify(content));
  }
  await npmCi(fresh);
  const { runs, reason } = tryNode(join(fresh, 'node_modules', NODE_IN_MODULES));
  if (!runs) {
    failWithoutNode(reason);
  }
  rmSync(FETCHED, { recursive: true, force: true });
  renameSync(fresh, FETCHED);
}

function failWithoutNode(reason) {
  const remedy = `Install Node ${OLDEST_NODE} or newer and run the same command again`;
  if (!isPinnedPlatform()) {
    fail(`no Node comes with the packages for ${PLATFORM}, and this one is ${process.versions.node}. ${remedy}.`);
  }
  const library = /(lib[\w+-]+)\.so\.(\d+)/.exec(reason);
  const debian = library
    ? ` Or install the library: on Debian and Ubuntu, apt-get install ${library[1]}${library[2]}.`
    : '';
  fail(`the Node that comes with the packages does not start here: ${reason}. ${remedy}.${debian}`);
}

// Two commands started at once on a fresh clone must not install into the same folder at the same time.
async function alone(work) {
  mkdirSync(CACHE, { recursive: true });
  const deadline = Date.now() + LONGEST_INSTALL_MS;
  while (!claim()) {
    if (Date.now() > deadline) {
      fail(
        `another install has been running for too long (process ${readOwner()}). Stop it and run the command again.`,
      );
    }
    await delay(200);
  }
  try {
    await work();
  } finally {
    rmSync(BUSY, { force: true });
  }
}

// The file gets its name after the number is written, so a reader never finds it empty.
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
    // The other process has just ended.
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
