// Preloaded into Sallyport for the rows without durability: fsync does nothing.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

fs.fsync = (_file, done) => process.nextTick(done, null);
syncBuiltinESMExports();
