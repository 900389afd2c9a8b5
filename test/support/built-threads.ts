// Runs threads of the program from its bundle, as on a host. A thread from the sources must first load Node's compiler
// for TypeScript: 0.2 s instead of 0.06 s of CPU time for a PAC file.
//
// A test that starts many threads imports this file. The bundle is built at the import, so that it delays no deadline
// of a test.

import { readdirSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from 'node:worker_threads';
import { PROGRAM_PATH } from './built-program.ts';

const PARTS = join(dirname(PROGRAM_PATH), 'parts');
/** Each script of a thread, and the name of its file in the bundle without the digest. */
const THREADS = new Map([
  ['../../src/proxy/pac/worker.ts', 'pac-worker-'],
  ['../../src/diagnose/witness-worker.ts', 'diagnose-witness-worker-'],
  ['../../src/system/hashing/worker.ts', 'hashing-worker-'],
]);
const built = new Map([...THREADS].map(([script, name]) => [pathOf(script), builtFile(name)]));

function pathOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}

function builtFile(name: string): string {
  const file = readdirSync(PARTS).find((found) => found.startsWith(name));
  if (file === undefined) throw new Error(`the bundle has no thread ${name}`);
  return join(PARTS, file);
}

const threads = createRequire(import.meta.url)('node:worker_threads') as typeof import('node:worker_threads');

class BuiltWorker extends threads.Worker {
  constructor(script: string | URL, options?: WorkerOptions) {
    super((script instanceof URL ? built.get(fileURLToPath(script)) : undefined) ?? script, options);
  }
}

threads.Worker = BuiltWorker;
syncBuiltinESMExports();
