// Implements `proxy_change: confirm`. If a file that was edited by hand changes the route of a purpose, the connection
// for that purpose is tested. The file takes effect if all tests pass or a person confirms it; otherwise it is on hold.
// It is accepted or held as a whole, and never written.
//
// Guarantees: a file on hold is reported at once and then once a day, with the reason, and is tested again each time.
// Meanwhile, and after a crash, the last confirmed file is active (`confirmed-file.ts`).

import { readConfigText } from '#config/editing/edit-file.ts';
import type { Purpose } from '#config/purposes.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { Settings } from '#config/settings.ts';
import type { HeldFile, TrialFailure } from '#control/change.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { changedRoutes } from '#proxy/choosing/changed-routes.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { keepConfirmed } from './confirmed-file.ts';

const REPORT_INTERVAL_MS = 86_400_000;
/** Stages that hang must not hold the file forever. */
const MAX_TRIAL_MS = 60_000;

export interface GateParts {
  readonly clock: Clock;
  readonly files: Files;
  readonly report: Report;
  /** The active settings. */
  settings(): Settings;
  /** The first failure of these purposes with this text; null when there is none. */
  tryFile(text: string, purposes: Purpose[], signal: AbortSignal): Promise<TrialFailure | null>;
  readonly signal: AbortSignal;
}

/** Decides whether a file that was read becomes active. */
export class FileGate {
  readonly #parts: GateParts;
  #held: (HeldFile & { readonly digest: string }) | null = null;
  #confirmed: string | null = null;
  #tried: Settings | null = null;
  #timer: Timer | null = null;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** The present file, while it waits to be confirmed. */
  get held(): HeldFile | null {
    if (this.#held === null) return null;
    const { since, failure } = this.#held;
    return { since, failure };
  }

  /** Confirms the held file for a person; false when none is held. The caller then has to read the file again. */
  confirm(): boolean {
    if (this.#held === null) return false;
    this.#confirmed = this.#held.digest;
    return true;
  }

  /**
   * These settings were tested and confirmed before they are written: the next file with the same routes is not held.
   */
  expect(settings: Settings): void {
    this.#tried = settings;
  }

  /** Whether the file that was read may become active; `again` reads it once more, a day later. */
  async admits(read: LoadedSettings, again: () => void): Promise<boolean> {
    const from = this.#parts.settings();
    const purposes = changedRoutes(from, read.settings);
    const isTried = this.#tried !== null && changedRoutes(this.#tried, read.settings).length === 0;
    if (purposes.length > 0) this.#tried = null;
    const isConfirmed = isTried || this.#confirmed === read.digest;
    const isFree = from.proxy_change !== 'confirm' || purposes.length === 0 || isConfirmed;
    const failure = isFree ? null : await this.#try(read, purposes);
    this.#timer?.cancel();
    if (failure === null) {
      this.#held = null;
      this.#confirmed = null;
      return true;
    }
    const { clock, report } = this.#parts;
    const since = this.#held?.digest === read.digest ? this.#held.since : utcTime(clock.now());
    this.#held = { since, failure, digest: read.digest };
    report({ name: 'file-held', file: read.file, since, code: failure.code, message: failure.message });
    this.#timer = clock.after(REPORT_INTERVAL_MS, again);
    return false;
  }

  /** The active file is confirmed. It is stored only if its settings require confirmation. */
  async keep({ file, digest, settings }: LoadedSettings): Promise<void> {
    if (settings.proxy_change !== 'confirm') return;
    const { files, report } = this.#parts;
    try {
      const now = await readConfigText(files, file);
      if (now.digest === digest) await keepConfirmed(files, settings.daemon.state_dir, now.text);
    } catch (thrown) {
      report({ name: 'fault', error: asCoded(thrown) });
    }
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #try({ file, digest }: LoadedSettings, purposes: Purpose[]): Promise<TrialFailure | null> {
    const { clock, files, signal } = this.#parts;
    const { text, digest: now } = await readConfigText(files, file);
    if (now !== digest) return { ...LATE, message: 'The file changed while it was read.' };
    const ending = new AbortController();
    const timer = clock.after(MAX_TRIAL_MS, () => ending.abort(), 'a file that is tried');
    try {
      return await this.#parts.tryFile(text, purposes, AbortSignal.any([signal, ending.signal]));
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      return ending.signal.aborted ? LATE : { ...LATE, code: asCoded(thrown).code, message: asCoded(thrown).message };
    } finally {
      timer.cancel();
    }
  }
}

const LATE: TrialFailure = {
  code: 'no answer in time',
  message: 'The test of the file did not finish within a minute.',
  check: 'See the log and: sallyport check.',
  hop: 'this host',
  class: 'timeout',
};
