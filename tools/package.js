// Plain JavaScript for Node 20: `npm run package`. Installs what is missing, then makes the packages on the pinned Node.
import { join } from 'node:path';
import { cleanEnvironment } from './environment.js';
import { ensureInstalled, ROOT } from './install.js';
import { become } from './run.js';

const node = await ensureInstalled();
const env = cleanEnvironment();
// npm, which installs what is for another architecture, may need it.
if (process.env.NODE_EXTRA_CA_CERTS) env.SALLYPORT_NPM_CA_CERTS = process.env.NODE_EXTRA_CA_CERTS;
await become(node, [join(ROOT, 'tools', 'package', 'main.ts'), ...process.argv.slice(2)], { env });
