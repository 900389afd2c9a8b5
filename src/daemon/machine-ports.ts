// What Sallyport uses of the machine: files, clocks, randomness, the lock, the log and certificate files. The program
// uses `realMachine`. Tests pass fakes, and use the real parts for everything else.

import { openLog } from '#logging/log.ts';
import { type Clock, type Random, systemClock, systemRandom } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { acquireLock } from '#system/lock.ts';
import { realFiles } from '#system/real-files.ts';
import { readTrusts } from './reload/read-trust.ts';

export interface MachinePorts {
  readonly files: Files;
  readonly clock: Clock;
  /** Measures the opening and the reuse of connections. Default: `clock`. */
  readonly connectionClock?: Clock;
  readonly random: Random;
  readonly acquireLock: typeof acquireLock;
  readonly openLog: typeof openLog;
  readonly readTrusts: typeof readTrusts;
}

/** The machine that the program runs on. */
export const realMachine: MachinePorts = {
  files: realFiles,
  clock: systemClock,
  random: systemRandom,
  acquireLock,
  openLog,
  readTrusts,
};
