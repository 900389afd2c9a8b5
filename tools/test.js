// Plain JavaScript for Node 20: `npm test`. Installs what is missing, then runs the tests on the pinned Node.
// Arguments go to vitest: `npm test -- test/http`.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, ROOT } from './install.js';
import { become } from './run.js';

// Each run adds about 600 files, because Node keys the cache by URL, and those of test files and of the built program are
// different in each run.
const MAX_CACHED_FILES = 10_000;

const node = await ensureInstalled();
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
// With Node's compile cache, the many processes that tests start do not compile the program again.
const cache = join(ROOT, '.cache', 'node');
if (countFiles(cache) > MAX_CACHED_FILES) rmSync(cache, { recursive: true, force: true });
const env = { ...process.env, NODE_COMPILE_CACHE: cache };
await become(node, [vitest, 'run', ...process.argv.slice(2)], { cwd: ROOT, env });

function countFiles(folder) {
  try {
    return readdirSync(folder, { recursive: true }).length;
  } catch {
    return 0;
  }
}
