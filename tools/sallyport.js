// Plain JavaScript for Node 20: `npm run -s sallyport -- COMMAND` and `npm start`. Installs what is missing (a line on
// standard error), then runs src/main.ts on the pinned Node. Standard output, exit code and signals are the command's.
import { join } from 'node:path';
import { makePages } from './console-pages.js';
import { cleanEnvironment } from './environment.js';
import { ensureInstalled, ROOT } from './install.js';
import { become } from './run.js';

// SIGUSR1 must not open the inspector, and a crash report must not hold the environment (docs/architecture.md).
const FLAGS = ['--disable-sigusr1', '--report-exclude-env'];

const node = await ensureInstalled();
// Node's compile cache: with several hundred files, compiling takes most of the start.
const env = { ...cleanEnvironment(), NODE_COMPILE_CACHE: join(ROOT, '.cache', 'node') };
if (process.argv.includes('console')) await makePages(node, env);
await become(node, [...FLAGS, join(ROOT, 'src', 'main.ts'), ...process.argv.slice(2)], { env });
