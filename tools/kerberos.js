// Plain JavaScript for Node 20: `npm run kerberos`. Builds the package `kerberos` into .cache/kerberos, which git
// ignores. The tests that send real tickets to a real proxy need it. It is not a dependency, because it needs an
// install script. It is built for the Node that runs the tests. The folder appears by one rename when it is complete.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureInstalled, fail, ROOT } from './install.js';
import { run } from './run.js';

const VERSION = '7.0.0';
const BUILT = join(ROOT, '.cache', 'kerberos');
const WORK = `${BUILT}.new`;

if (existsSync(BUILT)) {
  process.stderr.write('sallyport: kerberos is already in .cache/kerberos. To rebuild it, delete that folder first.\n');
} else {
  await build(headersOf(await ensureInstalled()));
}

async function build(headers) {
  const compiler = spawnSync('g++', ['-E', '-x', 'c++', '-'], {
    input: '#include <gssapi/gssapi.h>\n',
    encoding: 'utf8',
  });
  if (compiler.status !== 0 || spawnSync('make', ['--version']).error || spawnSync('python3', ['--version']).error) {
    fail(`kerberos needs a C++ compiler, make, python3 and libkrb5-dev to be built. ${compiler.stderr ?? ''}`);
  }
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { recursive: true });
  // npm puts its own node-gyp in the PATH of its scripts.
  const scripts = { build: `cd node_modules/kerberos && node-gyp rebuild --nodedir='${headers}'` };
  writeFileSync(
    join(WORK, 'package.json'),
    JSON.stringify({ private: true, scripts, dependencies: { kerberos: VERSION } }),
  );
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  for (const args of [
    ['install', ...flags],
    ['run', 'build', '--loglevel=error'],
  ]) {
    const { code } = await run('npm', args, { cwd: WORK, stdio: ['ignore', 'ignore', 'inherit'] });
    if (code !== 0) {
      fail(`kerberos was not built (npm ${args[0]} ended with ${code}; its reason is above).`);
    }
  }
  renameSync(WORK, BUILT);
  process.stderr.write('sallyport: built kerberos into .cache/kerberos.\n');
}

function headersOf(node) {
  const folder = dirname(dirname(realpathSync(node)));
  if (!existsSync(join(folder, 'include', 'node', 'node_api.h'))) {
    fail(`kerberos needs the headers of Node, and ${join(folder, 'include', 'node')} is missing.`);
  }
  return folder;
}
