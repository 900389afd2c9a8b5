// Plain JavaScript for Node 20: `npm run build`. Installs what is missing, then makes dist/program on the pinned Node.
import { join } from 'node:path';
import { cleanEnvironment } from './environment.js';
import { ensureInstalled, ROOT } from './install.js';
import { become } from './run.js';

const node = await ensureInstalled();
await become(node, [join(ROOT, 'tools', 'bundle.ts')], { env: cleanEnvironment() });
