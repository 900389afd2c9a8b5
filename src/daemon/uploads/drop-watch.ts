// Runs the drop directory: reads its files soon after they appear.
//
// Guarantees: no file is missed, because the directory is read every minute, and every ten seconds while files wait for
// space. Notifications from the file system only make this faster. A directory that cannot be used is reported once,
// and is used as soon as it can be. No function throws.

import { join } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { asCoded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { DropDirectory, ScanResult } from '#uploads/analytics/drop-directory.ts';

const EVERY_MS = 60_000;
const WAITING_MS = 10_000;
/** Files that appear within this time are read together. */
const SETTLE_MS = 200;
const SWEEP_EVERY_MS = 3_600_000;

export interface DropWatchPorts {
  readonly dir: string;
  readonly drop: DropDirectory;
  readonly clock: Clock;
  readonly report: ScopedReport;
}

export class DropWatch {
  readonly #ports: DropWatchPorts;
  readonly #ending = new AbortController();
  #watcher: FSWatcher | null = null;
  #timer: Timer | null = null;
  #running: Promise<void> | null = null;
  #isHinted = false;
  /** The problem that was reported last. */
  #problem: string | null = null;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(ports: DropWatchPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#go();
  }

  /** Waits until the file that is being read is accepted or left as it is. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#timer?.cancel();
    await this.#running;
    await this.#watcher?.close();
  }

  #go(): void {
    if (this.#ending.signal.aborted) return;
    this.#timer?.cancel();
    if (this.#running !== null) {
      this.#isHinted = true;
      return;
    }
    this.#isHinted = false;
    this.#running = this.#read().then((againMs) => {
      this.#running = null;
      this.#plan(this.#isHinted ? SETTLE_MS : againMs);
    });
  }

  #plan(ms: number): void {
    if (this.#ending.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.after(ms, () => this.#go());
  }

  /** How long to wait until the directory is read again, in ms. */
  async #read(): Promise<number> {
    const { drop, report } = this.#ports;
    const { signal } = this.#ending;
    try {
      const problem = await drop.check();
      if (problem !== null && problem.message !== this.#problem) report({ name: 'drop-unusable', error: problem });
      this.#problem = problem?.message ?? null;
      if (problem !== null) return EVERY_MS;
      await drop.announce();
      await this.#watch();
      const result = await drop.scan(signal);
      await this.#sweep();
      return waitAfter(result);
    } catch (thrown) {
      if (!signal.aborted) report({ name: 'drop-failed', file: this.#ports.dir, error: asCoded(thrown) });
      return EVERY_MS;
    }
  }

  async #sweep(): Promise<void> {
    const now = this.#ports.clock.monotonic();
    if (now - this.#sweptAtMs < SWEEP_EVERY_MS) return;
    this.#sweptAtMs = now;
    await this.#ports.drop.sweep();
  }

  async #watch(): Promise<void> {
    if (this.#watcher !== null) return;
    const { watch } = await import('chokidar');
    if (this.#ending.signal.aborted) return;
    const dir = join(this.#ports.dir, 'new');
    this.#watcher = watch(dir, { depth: 0, ignoreInitial: true, followSymlinks: false });
    this.#watcher.on('add', () => {
      if (this.#running === null) this.#plan(SETTLE_MS);
      else this.#isHinted = true;
    });
    // Without notifications, files are noticed within a minute.
    this.#watcher.on('error', () => undefined);
  }
}

/** Full: after a while. More files than one scan reads: at once. */
function waitAfter({ files, waiting }: ScanResult): number {
  if (waiting === 0) return EVERY_MS;
  return files > 0 ? SETTLE_MS : WAITING_MS;
}
