// Loaded before the program by tests: an fsync of a package never ends and blocks a thread of the pool, as a dead disk does,
// and the forced stop comes after a short time. FAULT_FIFO names a FIFO without a writer.

import { open } from 'node:fs/promises';
import './soon.ts';

const handle = await open('/dev/null');
const prototype = Object.getPrototypeOf(handle) as { sync(this: { fd: number }): Promise<void> };
await handle.close();
const sync = prototype.sync;
let armed = false;
process.on('SIGTERM', () => {
  armed = true;
});
prototype.sync = async function stuck() {
  if (armed) await open(process.env['FAULT_FIFO'] ?? '', 'r');
  await sync.call(this);
};
