// Measures the cost of a log line (the classic line in the file and the JSON line for stdout), compared with pino alone, which
// writes one JSON line to a file. Prints microseconds per line and the ratio. About 5 s.
//
// Run: node bench/log.ts

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openLog } from '#logging/log.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { systemClock } from '#system/clock.ts';

const LINES = 20_000;
const ROUNDS = 5;

const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
try {
  const ours: number[] = [];
  const bare: number[] = [];
  // They alternate, so that both run under the same load.
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(measureOurs());
    bare.push(measureBare(join(dir, `bare-${round}.log`)));
  }
  const [log, peer] = [Math.min(...ours), Math.min(...bare)];
  process.stdout.write(`Sallyport's log  ${log.toFixed(1)} µs a line (file and JSON for stdout)\n`);
  process.stdout.write(`pino alone       ${peer.toFixed(1)} µs a line (one JSON line to a file)\n`);
  process.stdout.write(`ratio            ${(log / peer).toFixed(1)}\n`);
} finally {
  await rm(dir, { recursive: true, force: true });
}

/** Microseconds per line. */
function measureOurs(): number {
  const screen = { write: () => undefined, tty: false, color: false, columns: () => 100 };
  const log = openLog({
    dir,
    level: 'info',
    rotateBytes: null,
    rotateKeep: 1,
    known: new KnownSecrets(),
    clock: systemClock,
    complain: (line) => process.stderr.write(`${line}\n`),
    terminal: { screen, form: 'json' },
  });
  const each = timePerLine(() => log.report({ name: 'downloading', id: '1602503' }));
  log.close();
  return each;
}

function measureBare(file: string): number {
  const logger = pino(pino.destination({ dest: file, sync: true }));
  return timePerLine(() => logger.info({ event: 'downloading', id: '1602503' }, 'Downloading update ID 1602503'));
}

function timePerLine(line: () => void): number {
  const started = performance.now();
  for (let number = 0; number < LINES; number += 1) line();
  return ((performance.now() - started) * 1_000) / LINES;
}
