#!/usr/bin/env node
// Plain JavaScript for Node 20: the client for the conformance suite of TUF, on the pinned Node. Run the suite with
// `pytest tuf_conformance --entrypoint /path/to/tools/tuf-client.js`.
import { join } from 'node:path';
import { cleanEnvironment } from './environment.js';
import { ensureInstalled, ROOT } from './install.js';
import { become } from './run.js';

const node = await ensureInstalled();
await become(node, [join(ROOT, 'tools', 'tuf-client.ts'), ...process.argv.slice(2)], { env: cleanEnvironment() });
