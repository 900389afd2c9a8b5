// Loaded before the program by tests: an fsync of a package never ends and blocks a thread of the pool, as a dead disk does,
// and the forced stop comes after a short time. FAULT_FIFO names a FIFO without a writer.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import './soon.ts';

const { fsync } = fs;
let armed = false;
process.on('SIGTERM', () => {
  armed = true;
});
const stuck = (descriptor: number, done: fs.NoParamCallback): void => {
  if (armed) fs.open(process.env['FAULT_FIFO'] ?? '', 'r', () => fsync(descriptor, done));
  else fsync(descriptor, done);
};
fs.fsync = stuck as typeof fsync;
syncBuiltinESMExports();
