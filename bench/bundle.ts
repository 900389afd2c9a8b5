// Builds a bundle from a log of 256 MiB, or as many MiB as the first argument says. Prints the time, the peak of the
// memory (VmHWM), and the longest turn of the event loop. The turn is measured in CPU time of its thread, so that other
// load does not change it. Exit status 1 if the memory exceeds 130 MiB.
//
// Run: node bench/bundle.ts [MIB] [tar.zst|zip] [age]

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildProgram, FLAGS } from './documents/measure.ts';

const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
try {
  const program = buildProgram(new URL('bundle/worker.ts', import.meta.url), dir);
  const { status } = spawnSync(process.execPath, [...FLAGS, program, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
