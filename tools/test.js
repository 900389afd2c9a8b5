// Plain JavaScript for Node 20: `npm test`. Installs what is missing, then runs the tests on the pinned Node.
// Arguments go to vitest: `npm test -- test/http`.
import { join } from 'node:path';
import { ensureInstalled, ROOT } from './install.js';
import { become } from './run.js';

const node = await ensureInstalled();
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
// With Node's compile cache, the many processes that tests start do not compile the program again.
const env = { ...process.env, NODE_COMPILE_CACHE: join(ROOT, '.cache', 'node') };
await become(node, [vitest, 'run', ...process.argv.slice(2)], { cwd: ROOT, env });
