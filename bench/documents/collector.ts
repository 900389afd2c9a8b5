// The reference server in a process of its own. Sends its address and the file of its documents, and ends with its parent.

import { startOrigin } from '#origin/server.ts';

const [dir = ''] = process.argv.slice(2);
const { analyticsUrl: url, documentsFile } = await startOrigin({ dir });
process.on('disconnect', () => process.exit(0));
process.send?.({ url, documentsFile });
