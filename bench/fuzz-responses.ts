// Runs the client against fuzzed responses of servers, proxies and PAC files, for longer than CI does: 20,000 rounds by
// default. A fault is printed with its seed and round; `--from ROUND --rounds 1 --seed SEED` repeats it.
//
// Run: node bench/fuzz-responses.ts [--rounds 20000] [--seed N] [--from 0]

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzzResponses } from '#test/support/response-fuzz.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' } },
});
const seed = values.seed === undefined ? randomInt(1_000_000_000) : Number(values.seed);
const rounds = Number(values.rounds ?? 20_000);
console.log(`seed ${seed}, ${rounds} rounds`);
const startedMs = performance.now();
const report = await fuzzResponses({ seed, rounds, from: Number(values.from ?? 0) });
for (const [code, times] of [...report.codes].sort((a, b) => b[1] - a[1])) console.log(`${times}`.padStart(7), code);
for (const fault of report.faults.slice(0, 50)) console.log(fault);
const seconds = Math.round((performance.now() - startedMs) / 1_000);
console.log(`${report.faults.length} faults, longest pause ${Math.round(report.longestPauseMs)} ms, ${seconds} s`);
process.exitCode = report.faults.length === 0 ? 0 : 1;
